//! What all requests share: the store, and who may do what with it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::api_error::{Refusal, Status};
use super::budget::{Budget, Share};
use super::descriptors::Shares;
use super::hosts::Hosts;
use super::keys::Keys;
use super::response_cache::KeptAnswers;
use super::signature::Signer;
use crate::model::clock;
use crate::{Spec, Store, Version};

/// What a server lets clients use of it.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The largest request body, in bytes: 50 MiB, as of the live service.
    pub body_bytes: usize,
    /// How long a request's head may take, and how long a connection may be idle: 30 s.
    pub header_time: Duration,
    /// How long a request's body may take: 60 s.
    pub body_time: Duration,
    /// How many connections may be open: 4096, and no more than leave open files for the store. For one more, the one that
    /// has been idle longest is closed, those before others that never had a key; if none is idle, it is answered 503.
    pub connections: usize,
    /// How much memory bodies and answers under way may take in sum, in bytes: 576 MiB. A third is for bodies as they come
    /// and for answers until they are taken, the rest for requests that are worked on. What is beyond is answered 503; up
    /// to 64 KiB of each request and answer are not counted.
    pub memory_bytes: usize,
    /// How long requests that are under way may take after the server was told to stop: 30 s.
    pub stop_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes: crate::Body::MAX_BYTES,
            header_time: Duration::from_secs(30),
            body_time: Duration::from_secs(60),
            connections: 4096,
            memory_bytes: 576 * 1024 * 1024,
            stop_time: Duration::from_secs(30),
        }
    }
}

/// Writers that wait for their turn each hold a thread; more wait without one, so that readers never wait for them.
const MOST_WAITING_WRITERS: usize = 64;

/// The number of a server's first request.
const FIRST_REQUEST: u64 = 1;

/// What all requests share.
pub(crate) struct App {
    store: RwLock<Store>,
    pub(super) status: Status,
    pub(super) limits: Limits,
    pub(super) keys: Keys,
    pub(super) hosts: Hosts,
    pub(super) signer: Signer,
    pub(super) clock: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// In front of URLs, where it is not what the request was for.
    pub(super) public_url: Option<String>,
    pub(super) kept: KeptAnswers,
    pub(super) budget: Budget,
    writers: Arc<Semaphore>,
    /// Reads at once: each holds a thread, and open files of the store.
    readers: Arc<Semaphore>,
    /// Connections at once.
    pub(super) connections: usize,
    requests: AtomicU64,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App")
            .field("store", &self.store)
            .field("status", &self.status)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl App {
    pub(super) fn new(
        store: Store,
        status: Status,
        limits: Limits,
        keys: Keys,
        hosts: Hosts,
        signer: Signer,
    ) -> Self {
        let files = Shares::now();
        Self {
            store: RwLock::new(store),
            status,
            budget: Budget::new(limits.memory_bytes),
            connections: limits.connections.min(files.connections),
            limits,
            keys,
            hosts,
            signer,
            clock: Box::new(clock::system),
            public_url: None,
            kept: KeptAnswers::default(),
            writers: Arc::new(Semaphore::new(MOST_WAITING_WRITERS)),
            readers: Arc::new(Semaphore::new(files.readers)),
            requests: AtomicU64::new(FIRST_REQUEST),
        }
    }

    /// The number of the next request.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Numbers requests from the first again.
    pub(super) fn restart_requests(&self) {
        self.requests.store(FIRST_REQUEST, Ordering::Relaxed);
    }

    /// Reads the store, where waiting for a disk keeps no other request waiting.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        self.work(&self.readers, work).await
    }

    /// Changes the store, with what the request holds of the budget. Once it has begun it ends, also if the client goes
    /// away.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        share: impl Into<Option<Share>>,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let share = share.into();
        let changed = move |store: &Store| {
            let changed = work(store);
            drop(share);
            changed
        };
        self.work(&self.writers, changed).await
    }

    /// Works on the store in a thread, as one of a bounded number. The thread has the permit: the client may be gone long
    /// before the work is done.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        permits: &Arc<Semaphore>,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        // It is never closed.
        let permit = Arc::clone(permits).acquire_owned().await;
        let app = Arc::clone(self);
        blocking(move || {
            let done = work(&app.store());
            drop(permit);
            done
        })
        .await
    }

    /// The version that a spec names: from memory at once if it is there, and fresh.
    pub(super) async fn version(
        self: &Arc<Self>,
        spec: Spec,
    ) -> Result<crate::Result<Arc<Version>>, Refusal> {
        // While the store is being replaced, nobody waits for it here.
        let remembered = self.store.try_read().ok();
        if let Some(version) = remembered.and_then(|store| store.remembered_version(&spec)) {
            return Ok(Ok(version));
        }
        self.read(move |store| store.shared_version(&spec)).await
    }

    /// When a URL of a body expires that is told of now.
    pub(super) fn expiry(&self) -> i64 {
        Signer::expiry((self.clock)())
    }

    /// The store, for a short while: it can't be replaced meanwhile.
    pub(super) fn store(&self) -> std::sync::RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the store, once nobody uses it.
    pub(super) fn replace_store<T>(&self, replace: impl FnOnce(&mut Store) -> T) -> T {
        replace(&mut self.store.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Does what may take its time where it keeps no other request waiting.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Refusal> {
    let done = spawn_blocking(work).await;
    done.map_err(|panic| Refusal::Internal(panic.to_string().into()))
}
