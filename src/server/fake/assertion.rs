//! Assertions about recorded calls.

use std::fmt;
use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};

use serde_json::Value;

use super::difference::{first_difference, shortened};
use super::route_names::RouteNames;
use super::{Call, FakeError};

/// An expected number of calls: `2`, `1..`, `..=3` or `1..=3`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallCount {
    pub(super) least: u64,
    /// `None` for any number.
    pub(super) most: Option<u64>,
}

impl CallCount {
    pub(super) fn contains(self, count: u64) -> bool {
        self.least <= count && self.most.is_none_or(|most| count <= most)
    }
}

impl From<u64> for CallCount {
    fn from(times: u64) -> Self {
        (times..=times).into()
    }
}

impl From<RangeFrom<u64>> for CallCount {
    fn from(times: RangeFrom<u64>) -> Self {
        Self {
            least: times.start,
            most: None,
        }
    }
}

impl From<RangeInclusive<u64>> for CallCount {
    fn from(times: RangeInclusive<u64>) -> Self {
        Self {
            least: *times.start(),
            most: Some(*times.end()),
        }
    }
}

impl From<RangeToInclusive<u64>> for CallCount {
    fn from(times: RangeToInclusive<u64>) -> Self {
        (0..=times.end).into()
    }
}

impl fmt::Display for CallCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { least, most } = *self;
        match most {
            Some(most) if most == least => f.write_str(&times(most)),
            Some(most) if least == 0 => write!(f, "at most {}", times(most)),
            Some(most) => write!(f, "{least} to {}", times(most)),
            None => write!(f, "at least {}", times(least)),
        }
    }
}

pub(super) fn times(count: u64) -> String {
    format!("{count} {}", if count == 1 { "time" } else { "times" })
}

/// Calls of a route whose request contains some JSON.
#[derive(Clone, Debug)]
pub(super) struct CallPattern {
    pub(super) route: String,
    pub(super) json: Option<Value>,
    /// Members of what the gateway made of the call.
    pub(super) gateway: Option<Value>,
}

impl CallPattern {
    /// Returns the pattern of all calls of a route.
    pub(super) fn of(route: &str, known: &RouteNames) -> Result<Self, FakeError> {
        Ok(Self {
            route: known.find(route)?,
            json: None,
            gateway: None,
        })
    }

    /// Returns whether all calls of the route match.
    pub(super) fn is_any(&self) -> bool {
        self.json.is_none() && self.gateway.is_none()
    }

    /// Returns what calls of the route must have to match, for a message.
    pub(super) fn requirement(&self) -> &'static str {
        match (&self.json, &self.gateway) {
            (None, None) => "",
            (Some(_), None) => " with this JSON",
            (None, Some(_)) => " with this prompt request",
            (Some(_), Some(_)) => " with this JSON and this prompt request",
        }
    }

    pub(super) fn matches(&self, call: &Call) -> bool {
        call.route.as_deref() == Some(&*self.route) && self.difference(call).is_none()
    }

    /// Returns how the JSON of a call differs from the expected one.
    fn difference(&self, call: &Call) -> Option<String> {
        let of_json = self.json.as_ref().and_then(|expected| {
            first_difference("", call.json.as_ref().unwrap_or(&Value::Null), expected)
        });
        of_json.or_else(|| {
            let expected = self.gateway.as_ref()?;
            let merged = serde_json::to_value(&call.gateway).unwrap_or_default();
            first_difference("gateway", &merged, expected)
        })
    }
}

impl fmt::Display for CallPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.route)?;
        for json in self.json.iter().chain(&self.gateway) {
            write!(f, " {}", shortened(&json.to_string()))?;
        }
        Ok(())
    }
}

/// Returns the first pattern that no call matches, if the calls must match in this order.
///
/// Other calls may be between them.
pub(super) fn first_missing<'a>(
    order: &'a [CallPattern],
    calls: &[Call],
) -> Option<(usize, &'a CallPattern)> {
    let mut calls = calls.iter();
    order
        .iter()
        .enumerate()
        .find(|(_, pattern)| !calls.any(|call| pattern.matches(call)))
}

/// The maximum number of calls in a message. The latest ones are listed.
const MAX_LISTED_CALLS: usize = 20;

/// Returns a list of calls for a message, with what they sent.
///
/// `dropped` is the number of calls that are no longer recorded. Calls of a pattern's route are
/// listed with the first difference.
pub(super) fn list(calls: &[Call], dropped: u64, patterns: &[CallPattern]) -> String {
    if calls.is_empty() {
        return "there were no calls".into();
    }
    let unlisted = calls.len().saturating_sub(MAX_LISTED_CALLS) as u64 + dropped;
    let mut text = String::from(if unlisted == 0 {
        "the calls were:"
    } else {
        "the last calls were:"
    });
    for call in calls.iter().rev().take(MAX_LISTED_CALLS).rev() {
        text += &format!("\n  {call}");
        if let Some(sent) = call
            .json
            .as_ref()
            .map(Value::to_string)
            .or_else(|| call.text.clone())
        {
            text += &format!("\n     sent {}", shortened(&sent));
        }
        if let Some(merged) = &call.gateway {
            let request = shortened(&merged.request.to_string());
            text += &format!("\n     merged {request}");
        }
        let of_route = |pattern: &&CallPattern| call.route.as_deref() == Some(&*pattern.route);
        for pattern in patterns.iter().filter(of_route) {
            if let Some(difference) = pattern.difference(call) {
                text += &format!("\n     {difference}");
            }
        }
    }
    text
}
