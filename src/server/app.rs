//! The state that all requests share: the store, the limits, and the access checks.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::api_error::{ApiError, StatusMode};
use super::budget::{BudgetShare, MemoryBudget};
use super::descriptors::DescriptorShares;
use super::gateway::Gateway;
use super::hosts::Hosts;
use super::keys::ApiKeys;
use super::response_cache::ResponseCache;
use super::signature::Signer;
use crate::model::clock;
use crate::{Store, Version, VersionSpec};

/// Limits on what clients can use of a server.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Maximum size of a request body in bytes: 50 MiB, as in the live service.
    pub body_bytes: usize,
    /// Maximum time for a request's head, and maximum idle time of a connection: 30 s.
    pub header_time: Duration,
    /// Maximum time for a request's body: 60 s.
    pub body_time: Duration,
    /// Maximum number of open connections: 4096.
    ///
    /// The number is lower if the process may not open that many files, because some are reserved
    /// for the store. A connection beyond the limit closes the one that has been idle longest;
    /// connections that never presented a key are closed before others. If no connection is idle,
    /// the new one is answered with 503.
    pub connections: usize,
    /// Maximum memory of request bodies and responses in progress, in bytes in total: 576 MiB.
    ///
    /// A third is for bodies that are being received and for responses until they are sent. The
    /// rest is for requests that are being processed. A request beyond the limit is answered with
    /// 503. Requests and responses of up to 64 KiB are not counted.
    pub memory_bytes: usize,
    /// Maximum time that a stopping server waits for requests in progress: 30 s.
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

/// Maximum number of writes that occupy a thread while they wait for their turn.
///
/// Further writes wait without a thread, so that reads never wait for writes.
const MAX_WAITING_WRITERS: usize = 64;

/// The number of a server's first request.
const FIRST_REQUEST: u64 = 1;

/// The state that all requests share.
pub(crate) struct App {
    store: RwLock<Store>,
    pub(super) status: StatusMode,
    pub(super) limits: Limits,
    pub(super) keys: ApiKeys,
    pub(super) hosts: Hosts,
    pub(super) signer: Signer,
    pub(super) clock: Box<dyn Fn() -> DateTime<Utc> + Send + Sync>,
    /// The start of URLs, if it is not the host that the request names.
    pub(super) public_url: Option<String>,
    /// The port that the server listens on.
    pub(super) port: u16,
    pub(super) response_cache: ResponseCache,
    pub(super) budget: MemoryBudget,
    pub(super) gateway: Gateway,
    writers: Arc<Semaphore>,
    /// Permits for concurrent reads: each read occupies a thread and some of the store's files.
    readers: Arc<Semaphore>,
    /// Maximum number of concurrent connections.
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
        status: StatusMode,
        limits: Limits,
        keys: ApiKeys,
        hosts: Hosts,
        signer: Signer,
    ) -> Self {
        let files = DescriptorShares::now();
        Self {
            store: RwLock::new(store),
            status,
            budget: MemoryBudget::new(limits.memory_bytes),
            connections: limits.connections.min(files.connections),
            limits,
            keys,
            hosts,
            signer,
            clock: Box::new(clock::system),
            public_url: None,
            port: 0,
            response_cache: ResponseCache::default(),
            gateway: Gateway::default(),
            writers: Arc::new(Semaphore::new(MAX_WAITING_WRITERS)),
            readers: Arc::new(Semaphore::new(files.readers)),
            requests: AtomicU64::new(FIRST_REQUEST),
        }
    }

    /// Returns the number of the next request.
    pub(super) fn next_request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed)
    }

    /// Restarts the request numbers at the first one.
    pub(super) fn restart_requests(&self) {
        self.requests.store(FIRST_REQUEST, Ordering::Relaxed);
    }

    /// Reads the store on a thread that may wait for the disk without delaying other requests.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        self.work(&self.readers, work).await
    }

    /// Changes the store, and holds the request's share of the budget until then.
    ///
    /// Once the work has begun, it is completed even if the client disconnects.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        share: impl Into<Option<BudgetShare>>,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let share = share.into();
        let changed = move |store: &Store| {
            // The live service has no environment list.
            let changed = work(&store.accepting_unlisted());
            drop(share);
            changed
        };
        self.work(&self.writers, changed).await
    }

    /// Works on the store on a blocking thread, with one of a limited number of permits.
    ///
    /// The thread owns the permit, because the client may disconnect long before the work is done.
    async fn work<T: Send + 'static>(
        self: &Arc<Self>,
        permits: &Arc<Semaphore>,
        work: impl FnOnce(&Store) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        // The semaphore is never closed.
        let permit = Arc::clone(permits).acquire_owned().await;
        let app = Arc::clone(self);
        blocking(move || {
            let done = work(&app.store());
            drop(permit);
            done
        })
        .await
    }

    /// Returns the version that a spec selects.
    ///
    /// The version is taken from memory without delay if it is cached and up to date.
    pub(super) async fn version(
        self: &Arc<Self>,
        spec: VersionSpec,
    ) -> Result<crate::Result<Arc<Version>>, ApiError> {
        // If the store is being replaced, this thread must not wait for it.
        let remembered = self.store.try_read().ok();
        if let Some(version) = remembered.and_then(|store| store.try_version_cached(&spec)) {
            return Ok(Ok(version));
        }
        self.read(move |store| store.as_view().shared_version(&spec))
            .await
    }

    /// Returns the time at which a body URL that is created now expires, in seconds since 1970.
    pub(super) fn expiry(&self) -> i64 {
        Signer::expiry((self.clock)())
    }

    /// Locks the store against replacement and returns it; hold the guard only briefly.
    pub(super) fn store(&self) -> std::sync::RwLockReadGuard<'_, Store> {
        self.store.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces the store as soon as no request uses it.
    pub(super) fn replace_store<T>(&self, replace: impl FnOnce(&mut Store) -> T) -> T {
        replace(&mut self.store.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Runs work that may block on a separate thread, so that it delays no other request.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let done = spawn_blocking(work).await;
    done.map_err(|panic| ApiError::Internal(panic.to_string().into()))
}
