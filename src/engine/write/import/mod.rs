//! Import of a prompt from elsewhere, with its ids, numbers, times and environments.

pub(crate) mod changes;
pub(crate) mod members;
pub(crate) mod prompts;

pub use self::changes::PortableChanges;
pub use self::prompts::{PortableInputs, PortablePrompt, PortableVersion};
