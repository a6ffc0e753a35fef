//! Strict deserialization of imported JSON, because serde's derived code accepts more.

use std::fmt;
use std::marker::PhantomData;

use chrono::{DateTime, Datelike, Utc};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Deserializes a list of objects.
///
/// Serde's derived code would also accept an array of member values for each object.
pub(crate) fn objects<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects = Vec::<JsonObject<T>>::deserialize(from)?;
    Ok(objects.into_iter().map(|JsonObject(value)| value).collect())
}

struct JsonObject<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for JsonObject<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfMap<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfMap<T> {
            type Value = T;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
                T::deserialize(MapAccessDeserializer::new(members))
            }
        }

        from.deserialize_map(OfMap(PhantomData)).map(Self)
    }
}

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
