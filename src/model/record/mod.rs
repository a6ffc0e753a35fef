//! Records: the plain data that a store contains and returns.

mod environment;
mod filter;
mod operation;
mod prompt;
mod settings;
mod version;

pub use self::environment::{Environment, Expected};
pub use self::filter::{OperationFilter, PromptFilter, PromptOrder, VersionFilter};
pub use self::operation::{Change, Operation, OperationContent, OperationKind};
pub use self::prompt::{Prompt, PromptState};
pub use self::settings::{BumpPolicy, Durability, Settings};
pub use self::version::{RecordedInputs, Version, VersionCounts};
