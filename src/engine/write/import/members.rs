//! Deserialization of the inputs and times of imported JSON.

use chrono::{DateTime, Datelike, Utc};
use serde::de::{Deserialize, Deserializer, Error};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Deserializes inputs with the nesting depth that recorded inputs may have.
///
/// The levels of the document around them do not count.
pub(crate) fn inputs<'de, D: Deserializer<'de>>(from: D) -> Result<Map<String, Value>, D::Error> {
    let text = Box::<RawValue>::deserialize(from)?;
    serde_json::from_str(text.get()).map_err(D::Error::custom)
}

/// Deserializes a time from the year 1970 to 9999, which is the range of ids and texts.
pub(crate) fn moment<'de, D>(from: D) -> Result<Option<DateTime<Utc>>, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(from)?;
    let parsed = DateTime::parse_from_rfc3339(&text).map(|at| at.to_utc());
    match parsed {
        Ok(at) if (1970..=9999).contains(&at.year()) => Ok(Some(at)),
        _ => Err(D::Error::custom(format!(
            "{text:?} is not a time from 1970 to 9999, such as 2025-01-01T00:00:00Z"
        ))),
    }
}
