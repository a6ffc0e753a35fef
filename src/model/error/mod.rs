//! The error type of the public API.

mod conversions;
mod folder_error;
pub(crate) mod kind;
mod labels;
mod open_error;
mod variants;
mod wording;

pub use self::folder_error::{FileProblem, FolderError};
pub use self::kind::ErrorKind;
pub use self::labels::{
    ConflictSubject, EnvironmentUse, FreezeProblem, PromptLabel, PromptVersionLabel, VersionLabel,
};
pub use self::open_error::OpenError;
pub use self::variants::{Error, Result};
#[cfg(feature = "cli")]
pub(crate) use self::wording::breaking_move;
