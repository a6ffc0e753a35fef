//! What a store must do to be measured.

use std::path::Path;

use anyhow::Result;

/// A prompt to be imported: its versions, oldest first.
pub struct History {
    pub name: String,
    pub bodies: Vec<String>,
}

/// The message of a prompt's `number`th version, from 1.
pub fn message(number: usize) -> String {
    format!("Edit {number}")
}

/// A handle of a store of prompts.
pub trait Peer: Sized {
    const NAME: &'static str;
    /// Where it keeps what.
    const LAYOUT: &'static str;
    /// What of an acknowledged change survives power loss.
    const DURABILITY: &'static str;
    /// Whether a store can be open twice at once.
    const SHARED: bool = true;
    /// Whether an import costs less than as many commits.
    const BATCHES: bool = true;

    /// How it names a prompt: made once, outside of what is timed.
    type Prompt;
    /// How it names a version.
    type Version;

    fn prompt(name: &str) -> Result<Self::Prompt>;

    fn create(directory: &Path) -> Result<Self>;

    fn open(directory: &Path) -> Result<Self>;

    /// Takes in new prompts in the fastest way there is, durable at its end; the last version of each is in production.
    fn import(&self, histories: &[History]) -> Result<()>;

    /// Adds a version to a prompt that exists.
    fn commit(&self, prompt: &Self::Prompt, body: &str, message: &str) -> Result<Self::Version>;

    /// Moves production.
    fn release(&self, prompt: &Self::Prompt, version: &Self::Version) -> Result<()>;

    /// Lends the body of production.
    fn resolve<T>(&self, prompt: &Self::Prompt, read: impl FnOnce(&[u8]) -> T) -> Result<T>;

    /// The newest versions and their messages, newest first.
    fn newest(&self, prompt: &Self::Prompt, limit: usize) -> Result<Vec<(Self::Version, String)>>;

    /// Finishes what it does in the background.
    fn checkpoint(&self) -> Result<()> {
        Ok(())
    }

    /// Makes a closed store as small as it can; says how, if it can at all.
    fn compact(_directory: &Path) -> Result<Option<&'static str>> {
        Ok(None)
    }
}
