//! Pointers: moved, compared before they are, several at once.

use super::lookup::{find_prompt, select};
use super::writer::{Writer, check_expected};
use crate::error::Result;
use crate::id::{EnvironmentName, PromptId, VersionId};
use crate::invalid::check_length;
use crate::number::{PromptRef, Selector};
use crate::record::{Change, Expected, OperationKind, Version};

/// A wish to point an environment elsewhere.
///
/// ```
/// use promptbook::{Expected, Move, Store};
///
/// let store = Store::in_memory()?;
/// let created = store.create_prompt(promptbook::NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
/// let id = created.prompt.id;
/// store.move_environments(&[
///     Move::set(id, "staging", "1.0")?,
///     Move::remove(id, "production")?.expecting(Expected::Is(created.version.id)),
/// ])?;
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Move {
    /// Whose environment.
    pub prompt: PromptRef,
    /// Which environment.
    pub environment: EnvironmentName,
    /// Where to; none removes it.
    pub to: Option<Selector>,
    /// What it points to now, as far as the caller knows.
    pub expected: Expected,
    /// Why, for those who read the history; some words at most.
    pub reason: Option<String>,
}

impl Move {
    /// Points an environment to a version.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) where a text does not parse.
    pub fn set<P, E, S>(prompt: P, environment: E, to: S) -> Result<Self>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        S: TryInto<Selector>,
        crate::Error: From<P::Error> + From<E::Error> + From<S::Error>,
    {
        Ok(Self {
            prompt: prompt.try_into()?,
            environment: environment.try_into()?,
            to: Some(to.try_into()?),
            expected: Expected::Any,
            reason: None,
        })
    }

    /// Removes an environment; where there is none, nothing changes.
    ///
    /// # Errors
    ///
    /// [`Error::Invalid`](crate::Error::Invalid) where a text does not parse.
    pub fn remove<P, E>(prompt: P, environment: E) -> Result<Self>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        crate::Error: From<P::Error> + From<E::Error>,
    {
        Ok(Self {
            prompt: prompt.try_into()?,
            environment: environment.try_into()?,
            to: None,
            expected: Expected::Any,
            reason: None,
        })
    }

    /// Only if the environment points there now; else it is a [`Conflict`](crate::Error::Conflict).
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// With the reason, which the history keeps.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// What a [`Move`] did.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Moved {
    /// Whose environment.
    pub prompt_id: PromptId,
    /// Which environment.
    pub environment: EnvironmentName,
    /// Where it pointed.
    pub before: Option<VersionId>,
    /// Where it points now.
    pub after: Option<VersionId>,
}

impl Writer<'_> {
    /// Moves pointers in the order given, as one operation; nothing is recorded where nothing moves.
    pub(crate) fn move_environments(&mut self, moves: &[Move]) -> Result<Vec<Moved>> {
        let at = self.context.now();
        let mut moved: Vec<Moved> = Vec::with_capacity(moves.len());
        for wish in moves {
            if let Some(reason) = &wish.reason {
                check_length("reason", reason)?;
            }
            let prompt = find_prompt(&*self.transaction, &wish.prompt)?;
            let to = match &wish.to {
                Some(selector) => Some(select(&*self.transaction, prompt, selector)?),
                None => None,
            };
            // A pointer that an earlier move of this list changed is where that one put it.
            let earlier = moved
                .iter()
                .rfind(|done| done.prompt_id == prompt && done.environment == wish.environment);
            let now = match earlier.map(|done| done.after) {
                Some(Some(id)) => self.transaction.version(id)?,
                Some(None) => None,
                None => self.transaction.version_in(prompt, &wish.environment)?,
            };
            let subject = || format!("{} of prompt {prompt}", wish.environment);
            check_expected(&*self.transaction, subject, wish.expected, now.as_ref())?;
            moved.push(Moved {
                prompt_id: prompt,
                environment: wish.environment.clone(),
                before: now.map(|version| version.id),
                after: to.map(|version| version.id),
            });
        }
        let changes: Vec<Change> = moved
            .iter()
            .zip(moves)
            .filter(|(done, _)| done.before != done.after)
            .map(|(done, wish)| Change::Environment {
                prompt: done.prompt_id,
                name: done.environment.clone(),
                before: done.before,
                after: done.after,
                reason: wish.reason.clone(),
            })
            .collect();
        if !changes.is_empty() {
            self.record(at, OperationKind::Move, changes)?;
        }
        Ok(moved)
    }

    /// The change that points an environment to a version that this operation makes.
    pub(super) fn point_to_new(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
        version: VersionId,
    ) -> Result<Change> {
        let before = self.transaction.version_in(prompt, name)?;
        Ok(Change::Environment {
            prompt,
            name: name.clone(),
            before: before.map(|version| version.id),
            after: Some(version),
            reason: None,
        })
    }

    /// The changes that take every environment from a version, or from a whole prompt.
    pub(super) fn unpoint(&self, prompt: PromptId, from: Option<&Version>) -> Result<Vec<Change>> {
        let environments = self.transaction.environments(prompt)?;
        Ok(environments
            .into_iter()
            .filter(|environment| from.is_none_or(|version| version.id == environment.version_id))
            .map(|environment| Change::Environment {
                prompt,
                name: environment.name,
                before: Some(environment.version_id),
                after: None,
                reason: None,
            })
            .collect())
    }
}
