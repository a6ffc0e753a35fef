//! The difference of two bodies, for people: what changed, message by message, tool by tool, parameter by parameter.

mod difference;
mod layout;
mod section;
mod words;

pub(crate) use self::difference::{Marks, stat, title, whole};
