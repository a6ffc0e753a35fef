//! Import of a prompt from elsewhere, with its ids, numbers, times and environments.

pub(crate) mod objects;
pub(crate) mod prompts;

pub(crate) use self::objects::objects;
pub(crate) use self::prompts::{ImportedInputs, ImportedPrompt, ImportedVersion};
