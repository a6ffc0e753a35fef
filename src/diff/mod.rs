//! The difference of two bodies, by their structure.
//!
//! [`diff`] compares the messages, tools, parameters and all else of two bodies. Neither a store nor a network is asked:
//! JSON goes in, and edits come out, with which [`BodyDiff::apply`] makes the one body of the other.
//!
//! - The order of an object's members is no difference, and neither are white space and the escapes of strings.
//! - Numbers are compared exactly, however many digits they have. If only their spelling differs, as that of 1 and 1.0,
//!   the edit says so: [`EditKind::Respelled`].
//! - Messages are matched to messages: unchanged ones first, then similar ones of the same role. So a message that is
//!   put in between others changes none of them, and one that was moved is told as moved, also if it was changed too.
//!   Where as many came as went, of the same roles, each took the place of one.
//! - Tools are matched by name, others if they are similar: then the name was changed.
//! - Items of other lists, such as a schema's `required`, are matched by value, and objects among them if they are
//!   similar.
//! - Texts are compared by line, and by word in lines that differ; a tag such as `{{hc:name:string}}` is one word. Texts
//!   that have next to nothing in common are replaced as a whole.
//!
//! ```
//! use promptbook::Json;
//! use promptbook::diff::{EditKind, diff};
//! use serde_json::json;
//!
//! let before = json!({"temperature": 0.7, "messages": [{"role": "user", "content": "Be very brief."}]});
//! let after = json!({"messages": [
//!     {"role": "system", "content": "You are a clerk."},
//!     {"role": "user", "content": "Be brief."},
//! ]});
//! let (before, after) = (Json::from(before), Json::from(after));
//! let difference = diff(&before, &after);
//! let told: Vec<_> = difference
//!     .edits
//!     .iter()
//!     .map(|edit| (edit.kind, edit.new_pointer.as_ref().or(edit.old_pointer.as_ref()).unwrap().as_str()))
//!     .collect();
//! assert_eq!(told, [
//!     (EditKind::Added, "/messages/0"),
//!     (EditKind::Changed, "/messages/1/content"),
//!     (EditKind::Removed, "/temperature"),
//! ]);
//! assert_eq!(difference.apply(&before).unwrap(), after);
//! ```
//!
//! # Limits
//!
//! The same two bodies have the same difference always. Bodies of any shape and size have one; beyond these bounds it is
//! coarser, and right all the same:
//!
//! - lists and texts of more than 50,000 items or lines in sum, and changed passages of more than 40,000 words or
//!   a megabyte, are one change but for what they begin and end with alike;
//! - similar items are looked for among 100,000 pairs at most, as long as it takes no more than 10 million steps, and by
//!   the first 100,000 bytes of their texts;
//! - a value with more than 50,000 edits is changed as a whole, and so is one that is nested deeper than 128 levels or
//!   has a pointer of more than 1,024 bytes.

mod align;
mod apply;
mod body_diff;
mod edit;
mod likeness;
mod parts;
mod pointer;
mod script;
mod text;
mod walk;
mod words;

#[cfg(feature = "cli")]
pub(crate) use self::align::tool_name;
pub use self::apply::Mismatch;
pub use self::body_diff::{BodyDiff, diff};
pub use self::edit::{Edit, EditKind, Section};
pub(crate) use self::parts::{Part, parts, unchanged};
pub use self::pointer::Pointer;
pub use self::text::{Segment, SegmentKind};
