//! The set of open connections, and how they are closed.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{sleep, timeout};

use super::idle::Activity;

/// The open connections. Dropping this closes them.
#[derive(Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    open: HashMap<Id, (Activity, AbortHandle)>,
}

/// The time without activity after which a connection is idle.
///
/// A stopping server does not wait for idle connections, and an idle connection is closed if there
/// is no room for a new one.
const MIN_IDLE_TIME: Duration = Duration::from_secs(1);

impl Connections {
    /// Serves another connection.
    pub(super) fn add(
        &mut self,
        activity: Activity,
        served: impl Future<Output = ()> + Send + 'static,
    ) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            let id = ended.map_or_else(|error| error.id(), |(id, ())| id);
            self.open.remove(&id);
        }
        let task = self.tasks.spawn(served);
        self.open.insert(task.id(), (activity, task));
    }

    /// Closes the connection that has been idle longest, and returns whether there was one.
    ///
    /// Connections that never presented a key are closed before others.
    pub(super) fn close_one(&mut self) -> bool {
        let idle = self.open.iter().filter_map(|(id, (activity, _))| {
            let since = activity.idle_since()?;
            (since.elapsed() >= MIN_IDLE_TIME).then(|| (activity.has_key(), since, *id))
        });
        let Some((.., id)) = idle.min_by_key(|(has_key, since, _)| (*has_key, *since)) else {
            return false;
        };
        if let Some((_, task)) = self.open.remove(&id) {
            task.abort();
        }
        true
    }

    /// Waits until the requests in progress are answered; returns false if the limit expires first.
    pub(super) async fn finish(self, graceful: GracefulShutdown, limit: Duration) -> bool {
        let mut answered = pin!(graceful.shutdown());
        let finished = async {
            loop {
                tokio::select! {
                    () = &mut answered => return,
                    () = sleep(MIN_IDLE_TIME / 10) => self.close_idle(),
                }
            }
        };
        timeout(limit, finished).await.is_ok()
    }

    fn close_idle(&self) {
        for (activity, task) in self.open.values() {
            if activity.is_idle_for(MIN_IDLE_TIME) {
                task.abort();
            }
        }
    }
}
