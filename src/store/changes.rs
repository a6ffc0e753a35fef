//! The changes that a store and a batch have in common.
//!
//! [`Store`] and [`Batch`] define them by one macro, so that each change has the same arguments and
//! the same answer on both. A store makes a change in a transaction that it may share with other
//! threads; a batch makes it in its own transaction. `commit`, and what else a store prepares
//! outside of the transaction, is in [`versions`](super::versions).

use super::batch::Batch;
use super::handle::Store;
use crate::engine::{
    CreatedPrompt, EnvironmentChange, EnvironmentUpdate, NewPrompt, OperationRef, RenameOptions,
};
use crate::model::arguments::{
    IntoEnvironmentName, IntoInputs, IntoPromptName, IntoPromptRef, IntoSelector, IntoVersionSpec,
};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, GroupId, VersionId};
use crate::model::record::{Operation, Prompt, RecordedInputs, Version};

/// Defines the changes for a receiver, which is `&self` or `&mut self`.
///
/// Each calls `write` of the receiver with a closure that makes the change in a transaction.
macro_rules! changes {
    ($self:ident, $($receiver:tt)+) => {
        /// Creates a prompt and its first version, as one operation.
        ///
        /// # Errors
        ///
        /// - [`NameTaken`](Error::NameTaken) if a live prompt has the name, unless
        ///   [`allow_duplicate_name`](NewPrompt::allow_duplicate_name) was called. The check is part
        ///   of the transaction, so of two processes that create the same prompt, one succeeds.
        ///   [`ensure_prompt`](Store::ensure_prompt) returns the prompt that exists instead.
        /// - [`PromptIdTaken`](Error::PromptIdTaken) if the requested id is, or was, that of another
        ///   prompt.
        /// - [`InvalidArgument`](Error::InvalidArgument) if an argument does not parse, if the name,
        ///   the message or a tag has more than 64 KiB, if there are more than 10,000 tags, or if
        ///   the tags have more than 1 MiB in total.
        /// - [`EnvironmentNotListed`](Error::EnvironmentNotListed) if the chosen environment is not in
        ///   the [environment list](crate::View::environment_list).
        /// - [`InvalidBody`](Error::InvalidBody) if the body is not accepted, or has more than
        ///   [`Body::MAX_TEMPLATE_TAGS`](crate::Body::MAX_TEMPLATE_TAGS) template tags.
        /// - Those of the transaction: see "Outcomes" of [`commit`](Store::commit). A refused prompt
        ///   changes nothing.
        pub fn create_prompt($($receiver)+, new: NewPrompt) -> Result<CreatedPrompt> {
            let new = new.finish()?;
            $self.write(move |writer| writer.create(&new))
        }

        /// Gives a prompt another name, and returns the prompt.
        ///
        /// If it already has that name, nothing changes and no operation is recorded.
        ///
        /// # Errors
        ///
        /// [`NameTaken`](Error::NameTaken) if another live prompt has the name; as
        /// [`prompt`](crate::View::prompt); [`InvalidArgument`](Error::InvalidArgument) if the name
        /// has more than 64 KiB; those of the transaction, see "Outcomes" of
        /// [`commit`](Store::commit). A refused renaming changes nothing.
        pub fn rename(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            name: impl IntoPromptName,
        ) -> Result<Prompt> {
            $self.rename_with(prompt, name, RenameOptions::new())
        }

        /// Gives a prompt another name, with options, and returns the prompt.
        ///
        /// # Errors
        ///
        /// As [`rename`](Self::rename).
        pub fn rename_with(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            name: impl IntoPromptName,
            options: RenameOptions,
        ) -> Result<Prompt> {
            let (prompt, name) = (prompt.into_prompt_ref()?, name.into_prompt_name()?);
            $self.write(move |writer| writer.rename(&prompt, name, options))
        }

        /// Replaces the tags of a prompt, and returns the prompt.
        ///
        /// The tags are stored as given. If the prompt already has them, nothing changes and no
        /// operation is recorded.
        ///
        /// # Errors
        ///
        /// As [`prompt`](crate::View::prompt); [`InvalidArgument`](Error::InvalidArgument) if a tag
        /// has more than 64 KiB, if there are more than 10,000 tags, or if they have more than 1 MiB
        /// in total; those of the transaction, see "Outcomes" of [`commit`](Store::commit).
        pub fn set_tags(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            tags: &[impl AsRef<str>],
        ) -> Result<Prompt> {
            let prompt = prompt.into_prompt_ref()?;
            let tags = owned(tags);
            $self.write(move |writer| writer.set_tags(&prompt, tags))
        }

        /// Adds tags to those of a prompt, and returns the prompt.
        ///
        /// A tag that the prompt has already is not added again. If it has all of them, nothing
        /// changes and no operation is recorded.
        ///
        /// # Errors
        ///
        /// As [`set_tags`](Self::set_tags).
        pub fn add_tags(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            tags: &[impl AsRef<str>],
        ) -> Result<Prompt> {
            let prompt = prompt.into_prompt_ref()?;
            let tags = owned(tags);
            $self.write(move |writer| writer.add_tags(&prompt, &tags))
        }

        /// Removes tags from those of a prompt, and returns the prompt.
        ///
        /// If the prompt has none of them, nothing changes and no operation is recorded.
        ///
        /// # Errors
        ///
        /// As [`set_tags`](Self::set_tags).
        pub fn remove_tags(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            tags: &[impl AsRef<str>],
        ) -> Result<Prompt> {
            let prompt = prompt.into_prompt_ref()?;
            let tags = owned(tags);
            $self.write(move |writer| writer.remove_tags(&prompt, &tags))
        }

        /// Deletes a prompt with its versions and environments, and returns the prompt as it was.
        ///
        /// Its id is not used again. [`undo`](Self::undo) restores the prompt.
        ///
        /// # Errors
        ///
        /// As [`prompt`](crate::View::prompt); those of the transaction, see "Outcomes" of
        /// [`commit`](Store::commit).
        pub fn delete_prompt($($receiver)+, prompt: impl IntoPromptRef) -> Result<Prompt> {
            let prompt = prompt.into_prompt_ref()?;
            $self.write(move |writer| writer.delete_prompt(&prompt))
        }

        /// Deletes a version and the environments that point to it, and returns the version as it
        /// was.
        ///
        /// Its number and id are not used again. [`undo`](Self::undo) restores the version.
        ///
        /// # Errors
        ///
        /// As [`version`](crate::View::version); those of the transaction, see "Outcomes" of
        /// [`commit`](Store::commit). A refused deletion changes nothing.
        pub fn delete_version($($receiver)+, spec: impl IntoVersionSpec) -> Result<Version> {
            let spec = spec.into_version_spec()?;
            $self.write(move |writer| writer.delete_version(&spec))
        }

        /// Points an environment of a prompt to one of its versions.
        ///
        /// The environment is created if it does not exist. If it already points there, nothing
        /// changes and no operation is recorded.
        /// [`update_environment`](Self::update_environment) does the same with a condition or a
        /// message.
        ///
        /// # Errors
        ///
        /// - [`VersionNotFound`](Error::VersionNotFound),
        ///   [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
        ///   [`MismatchedVersion`](Error::MismatchedVersion) if `to` selects no version of the
        ///   prompt.
        /// - [`BreakingMove`](Error::BreakingMove) if the version breaks callers of the one that the
        ///   environment points to, and it never pointed to that version before.
        ///   [`EnvironmentUpdate::allow_breaking`] moves it nevertheless.
        /// - [`EnvironmentNotListed`](Error::EnvironmentNotListed) if the environment is not in the
        ///   [environment list](crate::View::environment_list).
        /// - As [`prompt`](crate::View::prompt).
        /// - Those of the transaction: see "Outcomes" of [`commit`](Store::commit). A refused update
        ///   changes nothing.
        pub fn set_environment(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            environment: impl IntoEnvironmentName,
            to: impl IntoSelector,
        ) -> Result<EnvironmentChange> {
            $self.update_environment(EnvironmentUpdate::set(prompt, environment, to))
        }

        /// Removes an environment of a prompt.
        ///
        /// If the environment does not exist, nothing changes, and `before` in the result is none.
        ///
        /// # Errors
        ///
        /// As [`set_environment`](Self::set_environment).
        pub fn remove_environment(
            $($receiver)+,
            prompt: impl IntoPromptRef,
            environment: impl IntoEnvironmentName,
        ) -> Result<EnvironmentChange> {
            $self.update_environment(EnvironmentUpdate::remove(prompt, environment))
        }

        /// Points an environment to a version or removes it, as one operation.
        ///
        /// # Errors
        ///
        /// [`Conflict`](Error::Conflict) if the environment does not point to the
        /// [expected](EnvironmentUpdate::expect) version; otherwise as
        /// [`set_environment`](Self::set_environment).
        pub fn update_environment(
            $($receiver)+,
            update: EnvironmentUpdate,
        ) -> Result<EnvironmentChange> {
            let update = update.finish()?;
            let missing = Error::PromptNotFound {
                prompt: update.prompt.to_string(),
            };
            let changed = $self.write(move |writer| writer.update_environments(&[update]))?;
            changed.into_iter().next().ok_or(missing)
        }

        /// Points environments to versions or removes them as one operation: all of them or none.
        ///
        /// They may belong to different prompts. The updates are made in the given order, and the
        /// results are in the same order. If no environment changes, no operation is recorded.
        ///
        /// # Errors
        ///
        /// As [`update_environment`](Self::update_environment), for the first update that is
        /// refused. Then no environment is changed.
        pub fn update_environments(
            $($receiver)+,
            updates: impl IntoIterator<Item = EnvironmentUpdate>,
        ) -> Result<Vec<EnvironmentChange>> {
            let updates = updates.into_iter().map(EnvironmentUpdate::finish);
            let updates: Vec<_> = updates.collect::<Result<_>>()?;
            $self.write(move |writer| writer.update_environments(&updates))
        }

        /// Adds names to the [environment list](crate::View::environment_list), and returns the list.
        ///
        /// The first names make the list: from then on, environments can have no other name. If all
        /// names are in the list, nothing changes and no operation is recorded.
        ///
        /// ```
        /// use promptbook::Store;
        ///
        /// let store = Store::in_memory()?;
        /// store.add_to_environment_list(["staging", "production"])?;
        /// let list = store.add_to_environment_list(["dev"])?;
        /// assert_eq!(list, store.environment_list()?.expect("it was made"));
        /// # Ok::<(), promptbook::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// - [`EnvironmentInUse`](Error::EnvironmentInUse) if the names make the list, and prompts
        ///   have other environments.
        /// - [`InvalidArgument`](Error::InvalidArgument) if a name does not parse, if there is none,
        ///   or if the list would have more than 1,000.
        /// - Those of the transaction: see "Outcomes" of [`commit`](Store::commit). A refused change
        ///   changes nothing.
        pub fn add_to_environment_list(
            $($receiver)+,
            names: impl IntoIterator<Item = impl IntoEnvironmentName>,
        ) -> Result<Vec<EnvironmentName>> {
            let names = environment_names(names)?;
            $self.write(move |writer| writer.add_to_environment_list(&names))
        }

        /// Removes names from the [environment list](crate::View::environment_list), and returns the
        /// list.
        ///
        /// If none of the names is in the list, or if there is no list, nothing changes and no
        /// operation is recorded.
        ///
        /// # Errors
        ///
        /// - [`EnvironmentInUse`](Error::EnvironmentInUse) if prompts have one of the environments.
        /// - [`InvalidArgument`](Error::InvalidArgument) if a name does not parse, or if no name
        ///   would be left: [`remove_environment_list`](Self::remove_environment_list) allows any
        ///   name again.
        /// - Those of the transaction: see "Outcomes" of [`commit`](Store::commit). A refused change
        ///   changes nothing.
        pub fn remove_from_environment_list(
            $($receiver)+,
            names: impl IntoIterator<Item = impl IntoEnvironmentName>,
        ) -> Result<Option<Vec<EnvironmentName>>> {
            let names = environment_names(names)?;
            $self.write(move |writer| writer.remove_from_environment_list(&names))
        }

        /// Removes the [environment list](crate::View::environment_list), so that environments can
        /// have any name.
        ///
        /// If there is no list, nothing changes and no operation is recorded.
        ///
        /// # Errors
        ///
        /// Those of the transaction: see "Outcomes" of [`commit`](Store::commit).
        pub fn remove_environment_list($($receiver)+) -> Result<()> {
            $self.write(|writer| writer.remove_environment_list())
        }

        /// Records the inputs that a request passed to a version.
        ///
        /// Earlier inputs of the same request are replaced.
        ///
        /// The inputs are not part of the history: recording them is not an operation, and they are
        /// removed together with their version.
        ///
        /// # Errors
        ///
        /// [`VersionNotFound`](Error::VersionNotFound) if there is no such version;
        /// [`InvalidArgument`](Error::InvalidArgument) if the inputs are no JSON object; those of
        /// the transaction, see "Outcomes" of [`commit`](Store::commit).
        pub fn record_inputs(
            $($receiver)+,
            version: VersionId,
            request_id: impl Into<String>,
            inputs: impl IntoInputs,
            environment: Option<EnvironmentName>,
        ) -> Result<RecordedInputs> {
            let (request_id, inputs) = (request_id.into(), inputs.into_inputs()?);
            $self.write(move |writer| {
                let recorded = RecordedInputs {
                    request_id,
                    version_id: version,
                    inputs,
                    environment,
                    recorded_at: writer.context.now(),
                };
                writer.record_inputs(&recorded)?;
                Ok(recorded)
            })
        }

        /// Undoes an operation by a new operation, which it returns.
        ///
        /// Prompts, versions and environments that the operation created are deleted. Those that it
        /// deleted are restored as they were. Environments, names and tags get their earlier values,
        /// even if another prompt has taken such a name since. To redo the operation, undo the undo.
        ///
        /// A restored version has its earlier id, number and body. The ids and numbers of deleted
        /// versions and prompts are not used again. A body is kept for
        /// [`RETENTION`](Store::RETENTION) after the last version that uses it was deleted.
        ///
        /// ```
        /// use promptbook::{NewPrompt, Store};
        ///
        /// let store = Store::in_memory()?;
        /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
        /// store.delete_prompt("greeting")?; // operation 2
        /// let undone = store.undo(2)?; // operation 3
        /// assert_eq!(store.version("greeting@production")?.number.to_string(), "1.0");
        /// store.undo(&undone)?; // once more
        /// assert!(store.prompt("greeting").is_err());
        /// # Ok::<(), promptbook::Error>(())
        /// ```
        ///
        /// # Errors
        ///
        /// - [`UndoBlocked`](Error::UndoBlocked) if later operations depend on it, or changed the
        ///   same thing again.
        /// - [`AlreadyUndone`](Error::AlreadyUndone) if it was undone before.
        /// - [`BodyCollected`](Error::BodyCollected) if it would restore a version whose body was
        ///   removed by garbage collection.
        /// - [`OperationNotFound`](Error::OperationNotFound) if there is no such operation.
        /// - Those of the transaction: see "Outcomes" of [`commit`](Store::commit). A refused undo
        ///   changes nothing.
        pub fn undo($($receiver)+, operation: impl Into<OperationRef>) -> Result<Operation> {
            let operation = operation.into();
            $self.write(move |writer| writer.undo(&operation, false))
        }

        /// Undoes an operation together with all later operations that depend on it.
        ///
        /// This is one operation, which can be undone in turn.
        ///
        /// # Errors
        ///
        /// As [`undo`](Self::undo), except for [`UndoBlocked`](Error::UndoBlocked).
        pub fn undo_with_later(
            $($receiver)+,
            operation: impl Into<OperationRef>,
        ) -> Result<Operation> {
            let operation = operation.into();
            $self.write(move |writer| writer.undo(&operation, true))
        }

        /// Undoes the operations of a [group](Store::grouped) that are still in effect.
        ///
        /// This is one operation, which can be undone in turn.
        ///
        /// # Errors
        ///
        /// - [`OperationNotFound`](Error::OperationNotFound) if no operation has this group.
        /// - [`AlreadyUndone`](Error::AlreadyUndone) if all of them were undone before.
        /// - [`UndoBlocked`](Error::UndoBlocked) if later operations of no group, or of another one,
        ///   depend on them.
        /// - Otherwise as [`undo`](Store::undo). A refused undo changes nothing.
        pub fn undo_group($($receiver)+, group: GroupId) -> Result<Operation> {
            $self.write(move |writer| writer.undo_group(group))
        }

        /// Undoes the newest operation that is still in effect, and the others of its
        /// [group](Store::grouped).
        ///
        /// If later operations depend on the others, only the newest is undone.
        ///
        /// Returns the undo, or none if nothing is left to undo. Repeated calls therefore go back
        /// through the history.
        ///
        /// # Errors
        ///
        /// [`BodyCollected`](Error::BodyCollected) if the operation deleted something whose body was
        /// removed by garbage collection. An operation before it can then be undone with
        /// [`undo_with_later`](Self::undo_with_later), which undoes both. Otherwise as
        /// [`undo`](Self::undo).
        pub fn undo_newest($($receiver)+) -> Result<Option<Operation>> {
            $self.write(|writer| writer.undo_newest())
        }
    };
}

impl Store {
    changes!(self, &self);
}

impl Batch<'_> {
    changes!(self, &mut self);
}

fn owned(texts: &[impl AsRef<str>]) -> Vec<String> {
    texts.iter().map(|text| text.as_ref().to_owned()).collect()
}

fn environment_names(
    names: impl IntoIterator<Item = impl IntoEnvironmentName>,
) -> Result<Vec<EnvironmentName>> {
    let names = names
        .into_iter()
        .map(IntoEnvironmentName::into_environment_name);
    Ok(names.collect::<Result<_, _>>()?)
}
