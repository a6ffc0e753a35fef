//! The background runtime of all connections and of object stores, and waits for its answers.
//!
//! One thread reads and writes the sockets. A call sends its statements to it through a channel and
//! parks its own thread until the answer has come. It therefore works in any thread, also in one of
//! another async runtime.

use std::future::Future;
use std::pin::pin;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::thread::Thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// The runtime, and the process that started it. The thread does not survive a fork.
static RUNTIME: Mutex<Option<(u32, Handle)>> = Mutex::new(None);

/// Returns the runtime, which is started if necessary. It ends with the process.
pub(in crate::storage) fn handle() -> StorageResult<Handle> {
    let mut runtime = RUNTIME.lock().unwrap_or_else(PoisonError::into_inner);
    let process = std::process::id();
    if let Some((of, handle)) = &*runtime
        && *of == process
    {
        return Ok(handle.clone());
    }
    let failed = |error| StorageError::io("postgres: starting the background thread", error);
    let started = Builder::new_current_thread().enable_all().build();
    let started = started.map_err(failed)?;
    let handle = started.handle().clone();
    thread::Builder::new()
        .name("promptbook-remote".into())
        .spawn(move || started.block_on(std::future::pending::<()>()))
        .map_err(failed)?;
    *runtime = Some((process, handle.clone()));
    Ok(handle)
}

/// Runs a future on the background thread, and waits for its result for a limited time.
///
/// # Errors
///
/// [`Busy`](StorageErrorKind::Busy) if the limit has passed. The future is then dropped.
pub(super) fn run<T: Send + 'static>(
    doing: &str,
    limit: Duration,
    future: impl Future<Output = T> + Send + 'static,
) -> StorageResult<T> {
    let (send, receive) = sync_channel(1);
    let task = handle()?.spawn(async move {
        let _ = send.send(future.await);
    });
    receive.recv_timeout(limit).map_err(|error| {
        task.abort();
        let (kind, reason) = match error {
            RecvTimeoutError::Timeout => (StorageErrorKind::Busy, "the server does not answer"),
            RecvTimeoutError::Disconnected => (StorageErrorKind::Io, "the background thread ended"),
        };
        StorageError::new(kind, format!("postgres: {doing}: {reason}"))
    })
}

/// Waits for a future that depends on the background thread only through channels.
pub(super) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(ParkedThread(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

/// A thread that is woken by an answer.
struct ParkedThread(Thread);

impl Wake for ParkedThread {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
