//! Differences between versions and environments, and blame.

use super::View;
use crate::engine::{
    Blame, Difference, EnvironmentDifference, LineBlame, blame, blame_lines, compare_body,
    compare_environments, compare_versions, find_version,
};
use crate::model::arguments::{IntoEnvironmentName, IntoVersionSpec};
use crate::model::body::Body;
use crate::model::error::Result;

impl View {
    /// Compares two versions, of the same prompt or of different ones.
    ///
    /// The result says how they differ, and what the bump rules say about it. Everything is read at
    /// one moment, including the partials of the bodies.
    ///
    /// ```
    /// use promptbook::diff::Verdict;
    /// use promptbook::{NewPrompt, NewVersion, Store};
    ///
    /// # fn main() -> promptbook::Result<()> {
    /// let store = Store::in_memory()?;
    /// let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;
    /// store.create_prompt(NewPrompt::new("greeting", body))?;
    /// store.commit(NewVersion::new("greeting", body.replace("Greet", "Welcome")))?;
    ///
    /// let difference = store.diff("greeting@production", "greeting@latest")?;
    /// assert_eq!(difference.verdict, Verdict::Minor);
    /// let edit = &difference.body.edits[0];
    /// assert_eq!(edit.new_pointer.as_ref().unwrap().as_str(), "/messages/0/content");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn diff(&self, from: impl IntoVersionSpec, to: impl IntoVersionSpec) -> Result<Difference> {
        let (from, to) = (from.into_version_spec()?, to.into_version_spec()?);
        self.look(|snapshot| compare_versions(snapshot, &self.inner.bodies, &from, &to))
    }

    /// Compares a version with a body that no version has yet.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn diff_body(&self, from: impl IntoVersionSpec, to: &Body) -> Result<Difference> {
        let from = from.into_version_spec()?;
        self.look(|snapshot| compare_body(snapshot, &self.inner.bodies, &from, to))
    }

    /// Compares two environments.
    ///
    /// Returns the prompts, newest first, that have different bodies in the two environments, or a
    /// version in only one of them.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve). A prompt that is in neither environment is not an error.
    pub fn diff_environments(
        &self,
        from: impl IntoEnvironmentName,
        to: impl IntoEnvironmentName,
    ) -> Result<Vec<EnvironmentDifference>> {
        let (from, to) = (from.into_environment_name()?, to.into_environment_name()?);
        self.look(|snapshot| compare_environments(snapshot, &self.inner.bodies, &from, &to))
    }

    /// Finds the version that introduced each message, tool and parameter of a version's body.
    ///
    /// The search follows the chain of bases, including deleted ones. A part that was changed back
    /// to an earlier state therefore counts as new. The search ends at a base whose body was
    /// removed by garbage collection.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn blame(&self, spec: impl IntoVersionSpec) -> Result<Blame> {
        let spec = spec.into_version_spec()?;
        self.look(|snapshot| blame(snapshot, &self.inner.bodies, find_version(snapshot, &spec)?))
    }

    /// Finds the version that introduced each line of each text of a version's body.
    ///
    /// The texts are those of messages, tools and parameters. The search is that of
    /// [`blame`](Self::blame). A line that only moved within its text counts as new.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn blame_lines(&self, spec: impl IntoVersionSpec) -> Result<LineBlame> {
        let spec = spec.into_version_spec()?;
        self.look(|snapshot| {
            blame_lines(snapshot, &self.inner.bodies, find_version(snapshot, &spec)?)
        })
    }
}
