//! JSON as text, with numbers and strings exactly as they are written.
//!
//! `serde_json::Value` represents 64-bit integers and doubles only. JSON has other numbers, and
//! several ways to write each number. Data that must remain exact is therefore never converted to a
//! `Value`: it is cut from text, compared as a [`JsonTree`] that borrows from the text, and written as
//! text.

mod cursor;
mod exact;
mod layout;
mod number;
pub(crate) mod objects;
mod text;
mod tree;
mod value;

pub(crate) use self::cursor::{items, member, members, members_named, string};
pub use self::exact::Json;
#[cfg(feature = "cli")]
pub(crate) use self::exact::inexact_number;
pub(crate) use self::exact::parse;
pub(crate) use self::layout::pretty;
pub(crate) use self::text::{JsonString, Locator, escape};
pub(crate) use self::tree::{ByValue, JsonTree, TreeMembers};
pub(crate) use self::value::parse_value;
