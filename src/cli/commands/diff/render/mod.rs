//! Rendering of a difference as text, by message, tool and parameter.

mod difference;
mod layout;
mod section;
mod words;

pub(crate) use self::difference::{ChangeMarks, stat, title, whole};
