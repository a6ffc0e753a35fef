//! The record of a fake's calls.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{Method, Uri};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::GatewayCall;

/// A call of the API and its response. Headers are not recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Call {
    /// The call's number; 1 is the first call since the fake started or was reset.
    pub number: u64,
    /// The method.
    pub method: String,
    /// The path, as in the request.
    pub path: String,
    /// The query without signatures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// The route, such as `GET /v1/prompt-2025/id/{promptId}`; `None` if there is no such route.
    pub route: Option<String>,
    /// The request's body, if it is JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub json: Option<Value>,
    /// The request's body, if it is not JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The response's status; `None` if there is no response yet, or never was one.
    pub status: Option<u16>,
    /// The scripted fault: `fail`, `timeout`, `delay`, `close` or `cut`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// What the gateway made of the call, if it was a request for a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewayCall>,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}. {} {}", self.number, self.method, self.path)?;
        match self.status {
            Some(status) => write!(f, ": {status}"),
            None => write!(f, ": no answer"),
        }
    }
}

/// Maximum number of recorded calls.
const MAX_CALLS: usize = 10_000;

/// Maximum size of recorded methods, paths, queries, bodies and merged requests, in bytes in total.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// The latest calls, and the number of calls of each route.
#[derive(Debug, Default)]
pub(super) struct Calls(Mutex<CallLog>);

#[derive(Debug, Default)]
struct CallLog {
    entries: VecDeque<CallEntry>,
    /// Total size of their methods, paths, queries and bodies in bytes.
    bytes: usize,
    /// The number of calls since the last reset.
    total: u64,
    of_route: HashMap<String, u64>,
    /// The number of calls before the last reset.
    before: u64,
}

#[derive(Debug)]
struct CallEntry {
    method: Method,
    // Copies: the received text is a slice of a larger buffer, which would stay in memory with all
    // headers.
    path: String,
    query: Option<String>,
    route: Option<String>,
    body: Vec<u8>,
    status: Option<u16>,
    fault: Option<&'static str>,
    /// A [`GatewayCall`] as JSON.
    gateway: Option<Vec<u8>>,
}

/// Identifies a call, also among calls before a reset.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallId(u64);

impl Calls {
    /// Records a call that has arrived.
    pub(super) fn record(
        &self,
        method: Method,
        uri: &Uri,
        route: Option<String>,
        body: &[u8],
    ) -> CallId {
        let mut log = self.log();
        if let Some(route) = &route {
            *log.of_route.entry(route.clone()).or_default() += 1;
        }
        log.total += 1;
        let entry = CallEntry {
            method,
            path: uri.path().to_owned(),
            query: uri.query().map(unsigned),
            route,
            body: body.to_vec(),
            status: None,
            fault: None,
            gateway: None,
        };
        log.bytes += entry.bytes();
        log.entries.push_back(entry);
        log.drop_oldest();
        CallId(log.before + log.total)
    }

    /// Records the scripted fault of a call.
    pub(super) fn faulted(&self, call: CallId, fault: &'static str) {
        _ = self.log().change(call, |entry| entry.fault = Some(fault));
    }

    /// Records what the gateway made of a call.
    pub(super) fn merged(&self, call: CallId, merged: &GatewayCall) {
        let merged = serde_json::to_vec(merged).unwrap_or_default();
        let mut log = self.log();
        let bytes = merged.len();
        if log.change(call, |entry| entry.gateway = Some(merged)) {
            log.bytes += bytes;
            log.drop_oldest();
        }
    }

    /// Records the response's status of a call.
    pub(super) fn answered(&self, call: CallId, status: u16) {
        _ = self.log().change(call, |entry| entry.status = Some(status));
    }

    /// Returns the recorded calls of a route, or all of them, oldest first.
    pub(super) fn list(&self, route: Option<&str>) -> Vec<Call> {
        let log = self.log();
        let first = log.dropped() + 1;
        let numbered = (first..).zip(&log.entries);
        numbered
            .filter(|(_, entry)| route.is_none() || entry.route.as_deref() == route)
            .map(|(number, entry)| entry.call(number))
            .collect()
    }

    /// Returns the number of calls of a route, including those that are no longer recorded.
    pub(super) fn count(&self, route: &str) -> u64 {
        self.log().of_route.get(route).copied().unwrap_or_default()
    }

    /// Returns the number of calls that are no longer recorded.
    pub(super) fn dropped(&self) -> u64 {
        self.log().dropped()
    }

    /// Returns the number of all calls since the last reset.
    pub(super) fn total(&self) -> u64 {
        self.log().total
    }

    pub(super) fn clear(&self) {
        let mut log = self.log();
        *log = CallLog {
            before: log.before + log.total,
            ..CallLog::default()
        };
    }

    fn log(&self) -> MutexGuard<'_, CallLog> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl CallLog {
    fn dropped(&self) -> u64 {
        self.total - self.entries.len() as u64
    }

    /// Drops the oldest calls that exceed the limits. The latest one is recorded regardless of its
    /// size.
    fn drop_oldest(&mut self) {
        while self.entries.len() > MAX_CALLS || (self.bytes > MAX_BYTES && self.entries.len() > 1) {
            let oldest = self.entries.pop_front();
            self.bytes -= oldest.map_or(0, |entry| entry.bytes());
        }
    }

    /// Changes a call, if it is still recorded, and returns whether it is.
    fn change(&mut self, call: CallId, change: impl FnOnce(&mut CallEntry)) -> bool {
        let first = self.before + self.dropped() + 1;
        let position = call.0.checked_sub(first).map(usize::try_from);
        let entry = position
            .and_then(Result::ok)
            .and_then(|position| self.entries.get_mut(position));
        let is_recorded = entry.is_some();
        if let Some(entry) = entry {
            change(entry);
        }
        is_recorded
    }
}

impl CallEntry {
    fn bytes(&self) -> usize {
        let query = self.query.as_ref().map_or(0, String::len);
        let merged = self.gateway.as_ref().map_or(0, Vec::len);
        self.method.as_str().len() + self.path.len() + query + self.body.len() + merged
    }

    fn call(&self, number: u64) -> Call {
        let json = serde_json::from_slice(&self.body).ok();
        let text = (json.is_none() && !self.body.is_empty())
            .then(|| String::from_utf8_lossy(&self.body).into_owned());
        Call {
            number,
            method: self.method.to_string(),
            path: self.path.clone(),
            query: self.query.clone(),
            route: self.route.clone(),
            json,
            text,
            status: self.status,
            fault: self.fault.map(str::to_owned),
            gateway: self
                .gateway
                .as_ref()
                .and_then(|merged| serde_json::from_slice(merged).ok()),
        }
    }
}

/// Returns a query without its signature, which gives access to a body.
fn unsigned(query: &str) -> String {
    let kept = query
        .split('&')
        .filter(|part| !part.starts_with("signature="));
    kept.collect::<Vec<_>>().join("&")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn come(calls: &Calls, uri: &str, body: impl AsRef<[u8]>) -> CallId {
        let route = Some(format!("POST {uri}"));
        calls.record(Method::POST, &uri.parse().unwrap(), route, body.as_ref())
    }

    #[test]
    fn long_paths_are_dropped_early() {
        let calls = Calls::default();
        let path = format!("/{}?{}", "a".repeat(30_000), "b".repeat(30_000));
        for _ in 0..1000 {
            come(&calls, &path, "");
        }
        let kept: usize = calls.list(None).iter().map(|call| call.path.len()).sum();
        assert!(kept > MAX_BYTES / 3 && kept < MAX_BYTES, "{kept}");
    }

    #[test]
    fn a_call_is_recorded_with_its_response() {
        let calls = Calls::default();
        let first = come(&calls, "/a?expires=5&signature=ab", r#"{"b": 1}"#);
        let second = come(&calls, "/b", "{no json");
        calls.answered(second, 400);
        calls.faulted(first, "close");
        let listed = calls.list(None);
        assert_eq!(listed[0].json, Some(json!({"b": 1})));
        assert_eq!(listed[0].query.as_deref(), Some("expires=5"));
        assert_eq!(listed[0].status, None);
        assert_eq!(listed[0].fault.as_deref(), Some("close"));
        assert_eq!(listed[1].text.as_deref(), Some("{no json"));
        assert_eq!(listed[1].to_string(), "2. POST /b: 400");
        assert_eq!(calls.list(Some("POST /b")), listed[1..]);
    }

    #[test]
    fn a_response_after_a_reset_belongs_to_no_new_call() {
        let calls = Calls::default();
        let late = come(&calls, "/a", "");
        calls.clear();
        come(&calls, "/b", "");
        calls.answered(late, 200);
        let listed = calls.list(None);
        assert_eq!(
            (listed.len(), listed[0].number, listed[0].status),
            (1, 1, None)
        );
        assert_eq!(calls.count("POST /a"), 0);
    }

    #[test]
    fn only_the_latest_calls_are_recorded_and_all_are_counted() {
        let calls = Calls::default();
        for _ in 0..MAX_CALLS {
            come(&calls, "/a", "");
        }
        let last = come(&calls, "/a", "");
        calls.answered(last, 200);
        let listed = calls.list(None);
        assert_eq!(listed.len(), MAX_CALLS);
        assert_eq!(listed[0].number, 2);
        assert_eq!(listed[MAX_CALLS - 1].status, Some(200));
        assert_eq!(calls.dropped(), 1);
        assert_eq!(calls.count("POST /a"), MAX_CALLS as u64 + 1);
    }

    #[test]
    fn large_bodies_are_dropped_early() {
        let calls = Calls::default();
        for _ in 0..3 {
            come(&calls, "/a", vec![b' '; MAX_BYTES / 2 - 100]);
        }
        assert_eq!(calls.dropped(), 1);
        come(&calls, "/a", vec![b' '; MAX_BYTES + 1]);
        assert_eq!(calls.list(None).len(), 1);
    }
}
