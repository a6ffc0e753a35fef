//! [`Body`], the JSON text of a version.

use std::borrow::Cow;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::BodySize;
use super::invalid::{InvalidBody, NotUnicode};
use super::outline::{ObjectOutline, Outline, ValueKind, outline};
use crate::json;
use crate::json::Json;
use crate::model::heap;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;

/// The body of a version: an OpenAI-style chat request as JSON text.
///
/// A body is any JSON object whose numbers fit an `f64` and whose strings are Unicode, up to
/// [`Body::MAX_BYTES`], [`Body::MAX_VALUES`] and [`Body::MAX_DEPTH`] levels of nesting. The text is
/// stored byte for byte: white space, the order of members and the spelling of numbers are
/// preserved.
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
pub struct Body(Arc<BodyData>);

#[derive(Debug)]
struct BodyData {
    id: BlobId,
    /// Parsed on demand.
    json: Json,
    /// What its acceptance has found, if the body comes from a caller.
    outline: Option<ObjectOutline>,
    /// The memory that the text and its values take, computed once.
    weight: OnceLock<usize>,
}

impl Body {
    /// The maximum size of a body, in bytes.
    pub const MAX_BYTES: usize = 50 * 1024 * 1024;

    /// The maximum number of values in a body.
    ///
    /// Objects, arrays, strings, numbers, booleans and nulls count, including nested ones and the
    /// body itself. A parsed value takes up to about a hundred times the memory of its text.
    pub const MAX_VALUES: usize = 1_000_000;

    /// The maximum nesting of objects and arrays. The body itself is the first level.
    pub const MAX_DEPTH: usize = 127;

    /// The maximum number of template tags in a body that is committed.
    ///
    /// Every occurrence of a tag counts, in the places where tags have a meaning. The limit exists
    /// because the bump rules may compare the tags one by one.
    pub const MAX_TEMPLATE_TAGS: usize = 10_000;

    /// Returns the text, exactly as it was given.
    #[must_use]
    pub fn text(&self) -> &str {
        self.0.json.text()
    }

    /// Returns the bytes of the text.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.text().as_bytes()
    }

    /// Returns the content address.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.0.id
    }

    /// Returns the parsed text.
    ///
    /// It is an object whose members are in the order of the text. Its numbers are 64-bit integers
    /// or doubles; [`text`](Self::text) has them as they are written.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.0.json.json()
    }

    /// Returns the member `model`, if it is a string.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        match &self.0.outline {
            Some(outline) => outline.model.as_deref(),
            None => self.json().get("model")?.as_str(),
        }
    }

    /// Returns the names and the texts of the members, in order.
    pub(crate) fn members(&self) -> Vec<(Cow<'_, str>, &str)> {
        let text = self.text();
        let outline = self.0.outline.as_ref();
        match outline.and_then(|outline| outline.names.as_deref()) {
            Some(names) => json::members_named(text, names).collect(),
            None => json::members(text).collect(),
        }
    }

    /// Returns the text for use inside other JSON, without the white space around it.
    pub(crate) fn raw(&self) -> serde_json::Result<&serde_json::value::RawValue> {
        serde_json::from_str(self.text())
    }

    /// Returns whether the body is large: its values are parsed only on demand, and then freed.
    pub(crate) fn is_large(&self) -> bool {
        self.text().len() > LARGE_BODY_BYTES
    }

    /// Calls `look` with the parsed values.
    ///
    /// The values of a large body are freed afterwards, unless they were parsed before. They are
    /// parsed in a separate thread, because its heap contains little else that would prevent their
    /// memory from being returned to the system.
    pub(crate) fn look<T: Send>(&self, look: impl Fn(&Value) -> T + Sync) -> T {
        if !self.is_large() || self.0.json.is_parsed() {
            return look(self.json());
        }
        let apart = || {
            let json = json::parse(self.text());
            let seen = look(&json);
            drop(json);
            heap::release_freed();
            seen
        };
        let builder = thread::Builder::new().name("promptbook-body".into());
        thread::scope(|scope| match builder.spawn_scoped(scope, apart) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // No thread could be started.
            Err(_) => look(self.json()),
        })
    }

    fn of(id: BlobId, json: Json, outline: Option<ObjectOutline>) -> Self {
        Self(Arc::new(BodyData {
            id,
            json,
            outline,
            weight: OnceLock::new(),
        }))
    }

    /// Returns the memory of the body with its values, in bytes, even if they are not parsed.
    pub(crate) fn weight(&self) -> usize {
        let text = self.as_bytes();
        let weigh = || size_of::<BodyData>() + text.len() + BodySize::of(text).parsed_bytes();
        *self.0.weight.get_or_init(weigh)
    }

    /// Creates a body from stored bytes.
    pub(crate) fn from_store(bytes: VerifiedBytes) -> Result<Self, NotUnicode> {
        let id = bytes.id();
        let text = String::from_utf8(bytes.into_bytes()).map_err(|_| NotUnicode { blob: id })?;
        // The text went through `accept` before, and its hash was checked.
        Ok(Self::of(id, Json::new(text), None))
    }

    fn accept(text: String) -> Result<Self, InvalidBody> {
        let refuse = |reason: String| Err(InvalidBody { reason });
        if text.starts_with('\u{feff}') {
            return refuse("it begins with a byte order mark (U+FEFF), which is not JSON".into());
        }
        if text.len() > Self::MAX_BYTES {
            let (size, limit) = (text.len(), Self::MAX_BYTES);
            return refuse(format!("it has {size} bytes, the limit is {limit}"));
        }
        // A shorter text has fewer values.
        if text.len() > Self::MAX_VALUES {
            let (values, limit) = (BodySize::of(text.as_bytes()).values, Self::MAX_VALUES);
            if values > limit {
                // Text that is not JSON gets the parser's error. No tree is built of the values
                // before it.
                return refuse(match serde_json::from_str::<IgnoredAny>(&text) {
                    Ok(IgnoredAny) => format!("it has {values} values, the limit is {limit}"),
                    Err(error) => error.to_string(),
                });
            }
        }
        match outline(&text) {
            Ok(Outline::Object(outline)) => {
                let id = BlobId::of(text.as_bytes());
                Ok(Self::of(id, Json::new(text), Some(outline)))
            }
            Ok(Outline::Other(kind)) => {
                refuse(format!("expected a JSON object, found {}", words_of(kind)))
            }
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

/// The size from which a text counts as large. Its values may take more than ten megabytes.
const LARGE_BODY_BYTES: usize = 128 * 1024;

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
    type Error = InvalidBody;

    fn try_from(text: String) -> Result<Self, InvalidBody> {
        Self::accept(text)
    }
}

impl TryFrom<&str> for Body {
    type Error = InvalidBody;

    fn try_from(text: &str) -> Result<Self, InvalidBody> {
        Self::accept(text.to_owned())
    }
}

impl TryFrom<&String> for Body {
    type Error = InvalidBody;

    fn try_from(text: &String) -> Result<Self, InvalidBody> {
        Self::accept(text.clone())
    }
}

impl TryFrom<Vec<u8>> for Body {
    type Error = InvalidBody;

    fn try_from(bytes: Vec<u8>) -> Result<Self, InvalidBody> {
        match String::from_utf8(bytes) {
            Ok(text) => Self::accept(text),
            Err(error) if matches!(error.as_bytes(), [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) => {
                Err(InvalidBody {
                    reason: "it is UTF-16; expected UTF-8".into(),
                })
            }
            Err(error) => Err(InvalidBody {
                reason: format!("not UTF-8 at byte {}", error.utf8_error().valid_up_to()),
            }),
        }
    }
}

impl TryFrom<&[u8]> for Body {
    type Error = InvalidBody;

    fn try_from(bytes: &[u8]) -> Result<Self, InvalidBody> {
        Self::try_from(bytes.to_vec())
    }
}

impl TryFrom<&Value> for Body {
    type Error = InvalidBody;

    /// Creates a body from the compact text of a JSON value.
    fn try_from(json: &Value) -> Result<Self, InvalidBody> {
        Self::accept(json.to_string())
    }
}

impl TryFrom<Value> for Body {
    type Error = InvalidBody;

    fn try_from(json: Value) -> Result<Self, InvalidBody> {
        Self::try_from(&json)
    }
}

fn words_of(kind: ValueKind) -> &'static str {
    match kind {
        ValueKind::Null => "null",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a string",
        ValueKind::Array => "an array",
        ValueKind::Object => "an object",
    }
}

/// Serialization of a body inside other JSON, byte for byte.
///
/// A body is written as raw JSON. If there is white space around it, which other JSON would not
/// preserve, it is written as a string.
pub(crate) mod verbatim {
    use serde::de::Error as _;
    use serde::ser::Error as _;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::value::RawValue;

    use super::Body;

    pub(crate) fn serialize<S: Serializer>(body: &Body, serializer: S) -> Result<S::Ok, S::Error> {
        let text = body.text();
        if text.starts_with('{') && text.ends_with('}') {
            body.raw().map_err(S::Error::custom)?.serialize(serializer)
        } else {
            text.serialize(serializer)
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
