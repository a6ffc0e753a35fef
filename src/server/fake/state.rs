//! What a fake has beside the server: the state that tests set, read and reset.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use tokio::sync::watch;

use super::baseline::Origin;
use super::calls::{Calls, has};
use super::clock::Clock;
use super::faults::{Fault, Faults};
use super::route_names::Known;
use super::{Call, FakeError};
use crate::server::Fixtures;
use crate::server::app::App;

/// A fake's state.
pub(crate) struct Stage {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    known: Known,
    origin: Mutex<Origin>,
    run: watch::Sender<Run>,
}

/// From one reset to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Number(u64),
    /// The fake stops.
    Over,
}

impl Stage {
    pub(crate) fn new(app: Arc<App>, clock: Arc<Clock>, known: Known, origin: Origin) -> Self {
        Self {
            app,
            clock,
            faults: Faults::default(),
            calls: Calls::default(),
            known,
            origin: Mutex::new(origin),
            run: watch::Sender::new(Run::Number(0)),
        }
    }

    /// Goes back to the start.
    pub(crate) fn reset(&self) -> Result<(), FakeError> {
        self.go_back(&self.origin())
    }

    /// Goes back to a start with other fixtures.
    pub(crate) fn refill(&self, fixtures: &Fixtures) -> Result<(), FakeError> {
        let mut origin = self.origin();
        origin.renewable()?;
        origin.fill(fixtures)?;
        self.go_back(&origin)
    }

    fn go_back(&self, origin: &Origin) -> Result<(), FakeError> {
        // All in one go, as far as whoever uses the store can tell.
        self.app.replace_store(|store| {
            origin.renew(store)?;
            self.clock.restore(origin.start());
            self.faults.clear();
            self.calls.clear();
            self.app.restart_requests();
            Ok::<_, FakeError>(())
        })?;
        self.run.send_modify(|run| {
            if let Run::Number(number) = run {
                *number += 1;
            }
        });
        Ok(())
    }

    /// Lets go of the calls that are held back, now and from now on.
    pub(crate) fn close(&self) {
        self.run.send_replace(Run::Over);
    }

    /// Waits until the fake is reset or stops.
    pub(crate) fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut run = self.run.subscribe();
        let current = *run.borrow_and_update();
        async move {
            // That the sender is gone says that it is over, too.
            let ended = run.wait_for(|run| *run != current || *run == Run::Over);
            drop(ended.await);
        }
    }

    pub(crate) fn fault(&self, fault: Fault) -> Result<(), FakeError> {
        self.faults.add(fault, &self.known)
    }

    /// The name of the route that a call is of; none for a method that its path does not have.
    pub(crate) fn route(&self, method: &Method, path: &str) -> Option<String> {
        self.known.name(method, path)
    }

    /// The calls that are kept: of a route, or all.
    pub(crate) fn calls(&self, route: Option<&str>) -> Result<Vec<Call>, FakeError> {
        let route = route.map(|route| self.known.find(route)).transpose()?;
        Ok(self.calls.list(route.as_deref()))
    }

    /// How many calls there were of a route; with `json`, how many of those that are kept had it in their body.
    pub(crate) fn count(
        &self,
        route: &str,
        json: Option<&serde_json::Value>,
    ) -> Result<u64, FakeError> {
        let route = self.known.find(route)?;
        let Some(expected) = json else {
            return Ok(self.calls.count(&route));
        };
        let calls = self.calls.list(Some(&route)).into_iter();
        let matching =
            calls.filter(|call| call.json.as_ref().is_some_and(|json| has(json, expected)));
        Ok(matching.count() as u64)
    }

    /// Tells that a route was not called as often as it should have been, and what was called.
    pub(crate) fn miscounted(&self, route: &str, json: bool, found: u64, expected: u64) -> String {
        const MOST_TOLD: usize = 20;
        let calls = self.calls.list(None);
        let untold = calls.len().saturating_sub(MOST_TOLD) as u64 + self.calls.dropped();
        let times = |times| format!("{times} {}", if times == 1 { "time" } else { "times" });
        let mut told = format!(
            "{route} was called {}{}, expected {}; ",
            times(found),
            if json { " with this JSON" } else { "" },
            times(expected)
        );
        told += match (calls.is_empty(), untold) {
            (true, _) => "there were no calls",
            (false, 0) => "the calls were:",
            (false, _) => "the last calls were:",
        };
        for call in calls.iter().rev().take(MOST_TOLD).rev() {
            told += &format!("\n  {call}");
        }
        told
    }

    fn origin(&self) -> MutexGuard<'_, Origin> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage")
            .field("clock", &self.clock)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
