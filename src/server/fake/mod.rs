//! A fake of Helicone's service for tests: the same routes and responses, under the test's control.
//!
//! ```
//! use promptbook::server::fake::{Fake, Fault};
//! use promptbook::server::Fixtures;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fixtures = Fixtures::from_json(
//!     r#"{"name": "greeting", "versions": [{"body": {"messages": []}, "environments": ["production"]}]}"#,
//! )?;
//! let fake = Fake::options().fixtures(fixtures).start()?;
//! fake.fault(Fault::fail(503, "Try again").on("POST /v1/prompt-2025/query/production-version"))?;
//!
//! // The client under test is given fake.url() and fake.key(), and repeats what fails.
//!
//! fake.assert_called("POST /v1/prompt-2025/query/production-version", 0);
//! fake.reset()?;
//! # Ok(())
//! # }
//! ```
//!
//! # Determinism
//!
//! Ids are generated from a seed. The clock is stopped, and advances by a millisecond with each
//! change. URLs of bodies are signed with a key that is derived from the seed, and `x-request-id`
//! counts from 1. So the same sequence of calls, one after the other, returns the same bytes in
//! each run and after each reset, except for the header `date` and the port in URLs.
//!
//! # Use from other languages
//!
//! `promptbook fake` starts a fake and prints its URL, its key and the URL of its control routes.
//! Only a fake has these routes. Their paths begin with `/__promptbook/`, and they require the same
//! header `Authorization: Bearer KEY`. Requests and responses are JSON. Responses have the API's
//! envelope, `{"data": …, "error": null}` or `{"data": null, "error": "text"}`. A member that is
//! not listed here, or that has another type, is refused with 400.
//!
//! | call | request | data |
//! |---|---|---|
//! | `POST reset` | | `null`; the fake is as at its start |
//! | `GET clock` | | `{now}` |
//! | `PUT clock` | `{now}`, a time in RFC 3339, or `{advance_ms}` | `{now}` |
//! | `GET faults` | | the pending faults: `[{kind, …, route, times}]` |
//! | `POST faults` | `{kind: "fail", status, error}`, `{kind: "timeout"}`, `{kind: "delay", delay_ms}`, `{kind: "close"}` or `{kind: "cut"}`, as in [`Fault`]; each optionally with `route`, and with `times`: 1 by default, `null` for all calls | the pending faults |
//! | `DELETE faults` | | `null`; no fault is pending |
//! | `GET calls?route=` | | `{calls: [{number, method, path, query, route, json, text, status, fault}], dropped}`, as in [`Call`] |
//! | `DELETE calls` | | `null`; no call is recorded |
//! | `POST calls/assert` | `{route, times}`, optionally with `json`: members that the request's body must contain, among others; then only calls that are still recorded count | `{count}`; 409 with a list of the calls |
//! | `GET fixtures` | | the store's current contents, in the format of [`Fixtures`] |
//! | `PUT fixtures` | fixtures | `null`; the fake is reset to these fixtures |
//! | `POST inputs` | `{version_id, request_id, inputs}`, optionally with `environment` | the recorded inputs |
//!
//! Routes are named as in `/openapi.json`: `GET /v1/prompt-2025/id/{promptId}`. URLs of bodies are
//! `GET /prompt-bodies/{promptVersionId}`.

mod calls;
mod clock;
mod control;
mod cut;
mod error;
mod fault_data;
mod faults;
mod known;
mod options;
mod origin;
mod pass;
mod stage;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

pub use self::calls::Call;
pub use self::clock::FakeClock;
pub use self::error::FakeError;
pub use self::faults::Fault;
pub use self::options::FakeOptions;
use self::stage::Stage;
use super::{Fixtures, Running};
use crate::Store;

/// A fake of Helicone's service for tests, on background threads. Dropping it stops it.
///
/// By default it is empty, in memory, and on a free port of this machine. It answers as the live
/// service does: it uses the live statuses, and callers choose between major and minor versions.
/// The [module](self) describes it in full.
#[derive(Debug)]
pub struct Fake {
    stage: Arc<Stage>,
    running: Running,
}

impl Fake {
    /// Starts a fake with the default options.
    ///
    /// # Errors
    ///
    /// The errors of [`FakeOptions::start`].
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
        self.running.url()
    }

    /// Returns the key for the client under test.
    #[must_use]
    pub fn key(&self) -> &str {
        self.running.key()
    }

    /// Returns the URL of the control routes: `http://127.0.0.1:40123/__promptbook`.
    #[must_use]
    pub fn control_url(&self) -> String {
        format!("{}{}", self.url(), CONTROL)
    }

    /// Returns the current store, to read or change it. A reset replaces it.
    #[must_use]
    pub fn store(&self) -> Store {
        self.stage.app.store().clone()
    }

    /// Sets the time and stops the clock, which then advances only with changes of the store.
    ///
    /// The time is clamped to the years 1970 to 9999.
    pub fn set_clock(&self, now: DateTime<Utc>) {
        self.stage.clock.set(now);
    }

    /// Advances the time, at most to the end of 9999.
    pub fn advance(&self, by: Duration) {
        self.stage.clock.advance(by);
    }

    /// Returns the fake's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.stage.clock.now()
    }

    /// Adds a fault after the pending ones.
    ///
    /// # Errors
    ///
    /// [`Route`](FakeError::Route) with the existing routes, if the API does not have the fault's
    /// route; [`FaultStatus`](FakeError::FaultStatus) if the status is not from 400 to 599. The
    /// fault is not added then.
    pub fn fault(&self, fault: Fault) -> Result<(), FakeError> {
        self.stage.fault(fault)
    }

    /// Removes the pending faults. Calls that a fault holds back remain held back.
    pub fn clear_faults(&self) {
        self.stage.faults.clear();
    }

    /// Returns the calls since the start or the last reset, oldest first.
    ///
    /// At most the last 10,000 calls are recorded, with at most 16 MiB of paths and bodies. Calls
    /// of `/healthz` and of the control routes are not recorded.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.stage.calls.list(None)
    }

    /// Returns the number of calls of a route since the start or the last reset.
    ///
    /// # Errors
    ///
    /// [`Route`](FakeError::Route) if the API does not have this route.
    pub fn count(&self, route: &str) -> Result<u64, FakeError> {
        self.stage.count(route, None)
    }

    /// Asserts the number of calls of a route since the start or the last reset.
    ///
    /// # Panics
    ///
    /// Panics with a list of the calls if the number differs, and if the API does not have this
    /// route.
    #[track_caller]
    #[allow(clippy::panic)] // This is an assertion.
    pub fn assert_called(&self, route: &str, times: u64) {
        match self.count(route) {
            Ok(found) if found == times => {}
            Ok(found) => panic!("{}", self.stage.miscounted(route, false, found, times)),
            Err(error) => panic!("{error}"),
        }
    }

    /// Resets the fake to its start.
    ///
    /// This resets the store to the fixtures, and the ids, the clock, the faults, the calls and the
    /// request numbers. Calls that a fault holds back end without a response. Other calls in
    /// progress are performed on the old store or on the new one.
    ///
    /// # Errors
    ///
    /// [`NotMadeHere`](FakeError::NotMadeHere) if the store's directory existed before the fake:
    /// nothing is changed. [`Remove`](FakeError::Remove), [`Store`](FakeError::Store) and
    /// [`Fixtures`](FakeError::Fixtures) if the directory cannot be emptied, or the store cannot be
    /// created and filled again: the fake then has an empty store in memory, and the same clock,
    /// faults and calls as before.
    pub fn reset(&self) -> Result<(), FakeError> {
        self.stage.reset()
    }

    /// Resets the fake to these fixtures, which later resets use too.
    ///
    /// # Errors
    ///
    /// [`Fixtures`](FakeError::Fixtures) if the fixtures contradict themselves: nothing is changed.
    /// Otherwise the errors of [`reset`](Self::reset).
    pub fn reset_to(&self, fixtures: &Fixtures) -> Result<(), FakeError> {
        self.stage.refill(fixtures)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        // Otherwise the server would wait for calls that are never answered.
        self.stage.close();
    }
}

/// The start of the control routes' paths.
const CONTROL: &str = "/__promptbook";

/// Returns whether a path is not part of the API, so that its calls have no faults and no record.
fn is_apart(path: &str) -> bool {
    let below = path.strip_prefix(CONTROL);
    path == "/healthz" || below.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
