//! Several changes in one transaction.

#[cfg(feature = "cli")]
use std::ops::RangeInclusive;
#[cfg(feature = "cli")]
use std::sync::PoisonError;

use super::handle::{Inner, Place, Store};
#[cfg(feature = "server")]
use crate::engine::ImportedPrompt;
use crate::engine::{Created, Move, Moved, NewPrompt, NewVersion, Transactions, Writer, error_of};
use crate::model::error::{Error, Result};
#[cfg(feature = "server")]
use crate::model::id::PromptId;
use crate::model::record::Version;
use crate::model::version_number::{PromptRef, Spec};
use crate::storage;
use crate::storage::Deadline;

/// Changes that take place together or not at all, with one flush for all of them.
///
/// Each is an operation of its own, and sees those before it. Others see none until the batch is through; while it is
/// open, nobody else can write. Inside the closure the [`Store`] can be read, and shows what was there before the batch. Its
/// calls that would wait for the batch to end (changes, [`settle`](Store::settle), [`collect_garbage`](Store::collect_garbage),
/// [`repack`](Store::repack), [`repair`](Store::repair), [`backup`](Store::backup), bundles) are refused there with
/// [`WithinBatch`](Error::WithinBatch). Those of other threads, and of other handles of the same directory, wait: the closure
/// must not wait for them.
pub struct Batch<'a> {
    writer: Writer<'a>,
}

impl std::fmt::Debug for Batch<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch").finish_non_exhaustive()
    }
}

impl Store {
    /// Makes several changes, all or none: an error of `work` takes back what it did.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.batch(|batch| {
    ///     for name in ["a", "b", "c"] {
    ///         batch.create_prompt(NewPrompt::new(name, r#"{"messages": []}"#)?)?;
    ///     }
    ///     Ok(())
    /// })?;
    /// assert_eq!(store.prompt_count()?, 3);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// What `work` answers, or why the whole could not be committed; [`WithinBatch`](Error::WithinBatch) inside another batch of
    /// this store.
    pub fn batch<T>(&self, work: impl FnOnce(&mut Batch<'_>) -> Result<T>) -> Result<T> {
        let inner = &*self.inner;
        inner.queue.alone(|deadline| {
            let writer = match inner.place {
                Place::Directory { .. } => inner.begin(deadline)?.in_bulk(),
                // Its journal is as good a place.
                Place::Memory(_) => inner.begin(deadline)?,
            };
            let mut batch = Batch { writer };
            let before = batch.writer.place();
            let result = work(&mut batch)?;
            let last = batch.writer.place();
            let committed = inner.commit(batch.writer);
            committed.map_err(|error| error_of(error, (last != before).then_some(last)))?;
            Ok(result)
        })
    }
}

/// The operations of the last transaction that a store committed.
#[cfg(feature = "cli")]
#[derive(Debug, Default)]
pub(super) struct Made(std::sync::Mutex<Option<RangeInclusive<u64>>>);

#[cfg(feature = "cli")]
impl Made {
    fn set(&self, last: u64, operations: u64) {
        if operations > 0 {
            let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *made = Some(last + 1 - operations..=last);
        }
    }
}

#[cfg(feature = "cli")]
impl Store {
    /// The operations of the last transaction that was committed through this store; none if it made none.
    pub(crate) fn operations_made(&self) -> Option<RangeInclusive<u64>> {
        let made = self.inner.made.0.lock();
        made.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Transactions for Inner {
    fn begin(&self, deadline: Deadline) -> storage::Result<Writer<'_>> {
        Writer::begin(&*self.index, &self.bodies, &self.context, deadline)
    }

    fn commit(&self, writer: Writer<'_>) -> storage::Result<()> {
        #[cfg(feature = "cli")]
        let (last, _) = writer.place();
        let journaled = writer.commit()?;
        #[cfg(feature = "cli")]
        self.made.set(last, journaled.operations);
        match self.place {
            Place::Directory { .. } => self.settler.committed(journaled),
            // In memory the journal is as good a place as any: no thread need move bodies out of it.
            Place::Memory(_) => self.settler.committed_for_good(&journaled),
        }
        Ok(())
    }
}

impl<'a> Batch<'a> {
    pub(super) fn writer(&mut self) -> &mut Writer<'a> {
        &mut self.writer
    }

    /// As [`Store::create_prompt`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn create_prompt(&mut self, new: NewPrompt) -> Result<Created> {
        new.check()?;
        self.writer.create(&new)
    }

    /// Keeps the ids of prompts that are about to be imported from being drawn for others before.
    #[cfg(feature = "server")]
    pub(crate) fn reserve(&mut self, prompts: &[ImportedPrompt]) {
        self.writer.reserve(prompts);
    }

    /// Brings a prompt in as it was elsewhere, as one operation.
    ///
    /// # Errors
    ///
    /// [`PromptIdTaken`](Error::PromptIdTaken) and [`VersionIdTaken`](Error::VersionIdTaken);
    /// [`Invalid`](Error::Invalid) for what is too long or given twice;
    /// [`NumbersExhausted`](Error::NumbersExhausted).
    #[cfg(feature = "server")]
    pub(crate) fn import(&mut self, prompt: &ImportedPrompt) -> Result<PromptId> {
        self.writer.import(prompt)
    }

    /// As [`Store::commit`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn commit(&mut self, new: NewVersion) -> Result<Version> {
        new.check()?;
        self.writer.commit_version(&new)
    }

    /// As [`Store::move_environments`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn move_environments(&mut self, moves: &[Move]) -> Result<Vec<Moved>> {
        self.writer.move_environments(moves)
    }

    /// As [`View::version`](super::View::version), with what this batch has done so far.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn version<S>(&self, spec: S) -> Result<Version>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        self.writer.find_version(&spec.try_into()?)
    }

    /// As [`Store::delete_version`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn delete_version<S>(&mut self, spec: S) -> Result<Version>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        self.writer.delete_version(&spec.try_into()?)
    }

    /// As [`Store::delete_prompt`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn delete_prompt<P>(&mut self, prompt: P) -> Result<()>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        self.writer.delete_prompt(&prompt.try_into()?).map(drop)
    }
}
