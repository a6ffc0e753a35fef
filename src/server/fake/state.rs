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
    route_names: RouteNames,
    baseline: Mutex<Baseline>,
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
        route_names: RouteNames,
        baseline: Baseline,
    ) -> Self {
        Self {
            app,
            clock,
            faults: Faults::default(),
            calls: Calls::default(),
            route_names,
            baseline: Mutex::new(baseline),
            run: watch::Sender::new(FakeRun::Number(0)),
        }
    }

    /// Resets the fake to its baseline.
    pub(crate) fn reset(&self) -> Result<(), FakeError> {
        self.restore(&self.baseline())
    }

    /// Resets the fake to a baseline with other fixtures.
    pub(crate) fn reset_to(&self, fixtures: &Fixtures) -> Result<(), FakeError> {
        let mut baseline = self.baseline();
        baseline.check_recreatable()?;
        baseline.fill(fixtures)?;
        self.restore(&baseline)
    }

    fn restore(&self, baseline: &Baseline) -> Result<(), FakeError> {
        // The store is locked for all of it, so that no user of the store sees a part of the reset.
        self.app.replace_store(|store| {
            baseline.recreate(store)?;
            self.clock.restore(baseline.start());
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
        self.faults.add(fault, &self.route_names)
    }

    /// Returns the name of a call's route, or `None` if the path does not have this method.
    pub(crate) fn route(&self, method: &Method, path: &str) -> Option<String> {
        self.route_names.name(method, path)
    }

    /// Returns the recorded calls of a route, or all of them.
    pub(crate) fn calls(&self, route: Option<&str>) -> Result<Vec<Call>, FakeError> {
        let route = route
            .map(|route| self.route_names.find(route))
            .transpose()?;
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
        let route = self.route_names.find(route)?;
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
        const MAX_LISTED_CALLS: usize = 20;
        let calls = self.calls.list(None);
        let unlisted = calls.len().saturating_sub(MAX_LISTED_CALLS) as u64 + self.calls.dropped();
        let times = |times| format!("{times} {}", if times == 1 { "time" } else { "times" });
        let mut message = format!(
            "{route} was called {}{}, expected {}; ",
            times(found),
            if json { " with this JSON" } else { "" },
            times(expected)
        );
        message += match (calls.is_empty(), unlisted) {
            (true, _) => "there were no calls",
            (false, 0) => "the calls were:",
            (false, _) => "the last calls were:",
        };
        for call in calls.iter().rev().take(MAX_LISTED_CALLS).rev() {
            message += &format!("\n  {call}");
        }
        message
    }

    fn baseline(&self) -> MutexGuard<'_, Baseline> {
        self.baseline.lock().unwrap_or_else(PoisonError::into_inner)
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
