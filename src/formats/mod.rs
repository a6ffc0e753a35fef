//! File formats of prompts: each reads the text of a file into bodies, and writes bodies as text.
//!
//! A format is a file of this folder. [`Format`] names them. The page
//! [`files`](crate::docs::files) says what each of them carries.

#[cfg(feature = "formats")]
mod chat;
mod content;
#[cfg(feature = "formats")]
mod declared;
#[cfg(feature = "formats")]
mod dotprompt;
mod finding;
mod format;
#[cfg(feature = "formats")]
mod front_matter;
mod json;
#[cfg(feature = "formats")]
mod json_read;
#[cfg(feature = "formats")]
mod langfuse;
#[cfg(feature = "formats")]
mod markdown_read;
#[cfg(feature = "formats")]
mod markdown_write;
#[cfg(feature = "formats")]
mod node;
#[cfg(feature = "formats")]
mod own_member;
#[cfg(feature = "formats")]
mod prompt_yml;
#[cfg(feature = "formats")]
mod promptfoo;
#[cfg(feature = "formats")]
mod prompty;
#[cfg(feature = "formats")]
mod sections;
mod unsupported;
#[cfg(feature = "formats")]
mod variables;
#[cfg(feature = "formats")]
mod yaml_read;
#[cfg(feature = "formats")]
mod yaml_write;

#[cfg(test)]
#[cfg(feature = "formats")]
mod tests;

pub(crate) use self::content::is_equal;
pub use self::content::{FormattedText, PromptContent, PromptFileVersion};
pub use self::finding::FormatFinding;
pub use self::format::Format;
pub use self::unsupported::Unsupported;
