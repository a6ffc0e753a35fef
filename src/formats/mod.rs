//! File formats of prompts: each reads the text of a file into bodies, and writes bodies as text.
//!
//! A format is a file of this folder. [`Format`] names them. The page
//! [`files`](crate::docs::files) says what each of them carries.

mod content;
mod finding;
mod format;
mod json;

pub(crate) use self::content::is_equal;
pub use self::content::{PromptContent, PromptFileVersion};
pub use self::finding::FormatFinding;
pub use self::format::Format;
