//! The state of a fake beyond the server's, which tests set, read and reset.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use tokio::sync::watch;

use super::baseline::Baseline;
use super::calls::{Calls, has};
use super::clock::FakeTime;
use super::faults::{Fault, Faults};
use super::route_names::RouteNames;
use super::{Call, FakeError};
use crate::server::Fixtures;
use crate::server::app::App;

/// A fake's state.
pub(crate) struct FakeState {
    pub(crate) app: Arc<App>,
    pub(crate) clock: Arc<FakeTime>,
    pub(crate) faults: Faults,
    pub(crate) calls: Calls,
    known: RouteNames,
    origin: Mutex<Baseline>,
    run: watch::Sender<FakeRun>,
}

/// A period between two resets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FakeRun {
    Number(u64),
    /// The fake is stopping.
    Over,
}

impl FakeState {
    pub(crate) fn new(
        app: Arc<App>,
        clock: Arc<FakeTime>,
        known: RouteNames,
        origin: Baseline,
    ) -> Self {
        Self {
            app,
            clock,
            faults: Faults::default(),
            calls: Calls::default(),
            known,
            origin: Mutex::new(origin),
            run: watch::Sender::new(FakeRun::Number(0)),
        }
    }

    /// Resets the fake to its baseline.
    pub(crate) fn reset(&self) -> Result<(), FakeError> {
        self.go_back(&self.origin())
    }

    /// Resets the fake to a baseline with other fixtures.
    pub(crate) fn refill(&self, fixtures: &Fixtures) -> Result<(), FakeError> {
        let mut origin = self.origin();
        origin.renewable()?;
        origin.fill(fixtures)?;
        self.go_back(&origin)
    }

    fn go_back(&self, origin: &Baseline) -> Result<(), FakeError> {
        // The store is locked for all of it, so that no user of the store sees a part of the reset.
        self.app.replace_store(|store| {
            origin.renew(store)?;
            self.clock.restore(origin.start());
            self.faults.clear();
            self.calls.clear();
            self.app.restart_requests();
            Ok::<_, FakeError>(())
        })?;
        self.run.send_modify(|run| {
            if let FakeRun::Number(number) = run {
                *number += 1;
            }
        });
        Ok(())
    }

    /// Ends the calls that a fault holds back, now and from now on.
    pub(crate) fn close(&self) {
        self.run.send_replace(FakeRun::Over);
    }

    /// Waits until the fake is reset or stops.
    pub(crate) fn end(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut run = self.run.subscribe();
        let current = *run.borrow_and_update();
        async move {
            // A dropped sender also means that the fake stops.
            let ended = run.wait_for(|run| *run != current || *run == FakeRun::Over);
            drop(ended.await);
        }
    }

    pub(crate) fn fault(&self, fault: Fault) -> Result<(), FakeError> {
        self.faults.add(fault, &self.known)
    }

    /// Returns the name of a call's route, or `None` if the path does not have this method.
    pub(crate) fn route(&self, method: &Method, path: &str) -> Option<String> {
        self.known.name(method, path)
    }

    /// Returns the recorded calls of a route, or all of them.
    pub(crate) fn calls(&self, route: Option<&str>) -> Result<Vec<Call>, FakeError> {
        let route = route.map(|route| self.known.find(route)).transpose()?;
        Ok(self.calls.list(route.as_deref()))
    }

    /// Returns the number of calls of a route.
    ///
    /// With `json`, it counts only the recorded calls whose body contains that value.
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

    /// Returns a message that a route was not called as often as expected, with a list of calls.
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

    fn origin(&self) -> MutexGuard<'_, Baseline> {
        self.origin.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for FakeState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeState")
            .field("clock", &self.clock)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}
