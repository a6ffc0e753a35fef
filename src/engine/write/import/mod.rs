//! A prompt brought in as it was elsewhere: with its ids, numbers, moments and pointers.

pub(crate) mod objects;
pub(crate) mod prompts;

pub(crate) use self::objects::objects;
pub(crate) use self::prompts::{ImportedInputs, ImportedPrompt, ImportedVersion};
