//! TODO

use super::Shape;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::outline::{Kind, Outline, outline};
use crate::json;
use crate::json::Json;
use crate::model::error::{Error, Result};
use crate::model::heap;
use crate::model::id::BlobId;

/// The body of a version: an OpenAI-style chat request as JSON text.
///
/// Any JSON object is accepted, up to [`Body::MAX_BYTES`], [`Body::MAX_VALUES`] and [`Body::MAX_DEPTH`] levels, whose
/// numbers fit an `f64` and whose strings are Unicode. The text is kept byte for byte: white space, member order
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
    /// Parsed at once for a small body that comes from a caller, else on demand.
    json: Json,
    /// The member `model` of a body that was accepted without being parsed.
    model: OnceLock<Option<String>>,
    /// The memory that the text and its values take, once it was asked for.
    weight: OnceLock<usize>,
}

impl Body {
    /// The largest body, in bytes.
    pub const MAX_BYTES: usize = 50 * 1024 * 1024;

    /// The most values in a body: objects, arrays, strings, numbers, booleans and nulls, those within others and the body
    /// itself included. Parsed, a value takes up to some hundred times the memory of its text.
    pub const MAX_VALUES: usize = 1_000_000;

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
        match self.0.model.get() {
            Some(model) => model.as_deref(),
            None => self.json().get("model")?.as_str(),
        }
    }

    /// The text as a part of other JSON, but for the white space around it.
    #[cfg(feature = "server")]
    pub(crate) fn raw(&self) -> serde_json::Result<&serde_json::value::RawValue> {
        serde_json::from_str(self.text())
    }

    /// Whether the text is so large that its values are not parsed without need, nor kept.
    pub(crate) fn is_large(&self) -> bool {
        self.text().len() > LARGE
    }

    /// Looks at the values once. Those of a large body are parsed for it and freed again, unless they are there already:
    /// in a thread of its own, whose heap has little else that would keep their memory from the system.
    pub(crate) fn look<T: Send>(&self, look: impl Fn(&Value) -> T + Sync) -> T {
        if !self.is_large() || self.0.json.is_parsed() {
            return look(self.json());
        }
        let apart = || {
            let json = json::parse(self.text());
            let seen = look(&json);
            drop(json);
            heap::give_back();
            seen
        };
        let builder = thread::Builder::new().name("promptbook-body".into());
        thread::scope(|scope| match builder.spawn_scoped(scope, apart) {
            Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // There is no thread to be had.
            Err(_) => look(self.json()),
        })
    }

    fn of(id: BlobId, json: Json) -> Self {
        Self(Arc::new(Inner {
            id,
            json,
            model: OnceLock::new(),
            weight: OnceLock::new(),
        }))
    }

    /// The memory that this takes with its values, in bytes, whether they are parsed yet or not.
    pub(crate) fn weight(&self) -> usize {
        let text = self.as_bytes();
        let weigh = || size_of::<Inner>() + text.len() + Shape::of(text).parsed_bytes();
        *self.0.weight.get_or_init(weigh)
    }

    /// A body that was accepted before: its bytes match `id`, which the index vouches for.
    pub(crate) fn from_store(id: BlobId, bytes: Vec<u8>) -> Result<Self> {
        let text = String::from_utf8(bytes).map_err(|_| Error::Damaged {
            blob: id,
            reason: "it is not UTF-8".into(),
        })?;
        // It went through `accept` before, and its hash was checked.
        Ok(Self::of(id, Json::new(text)))
    }

    fn accept(text: String) -> Result<Self> {
        let refuse = |reason: String| Err(Error::InvalidBody { reason });
        if text.len() > Self::MAX_BYTES {
            let (size, limit) = (text.len(), Self::MAX_BYTES);
            return refuse(format!("it has {size} bytes, the limit is {limit}"));
        }
        // A shorter text has fewer values.
        if text.len() > Self::MAX_VALUES {
            let (values, limit) = (Shape::of(text.as_bytes()).values, Self::MAX_VALUES);
            if values > limit {
                // What is no JSON is refused as that, without a tree of what comes before the mistake.
                return refuse(match serde_json::from_str::<IgnoredAny>(&text) {
                    Ok(IgnoredAny) => format!("it has {values} values, the limit is {limit}"),
                    Err(error) => error.to_string(),
                });
            }
        }
        let checked = match text.len() > LARGE {
            true => outline(&text).map(|outline| (outline, None)),
            false => json::parse_value(&text).map(|json| (outline_of(&json), Some(json))),
        };
        match checked {
            Ok((Outline::Object(model), json)) => {
                let id = BlobId::of(text.as_bytes());
                let Some(json) = json else {
                    let body = Self::of(id, Json::new(text));
                    body.0.model.get_or_init(|| model);
                    return Ok(body);
                };
                Ok(Self::of(id, Json::parsed(text, json)))
            }
            Ok((Outline::Other(kind), _)) => {
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

/// The values of a larger text may take ten megabytes and more.
const LARGE: usize = 128 * 1024;

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

/// The outline of a small body. Its model is read where it is asked for.
fn outline_of(json: &Value) -> Outline {
    match json {
        Value::Object(_) => Outline::Object(None),
        Value::Null => Outline::Other(Kind::Null),
        Value::Bool(_) => Outline::Other(Kind::Bool),
        Value::Number(_) => Outline::Other(Kind::Number),
        Value::String(_) => Outline::Other(Kind::String),
        Value::Array(_) => Outline::Other(Kind::Array),
    }
}

fn words_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "null",
        Kind::Bool => "a boolean",
        Kind::Number => "a number",
        Kind::String => "a string",
        Kind::Array => "an array",
        Kind::Object => "an object",
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
