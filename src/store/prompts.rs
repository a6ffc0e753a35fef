//! Prompts, environments and operations, through a store.

use super::Store;
use crate::engine::{Created, Move, Moved, NewPrompt, find_prompt};
use crate::error::{Error, Result};
use crate::id::{EnvironmentName, PromptId, PromptName};
use crate::number::{PromptRef, Selector};
use crate::record::{Environment, Expected, Operation, OperationFilter, Prompt, PromptFilter};

impl Store {
    /// Makes a prompt and its first version.
    ///
    /// # Errors
    ///
    /// [`PromptIdTaken`](Error::PromptIdTaken) where an id was asked for that is or was another prompt's;
    /// [`Invalid`](Error::Invalid) for a tag or message that is too long.
    pub fn create_prompt(&self, new: NewPrompt) -> Result<Created> {
        self.write(|writer| writer.create(&new))
    }

    /// A prompt by id or exact name.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound), or [`AmbiguousPrompt`](Error::AmbiguousPrompt) where several have
    /// the name.
    pub fn prompt<P>(&self, prompt: P) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        let snapshot = self.snapshot()?;
        let id = find_prompt(&**snapshot, &prompt)?;
        snapshot.prompt(id)?.ok_or_else(|| Error::PromptNotFound {
            prompt: prompt.to_string(),
        })
    }

    /// Prompts newest first: those made before the prompt `before`, `limit` at most. The last one's id is where the
    /// next page goes on, also if that prompt is deleted meanwhile.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound) where `before` never was a prompt.
    pub fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> Result<Vec<Prompt>> {
        let snapshot = self.snapshot()?;
        match before {
            Some(id) if !snapshot.prompt_id_taken(id)? => Err(Error::PromptNotFound {
                prompt: id.to_string(),
            }),
            before => Ok(snapshot.prompts(filter, before, limit)?),
        }
    }

    /// How many prompts there are.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn prompt_count(&self) -> Result<u64> {
        Ok(self.snapshot()?.prompt_count()?)
    }

    /// Every tag in use, sorted.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn tags(&self) -> Result<Vec<String>> {
        Ok(self.snapshot()?.tags()?)
    }

    /// The name of every environment in use, sorted.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn environment_names(&self) -> Result<Vec<EnvironmentName>> {
        Ok(self.snapshot()?.environment_names()?)
    }

    /// Gives a prompt another name. The name it has already changes nothing.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt); [`Invalid`](Error::Invalid) for a name that is not one.
    pub fn rename<P, N>(&self, prompt: P, name: N) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        N: TryInto<PromptName>,
        Error: From<P::Error> + From<N::Error>,
    {
        let (prompt, name) = (prompt.try_into()?, name.try_into()?);
        self.write(|writer| writer.rename(&prompt, name))
    }

    /// Gives a prompt these tags instead of those it has, kept as given.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt); [`Invalid`](Error::Invalid) for a tag of more than 1024 bytes.
    pub fn set_tags<P>(&self, prompt: P, tags: &[impl AsRef<str>]) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        let tags = tags.iter().map(|tag| tag.as_ref().to_owned()).collect();
        self.write(|writer| writer.set_tags(&prompt, tags))
    }

    /// Deletes a prompt, with its versions and environments. Its id stays taken.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    pub fn delete_prompt<P>(&self, prompt: P) -> Result<Prompt>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        self.write(|writer| writer.delete_prompt(&prompt))
    }

    /// A prompt's environments, sorted by name.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    pub fn environments<P>(&self, prompt: P) -> Result<Vec<Environment>>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let snapshot = self.snapshot()?;
        let id = find_prompt(&**snapshot, &prompt.try_into()?)?;
        Ok(snapshot.environments(id)?)
    }

    /// Points an environment of a prompt to one of its versions.
    ///
    /// # Errors
    ///
    /// [`Conflict`](Error::Conflict) where it does not point where `expected` says;
    /// [`VersionNotFound`](Error::VersionNotFound), [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    /// [`ForeignVersion`](Error::ForeignVersion) where `to` names no version of the prompt; as [`prompt`](Self::prompt).
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
    /// [`Conflict`](Error::Conflict) where it does not point where `expected` says; as [`prompt`](Self::prompt).
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

    fn move_environment(&self, wish: Move) -> Result<Moved> {
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
        self.write(|writer| writer.move_environments(moves))
    }

    /// Operations newest first: those of a number below `before`, `limit` at most. The last one's number is where
    /// the next page goes on.
    ///
    /// # Errors
    ///
    /// [`Backend`](Error::Backend).
    pub fn operations(
        &self,
        filter: &OperationFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Vec<Operation>> {
        Ok(self.snapshot()?.operations(filter, before, limit)?)
    }
}
