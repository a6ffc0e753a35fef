//! Scripted faults: calls that fail on purpose.

use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use serde_json::Value;

use super::FakeError;
use super::route_names::RouteNames;
use super::script_queue::{ScriptQueue, Scripted};

/// A scripted fault: what goes wrong, on which route, and for how many calls.
///
/// By default, a fault affects the next call of any route. The control routes and `/healthz` have
/// no faults.
///
/// ```
/// use promptbook::server::fake::{Fake, Fault};
///
/// # fn main() -> Result<(), promptbook::server::fake::FakeError> {
/// let fake = Fake::start()?;
/// fake.fault(Fault::fail(503, "Try again").on("POST /v1/prompt-2025/query/versions").times(2))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a fault is given to a fake by Fake::fault"]
pub struct Fault {
    pub(super) kind: FaultKind,
    /// `None` for all routes.
    pub(super) route: Option<String>,
    /// `None` for all calls.
    pub(super) times: Option<u64>,
}

/// A scripted response.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FaultResponse {
    pub(super) status: u16,
    pub(super) content: FaultContent,
    pub(super) headers: Vec<(String, String)>,
}

/// The body of a scripted response.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FaultContent {
    /// A text in the envelope.
    Error(String),
    /// JSON without the envelope.
    Json(Value),
    /// Text that is not JSON, such as the page of a proxy.
    Text(String),
}

/// Headers that HTTP itself determines.
const RESERVED_HEADERS: [&str; 4] = ["connection", "content-length", "date", "transfer-encoding"];

impl FaultResponse {
    fn check(&self) -> Result<(), FakeError> {
        if !(400..600).contains(&self.status) {
            let status = self.status;
            return Err(FakeError::FaultStatus { status });
        }
        check_headers(&self.headers)
    }
}

/// Checks the headers of a scripted response.
pub(super) fn check_headers(headers: &[(String, String)]) -> Result<(), FakeError> {
    let is_valid = |name: &str, value: &str| {
        name.parse::<HeaderName>().is_ok()
            && value.parse::<HeaderValue>().is_ok()
            && !RESERVED_HEADERS.contains(&&*name.to_ascii_lowercase())
    };
    let mut headers = headers.iter();
    match headers.find(|(name, value)| !is_valid(name, value)) {
        Some((name, _)) => Err(FakeError::FaultHeader { name: name.clone() }),
        None => Ok(()),
    }
}

/// What goes wrong.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FaultKind {
    Fail(FaultResponse),
    Timeout,
    Delay(Duration),
    Close,
    Cut,
}

impl FaultKind {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Fail(_) => "fail",
            Self::Timeout => "timeout",
            Self::Delay(_) => "delay",
            Self::Close => "close",
            Self::Cut => "cut",
        }
    }
}

impl Fault {
    pub(super) fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            route: None,
            times: Some(1),
        }
    }

    /// Answers with this status from 400 to 599, and with this text in the envelope.
    ///
    /// The store is not changed.
    pub fn fail(status: u16, text: impl Into<String>) -> Self {
        Self::fail_with(status, FaultContent::Error(text.into()))
    }

    /// Answers with this status from 400 to 599, and with this JSON, without the envelope.
    ///
    /// The store is not changed.
    pub fn fail_json(status: u16, json: Value) -> Self {
        Self::fail_with(status, FaultContent::Json(json))
    }

    /// Answers with this status from 400 to 599, and with this text instead of JSON.
    ///
    /// Its type is `text/plain`, unless a [`header`](Self::header) `content-type` says otherwise. The
    /// store is not changed.
    pub fn fail_text(status: u16, text: impl Into<String>) -> Self {
        Self::fail_with(status, FaultContent::Text(text.into()))
    }

    fn fail_with(status: u16, content: FaultContent) -> Self {
        Self::new(FaultKind::Fail(FaultResponse {
            status,
            content,
            headers: Vec::new(),
        }))
    }

    /// Adds a header to the response of a fault that [fails](Self::fail), such as `retry-after`.
    ///
    /// Other faults have no response of their own, and remain as they are.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        if let FaultKind::Fail(response) = &mut self.kind {
            response.headers.push((name.into(), value.into()));
        }
        self
    }

    /// Never answers.
    ///
    /// The connection stays open until the client closes it, or the fake is reset or stops. The
    /// store is not changed.
    pub fn timeout() -> Self {
        Self::new(FaultKind::Timeout)
    }

    /// Performs the call after this delay, and answers it as usual.
    pub fn delay(by: Duration) -> Self {
        Self::new(FaultKind::Delay(by))
    }

    /// Closes the connection without a response. The store is not changed.
    pub fn close() -> Self {
        Self::new(FaultKind::Close)
    }

    /// Performs the call, sends the first half of the response's body, and closes the connection.
    ///
    /// The client receives less than `content-length` declares.
    pub fn cut() -> Self {
        Self::new(FaultKind::Cut)
    }

    /// Limits the fault to this route: the method, and the path as in `/openapi.json`.
    ///
    /// An example is `GET /v1/prompt-2025/id/{promptId}`. URLs of bodies are `GET
    /// /prompt-bodies/{promptVersionId}`.
    pub fn on(mut self, route: impl Into<String>) -> Self {
        self.route = Some(route.into());
        self
    }

    /// Affects this number of calls.
    pub fn times(mut self, times: u64) -> Self {
        self.times = Some(times);
        self
    }

    /// Affects all calls until the faults are cleared or the fake is reset.
    pub fn always(mut self) -> Self {
        self.times = None;
        self
    }

    fn is_of(&self, route: Option<&str>) -> bool {
        self.route.is_none() || self.route.as_deref() == route
    }
}

impl Scripted for Fault {
    fn calls_left(&mut self) -> Option<&mut u64> {
        self.times.as_mut()
    }
}

/// The pending faults, in the order in which they were added.
#[derive(Debug, Default)]
pub(super) struct Faults(ScriptQueue<Fault>);

impl Faults {
    /// Adds a fault after the others.
    pub(super) fn add(&self, mut fault: Fault, known: &RouteNames) -> Result<(), FakeError> {
        if let Some(route) = &mut fault.route {
            *route = known.find(route)?;
        }
        if let FaultKind::Fail(response) = &fault.kind {
            response.check()?;
        }
        self.0.add(fault);
        Ok(())
    }

    /// Returns what goes wrong with a call of this route, and uses up one time of that fault.
    ///
    /// It is the first pending fault that applies to the route.
    pub(super) fn take(&self, route: Option<&str>) -> Option<FaultKind> {
        let fault = self.0.take(|fault| fault.is_of(route))?;
        Some(fault.kind)
    }

    pub(super) fn list(&self) -> Vec<Fault> {
        self.0.list()
    }

    pub(super) fn clear(&self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERSIONS: &str = "POST /v1/prompt-2025/query/versions";
    const COUNT: &str = "GET /v1/prompt-2025/count";

    fn faults(given: &[Fault]) -> Faults {
        let known = RouteNames::of_names([VERSIONS, COUNT]);
        let faults = Faults::default();
        for fault in given {
            faults.add(fault.clone(), &known).unwrap();
        }
        faults
    }

    #[test]
    fn a_fault_affects_the_next_call_of_any_route() {
        let faults = faults(&[Fault::close()]);
        assert_eq!(faults.take(None), Some(FaultKind::Close));
        assert_eq!(faults.take(None), None);
    }

    #[test]
    fn the_first_fault_of_the_route_is_used_up_first() {
        let faults = faults(&[
            Fault::cut().on(VERSIONS).times(2),
            Fault::timeout(),
            Fault::close().always(),
        ]);
        assert_eq!(faults.take(Some(COUNT)), Some(FaultKind::Timeout));
        assert_eq!(faults.take(Some(VERSIONS)), Some(FaultKind::Cut));
        assert_eq!(faults.take(Some(VERSIONS)), Some(FaultKind::Cut));
        for _ in 0..3 {
            assert_eq!(faults.take(Some(VERSIONS)), Some(FaultKind::Close));
        }
        assert_eq!(faults.list(), [Fault::close().always()]);
        faults.clear();
        assert_eq!(faults.take(Some(VERSIONS)), None);
    }

    #[test]
    fn a_fault_for_no_calls_is_not_added() {
        assert_eq!(faults(&[Fault::close().times(0)]).list(), []);
    }

    #[test]
    fn an_unknown_route_or_a_success_status_is_refused() {
        let known = RouteNames::of_names([VERSIONS, COUNT]);
        let refuse = |fault| {
            Faults::default()
                .add(fault, &known)
                .unwrap_err()
                .to_string()
        };
        let text = refuse(Fault::close().on("GET /v1/prompt-2025/query/versions"));
        assert!(text.contains(VERSIONS) && text.contains(COUNT), "{text}");
        let text = refuse(Fault::fail(200, "fine"));
        assert_eq!(text, "200 is not an error status; expected 400 to 599");
        for (name, value) in [("a b", "c"), ("a", "b\n"), ("Content-Length", "1")] {
            let text = refuse(Fault::fail(500, "").header(name, value));
            assert!(text.contains(name), "{text}");
        }
    }
}
