//! Rendering of a difference as text, by message, tool and parameter.

mod difference;
mod layout;
mod marks;
mod section;
mod words;

pub(crate) use self::difference::{render, title, whole_or_stat};
pub(crate) use self::marks::ChangeMarks;
