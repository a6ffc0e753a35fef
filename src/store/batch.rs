//! Batches: several changes in one transaction.

use super::handle::Store;
use crate::engine::{
    EnsuredPrompt, EnsuredVersion, NewPrompt, NewVersion, PortableChanges, PortablePrompt,
    Transactions as _, WriteTransaction, error_of,
};
use crate::model::arguments::IntoVersionSpec;
use crate::model::error::Result;
use crate::model::id::GroupId;
use crate::model::id::PromptId;
use crate::model::record::Version;

/// Several changes that are committed together or not at all, with one flush for all of them.
///
/// Each change is an operation of its own and sees the changes before it. Readers see none of them
/// until the batch is committed, and while it is open, no other thread or process can write. A
/// method that refuses a change leaves the batch as it was, and the closure may continue. After a
/// failure of the index or the blob store, nothing of the batch can be committed.
///
/// A batch has the changes that a [`Store`] has, with the same answers.
///
/// Inside the closure, the [`Store`] can be read; it shows the state before the batch. Calls on it
/// that would wait for the batch to end fail with [`WithinBatch`](crate::Error::WithinBatch): changes,
/// [`checkpoint`](Store::checkpoint), [`collect_garbage`](Store::collect_garbage),
/// [`repack`](Store::repack), [`repair`](Store::repair), [`backup`](Store::backup), and bundles.
/// The same calls from other threads and through other handles of the same directory wait, so the
/// closure must not wait for them.
pub struct Batch<'a> {
    writer: WriteTransaction<'a>,
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl Store {
    /// Makes several changes in one transaction.
    ///
    /// If `work` returns an error, all of them are undone.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.batch(|batch| {
    ///     for name in ["a", "b", "c"] {
    ///         batch.create_prompt(NewPrompt::new(name, r#"{"messages": []}"#))?;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert_eq!(store.prompts().count()?, 3);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// The error that `work` returns; [`WithinBatch`](crate::Error::WithinBatch) inside another batch of
    /// this store; otherwise as [`commit`](Self::commit), whose section "Outcomes" says what each
    /// error means for the whole batch. [`OutcomeUnknown`](crate::Error::OutcomeUnknown) contains the
    /// batch's last operation: if that took place, all of them did.
    pub fn batch<T>(&self, work: impl FnOnce(&mut Batch<'_>) -> Result<T>) -> Result<T> {
        let inner = self.shared();
        inner.queue.exclusive(|deadline| {
            let writer = inner.begin(deadline)?;
            // A pack may have no advantage over the journal.
            let writer = if inner.place.keeps_journal() {
                writer
            } else {
                writer.in_bulk()
            };
            let mut batch = Batch { writer };
            batch.writer.set_author(&self.author);
            batch.writer.set_group(self.group);
            batch.writer.accept_unlisted(self.accepts_unlisted);
            let before = batch.writer.position();
            let result = work(&mut batch)?;
            let last = batch.writer.position();
            let committed = inner.commit(batch.writer);
            committed.map_err(|error| error_of(error, (last != before).then_some(last)))?;
            Ok(result)
        })
    }
}

impl<'a> Batch<'a> {
    pub(super) fn writer(&mut self) -> &mut WriteTransaction<'a> {
        &mut self.writer
    }

    /// Sets the group of the operations that follow. A batch begins with the group of its store.
    pub fn set_group(&mut self, group: impl Into<Option<GroupId>>) {
        self.writer.set_group(group.into());
    }

    /// Makes a change in the batch's transaction.
    pub(super) fn write<T>(
        &mut self,
        change: impl FnOnce(&mut WriteTransaction<'a>) -> Result<T>,
    ) -> Result<T> {
        change(&mut self.writer)
    }

    /// Reserves the ids of prompts that will be imported, and of their versions.
    ///
    /// No other prompt or version of this batch gets one of these ids. Call this before the first
    /// [`import`](Self::import) if some of the prompts have no id, because one could otherwise be
    /// given the id of a later prompt.
    pub fn reserve_ids(&mut self, prompts: &[PortablePrompt]) {
        self.writer.reserve_ids(prompts);
    }

    /// Imports a prompt with its versions, environments and recorded inputs, as one operation.
    ///
    /// Returns the prompt's id. Each version is based on the one before it. The bump policy and the
    /// environment list do not apply.
    ///
    /// # Errors
    ///
    /// [`PromptIdTaken`](crate::Error::PromptIdTaken) or [`VersionIdTaken`](crate::Error::VersionIdTaken);
    /// [`InvalidArgument`](crate::Error::InvalidArgument) if a text is too long, or something is given twice;
    /// [`NumbersExhausted`](crate::Error::NumbersExhausted). The batch remains as it was.
    pub fn import(&mut self, prompt: &PortablePrompt) -> Result<PromptId> {
        self.writer.import(prompt)
    }

    /// Makes changes of a prompt that were made elsewhere, as one operation.
    ///
    /// If they change nothing, no operation is recorded. New versions keep the ids, numbers and
    /// times that they have; each is based on the one before it. The bump policy and the
    /// environment list do not apply.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](crate::Error::PromptNotFound) or
    /// [`VersionNotFound`](crate::Error::VersionNotFound); [`VersionIdTaken`](crate::Error::VersionIdTaken);
    /// [`InvalidArgument`](crate::Error::InvalidArgument) if a text is too long, something is given
    /// twice, or an environment would point to a deleted version;
    /// [`NumbersExhausted`](crate::Error::NumbersExhausted). The batch remains as it was. A number
    /// that the prompt used before is refused by the index as [`Storage`](crate::Error::Storage),
    /// and nothing of the batch can be committed then.
    pub fn import_changes(&mut self, changes: &PortableChanges) -> Result<()> {
        self.writer.import_changes(changes)
    }

    /// Returns the state of the index in this batch, its own changes included.
    #[cfg(feature = "remote")]
    pub(crate) fn index_snapshot(&self) -> &dyn crate::storage::Snapshot {
        self.writer.transaction.snapshot()
    }

    /// Returns the prompt with a name, or creates it, as [`Store::ensure_prompt`] does.
    ///
    /// # Errors
    ///
    /// As [`Store::ensure_prompt`].
    pub fn ensure_prompt(&mut self, new: NewPrompt) -> Result<EnsuredPrompt> {
        let new = new.finish()?;
        self.writer.ensure(&new)
    }

    /// Commits a version, as [`Store::commit`] does.
    ///
    /// # Errors
    ///
    /// As [`Store::commit`], except for those of the commit itself, which [`Store::batch`] returns.
    pub fn commit(&mut self, new: NewVersion) -> Result<Version> {
        let new = new.finish()?;
        Ok(self.writer.commit_version(&new)?.version)
    }

    /// Commits a version if its body differs from its base's, as [`Store::commit_if_changed`] does.
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub fn commit_if_changed(&mut self, new: NewVersion) -> Result<EnsuredVersion> {
        let mut new = new.finish()?;
        new.only_if_changed = true;
        self.writer.commit_version(&new)
    }

    /// Returns the version that a spec selects, as [`View::version`](super::View::version) does.
    ///
    /// The changes of this batch are visible.
    ///
    /// # Errors
    ///
    /// As [`View::version`](super::View::version).
    pub fn version(&self, spec: impl IntoVersionSpec) -> Result<Version> {
        self.writer.find_version(&spec.into_version_spec()?)
    }
}
