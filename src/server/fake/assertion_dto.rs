//! Assertions as JSON.
//!
//! Examples are `{"route": "GET /v1/prompt-2025/count", "times": {"at_least": 2}}` and `{"order":
//! [{"route": …, "json": …}, …]}`.

use serde::Deserialize;
use serde_json::Value;

use super::assertion::{CallCount, CallPattern};
use super::route_names::RouteNames;
use crate::server::api_error::ApiError;
use crate::server::dto::UnsignedInteger;

/// An assertion, as the control routes receive it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AssertionData {
    route: Option<String>,
    json: Option<Value>,
    gateway: Option<Value>,
    times: Option<TimesData>,
    order: Option<Vec<PatternData>>,
    #[serde(default)]
    only: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PatternData {
    route: String,
    json: Option<Value>,
    gateway: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(
    untagged,
    expecting = "expected a number, or an object with at_least, at_most or both"
)]
enum TimesData {
    Exactly(UnsignedInteger),
    Range(RangeData),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeData {
    at_least: Option<UnsignedInteger>,
    at_most: Option<UnsignedInteger>,
}

/// What an assertion expects.
#[derive(Debug)]
pub(super) enum Assertion {
    Count {
        pattern: CallPattern,
        times: CallCount,
        only: bool,
    },
    Order {
        patterns: Vec<CallPattern>,
        only: bool,
    },
}

impl AssertionData {
    pub(super) fn into_assertion(self, known: &RouteNames) -> Result<Assertion, ApiError> {
        let only = self.only;
        let pattern = |route: &str, json, gateway| -> Result<CallPattern, ApiError> {
            let route = known.find(route)?;
            Ok(CallPattern {
                route,
                json,
                gateway,
            })
        };
        let of_a_count = self.json.is_some() || self.gateway.is_some() || self.times.is_some();
        match (self.route, self.order) {
            (Some(route), None) => Ok(Assertion::Count {
                pattern: pattern(&route, self.json, self.gateway)?,
                times: self.times.map_or(CallCount::from(1..), CallCount::from),
                only,
            }),
            (None, Some(order)) if !of_a_count => {
                let order = order.into_iter();
                let patterns = order.map(|one| pattern(&one.route, one.json, one.gateway));
                Ok(Assertion::Order {
                    patterns: patterns.collect::<Result<_, _>>()?,
                    only,
                })
            }
            _ => Err(ApiError::Shape(
                "expected route, optionally with json, gateway and times; \
                 or order, a list of route, json and gateway"
                    .into(),
            )),
        }
    }
}

impl From<TimesData> for CallCount {
    fn from(data: TimesData) -> Self {
        match data {
            TimesData::Exactly(UnsignedInteger(times)) => times.into(),
            TimesData::Range(range) => Self {
                least: range.at_least.map_or(0, |UnsignedInteger(least)| least),
                most: range.at_most.map(|UnsignedInteger(most)| most),
            },
        }
    }
}
