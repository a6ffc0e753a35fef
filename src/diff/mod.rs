//! Structural comparison of two bodies.
//!
//! [`diff`] compares the messages, tools, parameters and all other members of two bodies. It uses
//! neither a store nor a network: it takes JSON and returns edits. [`BodyDiff::apply`] turns the
//! old body into the new one with these edits.
//!
//! - The order of an object's members is not a difference, and neither are white space and the
//!   escapes of strings.
//! - Numbers are compared exactly, with any number of digits. If only their spelling differs, as in
//!   1 and 1.0, the edit has the kind [`EditKind::Reformatted`].
//! - Messages are matched to messages: first unchanged ones, then similar ones of the same role. A
//!   message that is inserted between others therefore changes none of them, and a message that was
//!   moved is reported as moved, even if it was also changed. If equally many messages of the same
//!   roles were removed and added in one place, each new one counts as a change of an old one.
//! - Tools are matched by name. Tools whose names differ are matched if they are similar; the name
//!   then counts as changed.
//! - Items of other lists, such as a schema's `required`, are matched by value; objects among them
//!   are also matched if they are similar.
//! - Texts are compared by line, and by word in lines that differ; a tag such as
//!   `{{hc:name:string}}` is one word. Texts that have almost nothing in common are replaced as a
//!   whole.
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
//! The result is deterministic. Bodies of any shape and size can be compared. Beyond the following
//! limits the result is coarser, but still correct:
//!
//! - If two lists or texts have more than 50,000 items or lines in total, or a changed passage more
//!   than 40,000 words or a megabyte, everything between their common beginning and end is one
//!   change.
//! - Similar items are searched for among at most 100,000 pairs and in at most 10 million steps.
//!   Only the first 100,000 bytes of their texts are compared.
//! - A value with more than 50,000 edits is changed as a whole, and so is a value that is nested
//!   deeper than 128 levels or has a pointer of more than 1,024 bytes.

mod align;
mod apply;
pub(crate) mod body_diff;
pub(crate) mod edit;
mod likeness;
mod list;
pub(crate) mod parts;
pub(crate) mod pointer;
mod script;
mod segment;
mod text;
mod walk;
mod words;

pub use self::apply::Mismatch;
pub use self::body_diff::{BodyDiff, diff};
pub use self::edit::{Edit, EditKind, Section};
#[cfg(feature = "cli")]
pub(crate) use self::list::tool_name;
pub use self::pointer::Pointer;
pub(crate) use self::script::line_matches;
pub use self::segment::{Segment, SegmentKind};
pub use crate::engine::{
    Blame, BlameEntry, BlameOrigin, BlamedLine, BlamedText, DiffSide, Difference,
    EnvironmentDifference, LineBlame, VariableChange, Verdict,
};
