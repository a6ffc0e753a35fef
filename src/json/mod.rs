//! JSON as text: whatever is written stays as it is written.
//!
//! `serde_json::Value` holds integers of 64 bits and doubles. JSON has other numbers too, and several ways to write each,
//! so what must stay exact is never made of a `Value`: it is cut from text, compared as a [`Tree`] that borrows from the
//! text, and written as text.

mod cursor;
mod exact;
mod layout;
mod number;
mod text;
mod tree;
mod value;

pub(crate) use self::cursor::{items, member};
pub use self::exact::Json;
pub(crate) use self::exact::parse;
#[cfg(feature = "cli")]
pub(crate) use self::exact::unheld_number;
#[cfg(feature = "cli")]
pub(crate) use self::layout::pretty;
pub(crate) use self::text::{Places, Text, escape};
pub(crate) use self::tree::{ByValue, Members, Tree};
pub(crate) use self::value::parse_value;
