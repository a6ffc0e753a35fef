//! Faults as JSON.
//!
//! An example is `{"kind": "fail", "status": 503, "error": "Try again", "headers": {"retry-after":
//! "2"}, "route": null, "times": 1}`.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::faults::{Fault, FaultContent, FaultKind, FaultResponse};
use crate::server::api_error::ApiError;

/// A fault, as the control routes receive and return it.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultData {
    kind: FaultKindName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    headers: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(default)]
    route: Option<String>,
    /// `null` for all calls.
    #[serde(default = "once")]
    times: Option<NonZeroU64>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum FaultKindName {
    #[default]
    Fail,
    Timeout,
    Delay,
    Close,
    Cut,
}

#[allow(clippy::unnecessary_wraps)] // serde requires the member's type.
fn once() -> Option<NonZeroU64> {
    Some(NonZeroU64::MIN)
}

/// Returns the values of headers: texts, or numbers as in `{"retry-after": 2}`.
pub(super) fn read_headers(headers: Map<String, Value>) -> Result<Vec<(String, String)>, ApiError> {
    let read = headers.into_iter().map(|(name, value)| match value {
        Value::String(text) => Ok((name, text)),
        Value::Number(number) => Ok((name, number.to_string())),
        _ => Err(ApiError::Shape(format!(
            "headers.{name}: expected a text or a number"
        ))),
    });
    read.collect()
}

impl FaultData {
    /// Returns the response of a fault of the kind `fail`.
    fn response(self) -> Result<FaultResponse, ApiError> {
        let content = match (self.error, self.json, self.text) {
            (Some(error), None, None) => Some(FaultContent::Error(error)),
            (None, Some(json), None) => Some(FaultContent::Json(json)),
            (None, None, Some(text)) => Some(FaultContent::Text(text)),
            _ => None,
        };
        let (Some(status), Some(content), None) = (self.status, content, self.delay_ms) else {
            return Err(ApiError::Shape(
                "a fault of the kind fail needs the members status and error; \
                    json or text may replace error"
                    .into(),
            ));
        };
        Ok(FaultResponse {
            status,
            content,
            headers: read_headers(self.headers)?,
        })
    }

    fn has_response(&self) -> bool {
        let has_content = self.error.is_some() || self.json.is_some() || self.text.is_some();
        self.status.is_some() || has_content || !self.headers.is_empty()
    }
}

impl TryFrom<FaultData> for Fault {
    type Error = ApiError;

    fn try_from(data: FaultData) -> Result<Self, ApiError> {
        let (route, times) = (data.route.clone(), data.times.map(NonZeroU64::get));
        let kind = match (data.kind, data.delay_ms) {
            (FaultKindName::Fail, _) => FaultKind::Fail(data.response()?),
            _ if data.has_response() => {
                return Err(ApiError::Shape(
                    "status, error, json, text and headers: only faults of the kind fail have them"
                        .into(),
                ));
            }
            (FaultKindName::Delay, Some(millis)) => FaultKind::Delay(Duration::from_millis(millis)),
            (FaultKindName::Delay, None) => {
                let reason = "a fault of the kind delay needs the member delay_ms";
                return Err(ApiError::Shape(reason.into()));
            }
            (_, Some(_)) => {
                let reason = "delay_ms: only faults of the kind delay have it";
                return Err(ApiError::Shape(reason.into()));
            }
            (FaultKindName::Timeout, None) => FaultKind::Timeout,
            (FaultKindName::Close, None) => FaultKind::Close,
            (FaultKindName::Cut, None) => FaultKind::Cut,
        };
        Ok(Self { kind, route, times })
    }
}

impl From<Fault> for FaultData {
    fn from(fault: Fault) -> Self {
        let mut data = Self {
            route: fault.route,
            // A fault without remaining calls is not kept.
            times: fault.times.and_then(NonZeroU64::new),
            ..Self::default()
        };
        data.kind = match fault.kind {
            FaultKind::Fail(response) => {
                data.status = Some(response.status);
                let headers = response.headers.into_iter();
                data.headers = headers
                    .map(|(name, value)| (name, Value::String(value)))
                    .collect();
                match response.content {
                    FaultContent::Error(error) => data.error = Some(error),
                    FaultContent::Json(json) => data.json = Some(json),
                    FaultContent::Text(text) => data.text = Some(text),
                }
                FaultKindName::Fail
            }
            FaultKind::Timeout => FaultKindName::Timeout,
            FaultKind::Delay(by) => {
                data.delay_ms = Some(u64::try_from(by.as_millis()).unwrap_or(u64::MAX));
                FaultKindName::Delay
            }
            FaultKind::Close => FaultKindName::Close,
            FaultKind::Cut => FaultKindName::Cut,
        };
        data
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(text: &str) -> Result<Fault, String> {
        let data: FaultData = serde_json::from_str(text).map_err(|error| error.to_string())?;
        Fault::try_from(data).map_err(|refusal| refusal.text().to_owned())
    }

    #[test]
    fn each_kind_survives_a_round_trip() {
        let delay = Fault::delay(Duration::from_millis(20));
        for (text, fault) in [
            (
                r#"{"kind":"fail","status":503,"error":"No"}"#,
                Fault::fail(503, "No"),
            ),
            (
                r#"{"kind":"fail","status":429,"json":{"a":1},"headers":{"retry-after":2}}"#,
                Fault::fail_json(429, json!({"a": 1})).header("retry-after", "2"),
            ),
            (
                r#"{"kind":"fail","status":502,"text":"<html>"}"#,
                Fault::fail_text(502, "<html>"),
            ),
            (r#"{"kind":"timeout","times":2}"#, Fault::timeout().times(2)),
            (
                r#"{"kind":"delay","delay_ms":20,"times":null}"#,
                delay.always(),
            ),
            (
                r#"{"kind":"close","route":"GET /a"}"#,
                Fault::close().on("GET /a"),
            ),
            (r#"{"kind":"cut"}"#, Fault::cut()),
        ] {
            assert_eq!(read(text), Ok(fault.clone()), "{text}");
            let written = serde_json::to_string(&FaultData::from(fault.clone())).unwrap();
            assert_eq!(read(&written), Ok(fault), "{written}");
        }
    }

    #[test]
    fn members_of_other_kinds_are_refused() {
        for (text, reason) in [
            (r#"{"kind":"fail","status":503}"#, "status and error"),
            (r#"{"kind":"delay"}"#, "delay_ms"),
            (r#"{"kind":"cut","status":503}"#, "only faults of"),
            (r#"{"kind":"cut","delay_ms":5}"#, "only faults of"),
            (r#"{"kind":"cut","headers":{"a":"b"}}"#, "only faults of"),
            (
                r#"{"kind":"fail","status":503,"error":"a","text":"b"}"#,
                "status and error",
            ),
            (
                r#"{"kind":"fail","status":503,"text":"b","headers":{"a":[]}}"#,
                "headers.a",
            ),
            (r#"{"kind":"cut","times":0}"#, "nonzero"),
            (r#"{"kind":"cut","ms":0}"#, "unknown field"),
            (r#"{"kind":"explode"}"#, "unknown variant"),
            (r#"{}"#, "missing field"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
