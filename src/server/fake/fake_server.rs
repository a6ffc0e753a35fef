//! [`Fake`], the handle of a running fake.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::assertion::CallPattern;
use super::assertion_dto::Assertion;
use super::control_path::CONTROL;
use super::route_names::RouteNames;
use super::state::FakeState;
use super::worlds::Worlds;
use super::{Call, CallCount, Completion, FakeError, FakeOptions, Fault};
use crate::Store;
use crate::server::{Fixtures, ServerHandle};

/// A fake of Helicone's service for tests, on background threads. Dropping it stops it.
///
/// By default it is empty, in memory, and on a free port of this machine. It answers as the live
/// service does: it uses the live statuses, and callers choose between major and minor versions.
/// The [module](crate::server::fake) describes it in full.
#[derive(Debug)]
pub struct Fake {
    pub(super) state: Arc<FakeState>,
    pub(super) worlds: Arc<Worlds>,
    pub(super) server: ServerHandle,
}

impl Fake {
    /// Starts a fake with the default options.
    ///
    /// # Errors
    ///
    /// The errors of [`FakeOptions::start`]. No server runs then.
    pub fn start() -> Result<Self, FakeError> {
        FakeOptions::new().start()
    }

    /// Returns the default options, to change them before the start.
    pub fn options() -> FakeOptions {
        FakeOptions::new()
    }

    /// Returns the base URL for the client under test: `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.server.url()
    }

    /// Returns the key for the client under test.
    #[must_use]
    pub fn key(&self) -> &str {
        self.server.key()
    }

    /// Returns the URL of the control routes: `http://127.0.0.1:40123/__promptbook`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("{}{}", self.url(), CONTROL)
    }

    /// Returns the current store, to read or change it. A reset replaces it.
    #[must_use]
    pub fn store(&self) -> Store {
        self.state.app.store().clone()
    }

    /// Sets the time and stops the clock, which then advances only with changes of the store.
    ///
    /// The time is clamped to the years 1970 to 9999.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.state.clock.set(now);
    }

    /// Advances the time, at most to the end of 9999.
    pub fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    /// Returns the fake's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.state.clock.now()
    }

    /// Adds a fault after the pending ones.
    ///
    /// # Errors
    ///
    /// [`Route`](FakeError::Route) with the existing routes, if the API does not have the fault's
    /// route; [`FaultStatus`](FakeError::FaultStatus) if the status is not from 400 to 599. The
    /// fault is not added then.
    pub fn fault(&self, fault: Fault) -> Result<(), FakeError> {
        self.state.fault(fault)
    }

    /// Removes the pending faults. Calls that a fault holds back remain held back.
    pub fn clear_faults(&self) {
        self.state.faults.clear();
    }

    /// Adds an answer to requests for models after the pending ones.
    ///
    /// # Errors
    ///
    /// [`FaultStatus`](FakeError::FaultStatus) if the status of a failure is not from 400 to 599;
    /// [`FaultHeader`](FakeError::FaultHeader) if a header is malformed. The answer is not added
    /// then.
    pub fn complete(&self, completion: Completion) -> Result<(), FakeError> {
        self.state.model.add(completion)
    }

    /// Removes the pending answers to requests for models.
    pub fn clear_completions(&self) {
        self.state.model.clear();
    }

    /// Returns the calls since the start or the last reset, oldest first.
    ///
    /// At most the last 10,000 calls are recorded, with at most 16 MiB of paths and bodies. Calls of
    /// `/`, `/healthz`, `/openapi.json` and the control routes are not recorded. Calls of paths
    /// that do not exist are.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state.calls.list(None)
    }

    /// Returns the number of calls of a route since the start or the last reset.
    ///
    /// # Errors
    ///
    /// [`Route`](FakeError::Route) if the API does not have this route.
    pub fn count(&self, route: &str) -> Result<u64, FakeError> {
        self.state.count(route)
    }

    /// Asserts the number of calls of a route since the start or the last reset: `2`, `1..`, `..=3`.
    ///
    /// # Panics
    ///
    /// Panics with a list of the calls if the number differs, and if the API does not have this
    /// route.
    #[track_caller]
    pub fn assert_called(&self, route: &str, times: impl Into<CallCount>) {
        self.assert(|known| {
            Ok(Assertion::Count {
                pattern: CallPattern::of(route, known)?,
                times: times.into(),
                only: false,
            })
        });
    }

    /// Asserts that these routes were called in this order since the start or the last reset.
    ///
    /// Other calls may have been made between them.
    ///
    /// # Panics
    ///
    /// Panics with a list of the calls if they were not, and if the API does not have a route.
    #[track_caller]
    pub fn assert_called_in_order(&self, routes: &[&str]) {
        self.assert(|known| {
            let patterns = routes.iter().map(|route| CallPattern::of(route, known));
            Ok(Assertion::Order {
                patterns: patterns.collect::<Result<_, _>>()?,
                only: false,
            })
        });
    }

    #[track_caller]
    #[allow(clippy::panic)] // This is an assertion.
    fn assert(&self, assertion: impl FnOnce(&RouteNames) -> Result<Assertion, FakeError>) {
        let checked = match assertion(self.state.route_names()) {
            Ok(assertion) => self.state.check(&assertion),
            Err(error) => Err(error.to_string()),
        };
        if let Err(message) = checked {
            panic!("{message}");
        }
    }

    /// Resets the fake to its start.
    ///
    /// This resets the store to the fixtures, and the ids, the clock, the faults, the completions, the
    /// calls and the request numbers. Calls that a fault holds back end without a response. Other calls in
    /// progress are performed on the old store or on the new one.
    ///
    /// # Errors
    ///
    /// [`NotMadeHere`](FakeError::NotMadeHere) if the store's directory existed before the fake:
    /// nothing is changed. [`Store`](FakeError::Store) and [`Fixtures`](FakeError::Fixtures) if the
    /// directory cannot be emptied, or the store cannot be created and filled again: the fake then
    /// has an empty store in memory, and the same clock, faults and calls as before.
    pub fn reset(&self) -> Result<(), FakeError> {
        self.state.reset()
    }

    /// Resets the fake to these fixtures, which later resets use too.
    ///
    /// # Errors
    ///
    /// [`Fixtures`](FakeError::Fixtures) if the fixtures contradict themselves: nothing is changed.
    /// Otherwise the errors of [`reset`](Self::reset).
    pub fn reset_to(&self, fixtures: &Fixtures) -> Result<(), FakeError> {
        self.state.reset_to(fixtures)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // Otherwise the server would wait for calls that are never answered.
        self.worlds.close();
    }
}
