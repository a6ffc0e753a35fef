//! The state of a fake beyond the server's, which tests set, read and reset.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::Method;
use tokio::sync::watch;

use super::assertion::{self, CallPattern};
use super::assertion_dto::Assertion;
use super::baseline::Baseline;
use super::calls::Calls;
use super::clock::{FakeTime, TimeMode};
use super::faults::{Fault, Faults};
use super::model::ScriptedModel;
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
    pub(super) model: Arc<ScriptedModel>,
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
        model: Arc<ScriptedModel>,
        route_names: RouteNames,
        baseline: Baseline,
    ) -> Self {
        Self {
            app,
            clock,
            faults: Faults::default(),
            calls: Calls::default(),
            model,
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
            self.model.reset();
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
    pub(crate) fn count(&self, route: &str) -> Result<u64, FakeError> {
        Ok(self.calls.count(&self.route_names.find(route)?))
    }

    /// Checks an assertion about the calls. Returns the number of calls that it is about, or a
    /// message with a list of the calls.
    pub(super) fn check(&self, assertion: &Assertion) -> Result<u64, String> {
        let calls = self.calls.list(None);
        let listed =
            |patterns: &[CallPattern]| assertion::list(&calls, self.calls.dropped(), patterns);
        match assertion {
            Assertion::Count {
                pattern,
                times,
                only,
            } => {
                let count = if pattern.is_any() {
                    self.calls.count(&pattern.route)
                } else {
                    calls.iter().filter(|call| pattern.matches(call)).count() as u64
                };
                let listed = || listed(std::slice::from_ref(pattern));
                if !times.contains(count) {
                    return Err(format!(
                        "{} was called {}{}, expected {times}; {}",
                        pattern.route,
                        assertion::times(count),
                        pattern.requirement(),
                        listed(),
                    ));
                }
                let others = self.calls.total() - count;
                if *only && others > 0 {
                    return Err(format!(
                        "{others} other calls were made, expected only {pattern}; {}",
                        listed()
                    ));
                }
                Ok(count)
            }
            Assertion::Order { patterns, only } => {
                if let Some((at, missing)) = assertion::first_missing(patterns, &calls) {
                    return Err(format!(
                        "no call matches number {} of the expected order, {missing}, \
                         after those before it; {}",
                        at + 1,
                        listed(patterns)
                    ));
                }
                let count = patterns.len() as u64;
                if *only && self.calls.total() != count {
                    return Err(format!(
                        "{} calls were made, expected only the {count} of the order; {}",
                        self.calls.total(),
                        listed(patterns)
                    ));
                }
                Ok(count)
            }
        }
    }

    /// Returns the names of the API's routes.
    pub(super) fn route_names(&self) -> &RouteNames {
        &self.route_names
    }

    /// Returns the fixtures that a reset restores, and the clock's state then.
    pub(super) fn start(&self) -> (Fixtures, TimeMode) {
        let baseline = self.baseline();
        (baseline.fixtures().clone(), baseline.start())
    }

    /// Sets the clock's state, now and after each reset.
    pub(super) fn set_start(&self, start: TimeMode) {
        self.baseline().set_start(start);
        self.clock.restore(start);
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
