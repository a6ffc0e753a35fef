//! Differences and origins, through a store.

use super::View;
use crate::engine::{
    Blame, Difference, EnvironmentDifference, blame, compare_body, compare_environments,
    compare_versions, find_version,
};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::EnvironmentName;
use crate::model::version_number::Spec;

impl View {
    /// How two versions differ, of one prompt or of two, and what the bump rules say to it. All is of one moment, the
    /// partials of the bodies too.
    ///
    /// ```
    /// use promptbook::{NewPrompt, NewVersion, Store, Verdict};
    ///
    /// # fn main() -> promptbook::Result<()> {
    /// let store = Store::in_memory()?;
    /// let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;
    /// store.create_prompt(NewPrompt::new("greeting", body)?)?;
    /// store.commit(NewVersion::new("greeting", body.replace("Greet", "Welcome"))?)?;
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
    pub fn diff<A, B>(&self, from: A, to: B) -> Result<Difference>
    where
        A: TryInto<Spec>,
        B: TryInto<Spec>,
        Error: From<A::Error> + From<B::Error>,
    {
        let (from, to) = (from.try_into()?, to.try_into()?);
        self.look(|snapshot| compare_versions(snapshot, &self.inner.bodies, &from, &to))
    }

    /// How a version differs from a body that is in no version yet.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn diff_body<S>(&self, from: S, to: &Body) -> Result<Difference>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let from = from.try_into()?;
        self.look(|snapshot| compare_body(snapshot, &self.inner.bodies, &from, to))
    }

    /// How two environments differ: the prompts of which they have different bodies, or of which only one has any, newest
    /// first.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve), but that a prompt is in neither environment is none.
    pub fn diff_environments<A, B>(&self, from: A, to: B) -> Result<Vec<EnvironmentDifference>>
    where
        A: TryInto<EnvironmentName>,
        B: TryInto<EnvironmentName>,
        Error: From<A::Error> + From<B::Error>,
    {
        let (from, to) = (from.try_into()?, to.try_into()?);
        self.look(|snapshot| compare_environments(snapshot, &self.inner.bodies, &from, &to))
    }

    /// For each message, tool and parameter of a version's body, the version that brought it.
    ///
    /// The walk goes from base to base, deleted ones too, so what was taken back to an earlier state counts as new. It ends
    /// where the body of a base was collected.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn blame<S>(&self, spec: S) -> Result<Blame>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        self.look(|snapshot| blame(snapshot, &self.inner.bodies, find_version(snapshot, &spec)?))
    }
}
