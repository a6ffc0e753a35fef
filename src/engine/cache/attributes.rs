//! The attributes of a resolved version in traces and logs.

use super::resolved::Resolved;

impl Resolved {
    /// Returns the attributes that say in a trace or a log which version was used.
    ///
    /// The first two names are those of OpenTelemetry's conventions for generative AI: the name of
    /// the prompt, and the number of the version. A prompt that was selected by its id is named by
    /// its id, because its name was not read. The others are the prompt's id, the version's id and
    /// the hash of the body, which do not change if the prompt is renamed.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let attributes = store.resolve("greeting@production")?.attributes();
    /// assert_eq!(attributes[0], ("gen_ai.prompt.name", "greeting".into()));
    /// assert_eq!(attributes[1], ("gen_ai.prompt.version", "1.0".into()));
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn attributes(&self) -> [(&'static str, String); 5] {
        let id = self.version.prompt_id.to_string();
        let name = self.prompt_name.as_ref();
        [
            (
                "gen_ai.prompt.name",
                name.map_or_else(|| id.clone(), ToString::to_string),
            ),
            ("gen_ai.prompt.version", self.version.number.to_string()),
            ("promptbook.prompt.id", id),
            ("promptbook.version.id", self.version.id.to_string()),
            ("promptbook.body.hash", self.version.blob.to_string()),
        ]
    }
}
