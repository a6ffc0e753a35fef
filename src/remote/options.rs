//! [`StatusOptions`], which all calls that use a remote have.

use super::http::{RemoteKey, StopFlag};
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// The options of a comparison with a remote, which a pull and a push have too.
#[derive(Debug, Default)]
pub struct StatusOptions<'a> {
    pub(in crate::remote) key: Option<RemoteKey>,
    pub(in crate::remote) stop: StopFlag,
    pub(in crate::remote) prompts: Vec<String>,
    pub(in crate::remote) progress: Reporter<'a>,
}

impl<'a> StatusOptions<'a> {
    /// Returns the default options: all prompts.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the key of the remote. It is not stored.
    #[must_use]
    pub fn key(mut self, key: RemoteKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Selects only this prompt, by its name or its id; can be called several times.
    #[must_use]
    pub fn prompt(mut self, prompt: impl Into<String>) -> Self {
        self.prompts.push(prompt.into());
        self
    }

    /// Sets the flag that stops the call. What was transferred until then stays.
    #[must_use]
    pub fn stop(mut self, stop: &StopFlag) -> Self {
        self.stop = stop.clone();
        self
    }

    /// Calls a closure as the call advances. A step is a prompt that was read or sent, or a body
    /// that was downloaded.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}
