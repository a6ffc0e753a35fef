//! Faults as JSON.
//!
//! An example is `{"kind": "fail", "status": 503, "error": "Try again", "route": null, "times":
//! 1}`.

use std::num::NonZeroU64;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::{Fault, FaultKind};
use crate::server::api_error::ApiError;

/// A fault, as the control routes receive and return it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FaultData {
    kind: FaultKindName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    delay_ms: Option<u64>,
    #[serde(default)]
    route: Option<String>,
    /// `null` for all calls.
    #[serde(default = "once")]
    times: Option<NonZeroU64>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum FaultKindName {
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

impl TryFrom<FaultData> for Fault {
    type Error = ApiError;

    fn try_from(data: FaultData) -> Result<Self, ApiError> {
        let kind = match (data.kind, data.status, data.error, data.delay_ms) {
            (FaultKindName::Fail, Some(status), Some(error), None) => {
                FaultKind::Fail { status, error }
            }
            (FaultKindName::Delay, None, None, Some(millis)) => {
                FaultKind::Delay(Duration::from_millis(millis))
            }
            (FaultKindName::Timeout, None, None, None) => FaultKind::Timeout,
            (FaultKindName::Close, None, None, None) => FaultKind::Close,
            (FaultKindName::Cut, None, None, None) => FaultKind::Cut,
            (kind, ..) => {
                return Err(ApiError::Shape(match kind {
                    FaultKindName::Fail => "a fault of the kind fail needs the members status and error".into(),
                    FaultKindName::Delay => "a fault of the kind delay needs the member delay_ms".into(),
                    _ => "status, error and delay_ms: only faults of the kinds fail and delay have them".into(),
                }));
            }
        };
        Ok(Self {
            kind,
            route: data.route,
            times: data.times.map(NonZeroU64::get),
        })
    }
}

impl From<Fault> for FaultData {
    fn from(fault: Fault) -> Self {
        let (kind, status, error, delay_ms) = match fault.kind {
            FaultKind::Fail { status, error } => {
                (FaultKindName::Fail, Some(status), Some(error), None)
            }
            FaultKind::Timeout => (FaultKindName::Timeout, None, None, None),
            FaultKind::Delay(by) => {
                let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
                (FaultKindName::Delay, None, None, Some(millis))
            }
            FaultKind::Close => (FaultKindName::Close, None, None, None),
            FaultKind::Cut => (FaultKindName::Cut, None, None, None),
        };
        Self {
            kind,
            status,
            error,
            delay_ms,
            route: fault.route,
            // A fault without remaining calls is not kept.
            times: fault.times.and_then(NonZeroU64::new),
        }
    }
}

#[cfg(test)]
mod tests {
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
