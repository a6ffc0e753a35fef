//! Prompts and environments changed, through a store.

use super::handle::Store;
use crate::engine::{Created, Move, Moved, NewPrompt};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptName};
use crate::model::record::{Expected, Prompt};
use crate::model::version_number::{PromptRef, Selector};

impl Store {
    /// Makes a prompt and its first version.
    ///
    /// # Errors
    ///
    /// [`PromptIdTaken`](Error::PromptIdTaken) where an id was asked for that is or was another prompt's;
    /// [`Invalid`](Error::Invalid) for a name, tag or message of more than 64 KiB, more than 10,000 tags, or tags of more than
    /// 1 MiB in sum; [`InvalidBody`](Error::InvalidBody) for more than [`Body::MAX_TAGS`](crate::Body::MAX_TAGS) template tags.
    pub fn create_prompt(&self, new: NewPrompt) -> Result<Created> {
        new.check()?;
        self.write(move |writer| writer.create(&new))
    }

    /// Gives a prompt another name. The name it has already changes nothing.
    ///
    /// # Errors
    ///
    /// As [`prompt`](crate::View::prompt); [`Invalid`](Error::Invalid) for a name of more than 64 KiB.
    pub fn rename<P, N>(&self, prompt: P, name: N) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        N: TryInto<PromptName>,
        Error: From<P::Error> + From<N::Error>,
    {
        let (prompt, name) = (prompt.try_into()?, name.try_into()?);
        self.write(move |writer| writer.rename(&prompt, name))
    }

    /// Gives a prompt these tags instead of those it has, kept as given.
    ///
    /// # Errors
    ///
    /// As [`prompt`](crate::View::prompt); [`Invalid`](Error::Invalid) for a tag of more than 64 KiB, more than 10,000 tags,
    /// or tags of more than 1 MiB in sum.
    pub fn set_tags<P>(&self, prompt: P, tags: &[impl AsRef<str>]) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        let tags = tags.iter().map(|tag| tag.as_ref().to_owned()).collect();
        self.write(move |writer| writer.set_tags(&prompt, tags))
    }

    /// Deletes a prompt, with its versions and environments. Its id stays taken.
    ///
    /// # Errors
    ///
    /// As [`prompt`](crate::View::prompt).
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
    /// # Errors
    ///
    /// [`Conflict`](Error::Conflict) where it does not point where `expected` says;
    /// [`VersionNotFound`](Error::VersionNotFound), [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    /// [`ForeignVersion`](Error::ForeignVersion) where `to` names no version of the prompt; as [`prompt`](crate::View::prompt).
    pub fn set_environment<P, E, S>(
        &self,
        prompt: P,
        environment: E,
        to: S,
        expected: Expected,
    ) -> Result<Moved>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        S: TryInto<Selector>,
        Error: From<P::Error> + From<E::Error> + From<S::Error>,
    {
        self.move_environment(Move::set(prompt, environment, to)?.expecting(expected))
    }

    /// Removes an environment of a prompt. Where there is none, nothing changes, and the answer says so.
    ///
    /// # Errors
    ///
    /// [`Conflict`](Error::Conflict) where it does not point where `expected` says; as [`prompt`](crate::View::prompt).
    pub fn remove_environment<P, E>(
        &self,
        prompt: P,
        environment: E,
        expected: Expected,
    ) -> Result<Moved>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        Error: From<P::Error> + From<E::Error>,
    {
        self.move_environment(Move::remove(prompt, environment)?.expecting(expected))
    }

    /// Moves one environment, as an operation of its own.
    ///
    /// # Errors
    ///
    /// As [`set_environment`](Self::set_environment).
    pub fn move_environment(&self, wish: Move) -> Result<Moved> {
        let Move {
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

    /// Moves several environments, of several prompts at will, as one operation: all or none.
    ///
    /// # Errors
    ///
    /// As [`set_environment`](Self::set_environment), for the first move that can't be made.
    pub fn move_environments(&self, moves: &[Move]) -> Result<Vec<Moved>> {
        let moves = moves.to_vec();
        self.write(move |writer| writer.move_environments(&moves))
    }
}
