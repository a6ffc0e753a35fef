//! Notices of commits, by which callers that wait for changes are woken.
//!
//! Each commit notifies the store's channel. A connection of its own listens. While it is broken, and
//! in case that a notice is lost, the caller compares change marks.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::AsyncMessage;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect::Connector;
use super::index::PostgresIndex;
use super::runtime;
use crate::storage::{CommitWatch, WakeFn};

/// The interval at which callers compare change marks although nothing was announced.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// The pause before a broken connection is replaced.
const RECONNECT_INTERVAL: Duration = Duration::from_millis(250);

/// Listens until the watch is dropped.
pub(super) fn begin(index: &PostgresIndex, wake: WakeFn) -> CommitWatch {
    let connector = Arc::clone(&index.pool.connector);
    let (Ok(runtime), Ok(tls)) = (runtime::handle(), connector.tls()) else {
        return CommitWatch::polling(LOOK_INTERVAL);
    };
    let listener = Listener {
        connector,
        tls,
        channel: index.channel.clone(),
        wake,
    };
    let task = runtime.spawn(listener.run());
    CommitWatch::waking(Box::new(TaskGuard(task)), LOOK_INTERVAL)
}

/// Ends a task when it is dropped.
struct TaskGuard(JoinHandle<()>);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection that listens, and is opened again when it breaks.
struct Listener {
    connector: Arc<Connector>,
    tls: Option<MakeRustlsConnect>,
    channel: String,
    wake: WakeFn,
}

impl Listener {
    async fn run(self) {
        loop {
            // What it says when it breaks is of no use here: callers find out when they look.
            let _ = self.listen().await;
            (self.wake)();
            tokio::time::sleep(RECONNECT_INTERVAL).await;
        }
    }

    async fn listen(&self) -> Result<(), tokio_postgres::Error> {
        let (client, mut messages) = self.connector.open(self.tls.clone()).await?;
        let begun = format!("LISTEN {}", self.channel);
        let mut begun = std::pin::pin!(client.batch_execute(&begun));
        let mut is_listening = false;
        loop {
            let message = poll_fn(|context| {
                if !is_listening && begun.as_mut().poll(context).is_ready() {
                    is_listening = true;
                    // A commit may have been made before.
                    (self.wake)();
                }
                messages.poll_next(context)
            });
            match message.await {
                Some(Ok(AsyncMessage::Notification(_))) => (self.wake)(),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
                None => return Ok(()),
            }
        }
    }
}
