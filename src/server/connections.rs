//! The connections that are open, and how they come to their end.

use std::collections::HashMap;
use std::pin::pin;
use std::time::Duration;

use hyper_util::server::graceful::GracefulShutdown;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::{sleep, timeout};

use super::idle::Activity;

/// The connections that are open. When this is dropped, they are closed.
#[derive(Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    open: HashMap<Id, (Activity, AbortHandle)>,
}

/// Who has begun a request and sends nothing for so long, while the server is stopping, is not waited for.
const PAUSE: Duration = Duration::from_secs(1);

impl Connections {
    /// Serves one more.
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

    /// Waits until the requests that are under way are answered; false if it takes longer than the limit.
    pub(super) async fn finish(self, graceful: GracefulShutdown, limit: Duration) -> bool {
        let mut answered = pin!(graceful.shutdown());
        let finished = async {
            loop {
                tokio::select! {
                    () = &mut answered => return,
                    () = sleep(PAUSE / 10) => self.close_idle(),
                }
            }
        };
        timeout(limit, finished).await.is_ok()
    }

    fn close_idle(&self) {
        for (activity, task) in self.open.values() {
            if activity.is_idle_for(PAUSE) {
                task.abort();
            }
        }
    }
}
