//! Changes of prompts and environments.

use super::handle::Store;
use crate::engine::{CreatedPrompt, EnvironmentChange, EnvironmentUpdate, NewPrompt};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptName};
use crate::model::record::{Expected, Prompt};
use crate::model::version_number::{PromptRef, Selector};

impl Store {
    /// Creates a prompt and its first version, as one operation.
    ///
    /// # Errors
    ///
    /// - [`PromptIdTaken`](Error::PromptIdTaken) if the requested id is, or was, that of another
    ///   prompt.
    /// - [`InvalidArgument`](Error::InvalidArgument) if the name, the message or a tag has more than 64 KiB, if
    ///   there are more than 10,000 tags, or if the tags have more than 1 MiB in total.
    /// - [`InvalidBody`](Error::InvalidBody) if the body has more than
    ///   [`Body::MAX_TAGS`](crate::Body::MAX_TAGS) template tags.
    /// - Those of the transaction: see "Outcomes" of [`commit`](Self::commit). A refused prompt
    ///   changes nothing.
    pub fn create_prompt(&self, new: NewPrompt) -> Result<CreatedPrompt> {
        new.check()?;
        self.write(move |writer| writer.create(&new))
    }

    /// Gives a prompt another name, and returns the prompt.
    ///
    /// If it already has that name, nothing changes and no operation is recorded.
    ///
    /// # Errors
    ///
    /// As [`prompt`](crate::View::prompt); [`InvalidArgument`](Error::InvalidArgument) if the name has more than 64
    /// KiB; those of the transaction, see "Outcomes" of [`commit`](Self::commit).
    pub fn rename<P, N>(&self, prompt: P, name: N) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        N: TryInto<PromptName>,
        Error: From<P::Error> + From<N::Error>,
    {
        let (prompt, name) = (prompt.try_into()?, name.try_into()?);
        self.write(move |writer| writer.rename(&prompt, name))
    }

    /// Replaces the tags of a prompt, and returns the prompt.
    ///
    /// The tags are stored as given. If the prompt already has them, nothing changes and no
    /// operation is recorded.
    ///
    /// # Errors
    ///
    /// As [`prompt`](crate::View::prompt); [`InvalidArgument`](Error::InvalidArgument) if a tag has more than 64
    /// KiB, if there are more than 10,000 tags, or if they have more than 1 MiB in total; those of
    /// the transaction, see "Outcomes" of [`commit`](Self::commit).
    pub fn set_tags<P>(&self, prompt: P, tags: &[impl AsRef<str>]) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        let tags = tags.iter().map(|tag| tag.as_ref().to_owned()).collect();
        self.write(move |writer| writer.set_tags(&prompt, tags))
    }

    /// Deletes a prompt with its versions and environments, and returns the prompt as it was.
    ///
    /// Its id is not used again. [`undo`](Self::undo) restores the prompt.
    ///
    /// # Errors
    ///
    /// As [`prompt`](crate::View::prompt); those of the transaction, see "Outcomes" of
    /// [`commit`](Self::commit).
    pub fn delete_prompt<P>(&self, prompt: P) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        self.write(move |writer| writer.delete_prompt(&prompt))
    }

    /// Points an environment of a prompt to one of its versions.
    ///
    /// The environment is created if it does not exist.
    ///
    /// If it already points there, nothing changes and no operation is recorded.
    ///
    /// # Errors
    ///
    /// - [`Conflict`](Error::Conflict) if the environment does not point to the `expected` version.
    /// - [`VersionNotFound`](Error::VersionNotFound),
    ///   [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    ///   [`ForeignVersion`](Error::MismatchedVersion) if `to` selects no version of the prompt.
    /// - As [`prompt`](crate::View::prompt).
    /// - Those of the transaction: see "Outcomes" of [`commit`](Self::commit). A refused move
    ///   changes nothing.
    pub fn set_environment<P, E, S>(
        &self,
        prompt: P,
        environment: E,
        to: S,
        expected: Expected,
    ) -> Result<EnvironmentChange>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        S: TryInto<Selector>,
        Error: From<P::Error> + From<E::Error> + From<S::Error>,
    {
        self.move_environment(EnvironmentUpdate::set(prompt, environment, to)?.expecting(expected))
    }

    /// Removes an environment of a prompt.
    ///
    /// If the environment does not exist, nothing changes, and `before` in the result is none.
    ///
    /// # Errors
    ///
    /// As [`set_environment`](Self::set_environment).
    pub fn remove_environment<P, E>(
        &self,
        prompt: P,
        environment: E,
        expected: Expected,
    ) -> Result<EnvironmentChange>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        Error: From<P::Error> + From<E::Error>,
    {
        self.move_environment(EnvironmentUpdate::remove(prompt, environment)?.expecting(expected))
    }

    /// Moves or removes one environment, as one operation.
    ///
    /// # Errors
    ///
    /// As [`set_environment`](Self::set_environment).
    pub fn move_environment(&self, wish: EnvironmentUpdate) -> Result<EnvironmentChange> {
        let EnvironmentUpdate {
            prompt,
            environment,
            ..
        } = &wish;
        let missing = || Error::PromptNotFound {
            prompt: format!("{prompt} ({environment})"),
        };
        let moved = self.move_environments(std::slice::from_ref(&wish))?;
        moved.into_iter().next().ok_or_else(missing)
    }

    /// Moves or removes several environments as one operation: all of them or none.
    ///
    /// They may belong to different prompts.
    ///
    /// The moves are made in the given order, and the results are in the same order. If no
    /// environment changes, no operation is recorded.
    ///
    /// # Errors
    ///
    /// As [`set_environment`](Self::set_environment), for the first move that is refused. Then no
    /// environment is moved.
    pub fn move_environments(&self, moves: &[EnvironmentUpdate]) -> Result<Vec<EnvironmentChange>> {
        let moves = moves.to_vec();
        self.write(move |writer| writer.move_environments(&moves))
    }
}
