//! A prompt's body: JSON text, kept byte for byte.

use std::sync::Arc;

use serde_json::Value;

use crate::error::{Error, Result};
use crate::id::BlobId;
use crate::json::Json;

/// The body of a version: an OpenAI-style chat request as JSON text.
///
/// Any JSON object is accepted, up to [`Body::MAX_BYTES`] and [`Body::MAX_DEPTH`] levels, whose numbers fit
/// an `f64` and whose strings are Unicode. The text is kept byte for byte: white space, member order
/// and the spelling of numbers come back as they went in.
///
/// ```
/// use promptbook::Body;
///
/// let body = Body::try_from(r#"{"model": "gpt-4o",  "seed": 12345678901234567890123}"#)?;
/// assert!(body.text().contains(":  ") == false && body.text().ends_with("0123}"));
/// assert_eq!(body.model(), Some("gpt-4o"));
/// assert!(Body::try_from("[]").is_err());
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Body(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: BlobId,
    /// Parsed at once for a body that comes from a caller, on demand for one that comes from the store.
    json: Json,
}

impl Body {
    /// The largest body, in bytes.
    pub const MAX_BYTES: usize = 50 * 1024 * 1024;

    /// The deepest nesting of objects and arrays, the body itself included.
    pub const MAX_DEPTH: usize = 127;

    /// The most template tags of a body that is committed, each counted as often as it stands where tags have a meaning. The
    /// rules of what a minor version may be compare them one by one.
    pub const MAX_TAGS: usize = 10_000;

    /// The text as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.json.text()
    }

    /// The text's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text().as_bytes()
    }

    /// The content address.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.0.id
    }

    /// The parsed text: an object, its members in the order of the text. Its numbers are integers of 64 bits or doubles;
    /// [`text`](Self::text) has them as they are written.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.0.json.json()
    }

    /// The member `model`, if it is a string.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.json().get("model")?.as_str()
    }

    /// The text as a part of other JSON, but for the white space around it.
    #[cfg(feature = "server")]
    pub(crate) fn raw(&self) -> serde_json::Result<&serde_json::value::RawValue> {
        serde_json::from_str(self.text())
    }

    /// A body that was accepted before: its bytes match `id`, which the index vouches for.
    pub(crate) fn from_store(id: BlobId, bytes: Vec<u8>) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|_| Error::Damaged {
            blob: id,
            reason: "it is not UTF-8".into(),
        })?;
        // It went through `accept` before, and its hash was checked.
        let json = Json::new(text);
        Ok(Self(Arc::new(Inner { id, json })))
    }

    fn accept(text: String) -> Result<Self> {
        let refuse = |reason: String| Err(Error::InvalidBody { reason });
        if text.len() > Self::MAX_BYTES {
            let (size, limit) = (text.len(), Self::MAX_BYTES);
            return refuse(format!("it has {size} bytes, the limit is {limit}"));
        }
        match serde_json::from_str(&text) {
            Ok(json @ Value::Object(_)) => Ok(Self(Arc::new(Inner {
                id: BlobId::of(text.as_bytes()),
                json: Json::parsed(text, json),
            }))),
            Ok(other) => refuse(format!("expected a JSON object, found {}", kind_of(&other))),
            Err(error) if error.to_string().starts_with("recursion limit") => refuse(format!(
                "it is nested deeper than {} levels, at line {} column {}",
                Self::MAX_DEPTH,
                error.line(),
                error.column()
            )),
            Err(error) => refuse(error.to_string()),
        }
    }
}

impl AsRef<Json> for Body {
    fn as_ref(&self) -> &Json {
        &self.0.json
    }
}

impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl Eq for Body {}

impl TryFrom<String> for Body {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::accept(text)
    }
}

impl TryFrom<&str> for Body {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        Self::accept(text.to_owned())
    }
}

impl TryFrom<&String> for Body {
    type Error = Error;

    fn try_from(text: &String) -> Result<Self> {
        Self::accept(text.clone())
    }
}

impl TryFrom<Vec<u8>> for Body {
    type Error = Error;

    fn try_from(bytes: Vec<u8>) -> Result<Self> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::accept(text),
            Err(error) => Err(Error::InvalidBody {
                reason: format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
            }),
        }
    }
}

impl TryFrom<&[u8]> for Body {
    type Error = Error;

    fn try_from(bytes: &[u8]) -> Result<Self> {
        Self::try_from(bytes.to_vec())
    }
}

impl TryFrom<&Value> for Body {
    type Error = Error;

    /// The compact text of a parsed body.
    fn try_from(json: &Value) -> Result<Self> {
        Self::accept(json.to_string())
    }
}

impl TryFrom<Value> for Body {
    type Error = Error;

    fn try_from(json: Value) -> Result<Self> {
        Self::try_from(&json)
    }
}

fn kind_of(json: &Value) -> &'static str {
    match json {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A body as part of other JSON, byte for byte: the text itself, or, where there is white space around it, which other
/// JSON would not keep, as a string.
#[cfg(feature = "server")]
pub(crate) mod verbatim {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::Body;

    pub(crate) fn serialize<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
        let text = body.text();
        match text.starts_with('{') && text.ends_with('}') {
            true => body.raw().map_err(S::Error::custom)?.serialize(serializer),
            false => text.serialize(serializer),
        }
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Body, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        let body = match serde_json::from_str::<String>(raw.get()) {
            Ok(text) => Body::try_from(text),
            Err(_) => Body::try_from(raw.get()),
        };
        body.map_err(D::Error::custom)
    }
}
