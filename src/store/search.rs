//! Full text search, and the versions that contain a partial of a prompt.

use super::View;
use crate::engine::{SearchHit, dependents, find_prompt_or_deleted, search, tail_is_long};
use crate::model::arguments::{IntoEnvironmentName, IntoPromptRef};
use crate::model::error::Result;
use crate::model::record::Version;

impl View {
    /// Searches prompt names, texts of current versions, and commit messages of all versions.
    ///
    /// Returns at most `limit` hits.
    ///
    /// A hit contains every word of the query, as a whole word or as the beginning of one. Words in
    /// double quotes must occur in a row. The last word is always a beginning, so that results do
    /// not vanish while a query is typed. Any other single character matches only a whole word,
    /// except as the last part of a longer one: `gpt-4` finds "gpt-4o". Case, accents, the vowel
    /// marks of Hebrew and Arabic, and characters that are not visible are ignored, and no other
    /// character has a special meaning. A query without a word finds nothing
    /// ([`has_word`](crate::search::has_word)). A version is current if it is the highest of its
    /// prompt, or if an environment points to it. Messages are searched in all versions.
    ///
    /// In each body, the first 1 MiB of text is searched. It consists of the body's strings,
    /// without `data:` URLs and long base64.
    ///
    /// Prompts come first, each of them once: those whose name contains all words, then those whose
    /// text, alone or together with the name, contains them, best first. The order is the same
    /// whatever index the store has, and whether or not a prompt is indexed yet. They are followed by the
    /// versions whose message contains all words, newest first.
    ///
    /// ```
    /// use promptbook::search::MatchedIn;
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}} warmly."}]}"#;
    /// store.create_prompt(NewPrompt::new("greeting", body))?;
    /// let hits = store.search("warm name", 20)?;
    /// assert_eq!(hits[0].matched, MatchedIn::Text);
    /// assert_eq!(&hits[0].snippet.text[hits[0].snippet.marks[1].clone()], "warmly");
    /// assert_eq!(store.search("greet", 20)?[0].matched, MatchedIn::Name);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`InvalidArgument`](crate::Error::InvalidArgument) if the query has more than 32 words;
    /// [`Storage`](crate::Error::Storage) if the index or the blob store failed.
    pub fn search(&self, query: &str, limit: usize) -> Result<Vec<SearchHit>> {
        let (hits, tail_is_long) = self.look(|snapshot| {
            let hits = search(snapshot, &self.inner.bodies, query, limit)?;
            Ok((hits, self.past.is_none() && tail_is_long(snapshot)?))
        })?;
        // Another process that was killed may have left unindexed operations, for example.
        let inner = &*self.inner;
        if tail_is_long && !inner.read_only && !inner.place.is_memory() {
            inner.settler.request_indexing();
        }
        Ok(hits)
    }

    /// Returns the current versions that contain a partial of this prompt in this environment.
    ///
    /// They are in the order of their prompts.
    ///
    /// Neither the prompt nor the environment needs to exist.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt), unless the prompt is given by its id.
    pub fn dependents(
        &self,
        prompt: impl IntoPromptRef,
        environment: impl IntoEnvironmentName,
    ) -> Result<Vec<Version>> {
        let prompt = prompt.into_prompt_ref()?;
        let environment = environment.into_environment_name()?;
        self.look(|snapshot| {
            let id = find_prompt_or_deleted(snapshot, &prompt)?;
            dependents(snapshot, &self.inner.bodies, id, &environment)
        })
    }
}
