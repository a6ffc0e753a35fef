//! Full text search, and which prompts hang on a partial.

use super::View;
use super::handle::Place;
use crate::engine::{SearchHit, dependents, find_prompt_ever, search, tail_is_long};
use crate::model::error::{Error, Result};
use crate::model::id::EnvironmentName;
use crate::model::record::Version;
use crate::model::version_number::PromptRef;

impl View {
    /// Searches the names of prompts, the texts of their current versions, and the commit messages of all versions.
    ///
    /// Each word of the query is to be found, as it is or as the beginning of another; what stands in double quotes, in a
    /// row. A single character alone is no beginning, but may end one: `gpt-4` finds "gpt-4o". Case and accents don't
    /// count, and no character has another meaning. A version is current if it is the highest of its prompt or an
    /// environment points to it; all messages count.
    ///
    /// Of a body the first 1 MiB of text is searched: its strings, but no `data:` URLs and no long base64.
    ///
    /// Prompts come first, each once: those whose name has all words, then those in whose text they are, with the name
    /// or without, best first. Versions follow in whose message all words are, newest first. `limit` hits are given at most.
    ///
    /// ```
    /// use promptbook::{Matched, NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}} warmly."}]}"#;
    /// store.create_prompt(NewPrompt::new("greeting", body)?)?;
    /// let hits = store.search("warm name", 20)?;
    /// assert_eq!(hits[0].matched, Matched::Text);
    /// assert_eq!(&hits[0].snippet.text[hits[0].snippet.marks[1].clone()], "warmly");
    /// assert_eq!(store.search("greet", 20)?[0].matched, Matched::Name);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Invalid`](Error::Invalid) where the query has more than 32 words; [`Backend`](Error::Backend).
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<SearchHit>> {
        let (hits, tail_is_long) = self.look(|snapshot| {
            let hits = search(snapshot, &self.inner.bodies, query, limit)?;
            Ok((hits, self.past.is_none() && tail_is_long(snapshot)?))
        })?;
        // Such as what another process left that was killed.
        let inner = &*self.inner;
        if tail_is_long && !inner.read_only && matches!(inner.place, Place::Directory { .. }) {
            inner.settler.search_has_a_long_tail();
        }
        Ok(hits)
    }

    /// The current versions that name a partial of this prompt in this environment, by their prompts. Whether the prompt
    /// or the environment is there does not matter.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt), unless it is named by its id.
    pub fn dependents<P, E>(&self, prompt: P, environment: E) -> Result<Vec<Version>>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        Error: From<P::Error> + From<E::Error>,
    {
        let (prompt, environment) = (prompt.try_into()?, environment.try_into()?);
        self.look(|snapshot| {
            let id = find_prompt_ever(snapshot, &prompt)?;
            dependents(snapshot, &self.inner.bodies, id, &environment)
        })
    }
}
