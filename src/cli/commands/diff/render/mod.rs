//! Rendering of a difference as text, by message, tool and parameter.

mod difference;
mod layout;
mod marks;
mod section;
mod words;

pub(crate) use self::difference::{render, stat, title};
pub(crate) use self::marks::ChangeMarks;
