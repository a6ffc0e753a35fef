//! TODO

use super::Call;
use super::FakeError;
use super::FakeOptions;
use super::Fault;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::state::Stage;
use crate::Store;
use crate::server::{Fixtures, Running};

/// Helicone's service in a test, on threads of its own. It stops when this is dropped.
///
/// Unless told otherwise it is empty, in memory, on a free port of this machine, and answers as the live service does, with
/// its statuses and its way to let callers choose between major and minor versions. See the [module](self) for more.
#[derive(Debug)]
pub struct Fake {
    pub(super) stage: Arc<Stage>,
    pub(super) running: Running,
}

impl Fake {
    /// Starts one.
    ///
    /// # Errors
    ///
    /// As [`FakeOptions::start`].
    pub fn start() -> Result<Self, FakeError> {
        FakeOptions::new().start()
    }

    /// How to start another than [`start`](Self::start) does.
    pub fn options() -> FakeOptions {
        FakeOptions::new()
    }

    /// The base URL, for the client under test: `http://127.0.0.1:40123`.
    #[must_use]
    pub fn url(&self) -> &str {
        self.running.url()
    }

    /// The key, for the client under test.
    #[must_use]
    pub fn key(&self) -> &str {
        self.running.key()
    }

    /// Where the control surface is: `http://127.0.0.1:40123/__promptbook`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("{}{}", self.url(), CONTROL)
    }

    /// The store, to look at or to change. After a reset the fake has another.
    #[must_use]
    pub fn store(&self) -> Store {
        self.stage.app.store().clone()
    }

    /// Sets the time, which stands from then on but for changes of the store. It is kept between 1970 and 9999.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.stage.clock.set(now);
    }

    /// Takes the time on, at most to the end of 9999.
    pub fn advance(&self, by: Duration) {
        self.stage.clock.advance(by);
    }

    /// What time it is in the fake.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.stage.clock.now()
    }

    /// Has calls go wrong. Where there are faults already, they come first.
    ///
    /// # Errors
    ///
    /// [`Route`](FakeError::Route) for a route that the API does not have, with those that it has;
    /// [`FaultStatus`](FakeError::FaultStatus).
    pub fn fault(&self, fault: Fault) -> Result<(), FakeError> {
        self.stage.fault(fault)
    }

    /// Has no more calls go wrong. Those that wait for an answer already go on waiting.
    pub fn clear_faults(&self) {
        self.stage.faults.clear();
    }

    /// The calls since the start or the last reset, oldest first. Of very many the last 10,000 are kept, and of their bodies
    /// and paths 16 MiB. Calls of `/healthz` and of the control surface are not among them.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.stage.calls.list(None)
    }

    /// How often a route was called since the start or the last reset.
    ///
    /// # Errors
    ///
    /// [`Route`](FakeError::Route) for a route that the API does not have.
    pub fn count(&self, route: &str) -> Result<u64, FakeError> {
        self.stage.count(route, None)
    }

    /// Asserts that a route was called so often since the start or the last reset.
    ///
    /// # Panics
    ///
    /// If it was not, with the calls that there were; and for a route that the API does not have.
    #[track_caller]
    #[allow(clippy::panic)] // It is an assertion.
    pub fn assert_called(&self, route: &str, times: u64) {
        match self.count(route) {
            Ok(found) if found == times => {}
            Ok(found) => panic!("{}", self.stage.miscounted(route, false, found, times)),
            Err(error) => panic!("{error}"),
        }
    }

    /// Goes back to the start: the store with the fixtures, ids, clock, faults, calls and the numbers of requests. Calls that
    /// a fault holds back are let go of without an answer; others that are under way are done on the old store or the new one.
    ///
    /// # Errors
    ///
    /// [`NotMadeHere`](FakeError::NotMadeHere) for a store in a directory that was there before the fake;
    /// [`Remove`](FakeError::Remove) and [`Store`](FakeError::Store) where a directory can't be emptied or the store not be
    /// made anew: the fake then has an empty one in memory.
    pub fn reset(&self) -> Result<(), FakeError> {
        self.stage.reset()
    }

    /// Goes back to the start, with these fixtures from now on.
    ///
    /// # Errors
    ///
    /// [`Fixtures`](FakeError::Fixtures) where they contradict themselves, and nothing is changed; as
    /// [`reset`](Self::reset).
    pub fn reset_to(&self, fixtures: &Fixtures) -> Result<(), FakeError> {
        self.stage.refill(fixtures)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // Else the server would wait for calls that are never answered.
        self.stage.close();
    }
}

/// In front of the paths of the control surface.
pub(super) const CONTROL: &str = "/__promptbook";

/// Whether a path is no part of the API, so that calls of it are not kept and do not go wrong.
pub(super) fn is_apart(path: &str) -> bool {
    let below = path.strip_prefix(CONTROL);
    path == "/healthz" || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
