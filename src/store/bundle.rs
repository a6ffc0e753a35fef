//! Bundles: a store's history and bodies as one file, and their import.

#[cfg(feature = "remote")]
use std::collections::HashMap;
use std::io::{Read, Seek, Write};
use std::ops::ControlFlow;

use super::handle::Store;
use crate::engine::{
    Bundle, BundleRules, BundleSummary, ExportRange, ImportSummary, export_bundle, visit,
};
use crate::model::error::{Error, Result};
use crate::model::log_position::LogPosition;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};
#[cfg(feature = "remote")]
use crate::model::{id::VersionId, version_number::VersionNumber};
use crate::storage;
use crate::storage::{LockGuard, Snapshot, StorageErrorKind};

/// The options of an export.
#[derive(Debug, Default)]
pub struct ExportOptions<'a> {
    progress: Reporter<'a>,
    range: ExportRange,
    /// Whether the caller holds the lock on the bodies.
    is_locked: bool,
}

impl<'a> ExportOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes only the operations after a position, and the bodies that they need.
    ///
    /// A store that has the operations up to there can import the bundle.
    #[must_use]
    pub fn after(mut self, position: LogPosition) -> Self {
        self.range.after = Some(position);
        self
    }

    /// Ends the bundle after the operation with which its operations and bodies have this size.
    ///
    /// The bundle contains at least one operation, if there is one. It may contain more, so that a
    /// store that ends there has the bodies of all its live versions. The bundle of the operations
    /// after it begins [after](Self::after) its last one.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.range.bytes = Some(bytes);
        self
    }

    /// Takes no lock on the bodies, because the caller holds it.
    #[cfg(feature = "remote")]
    pub(super) fn unlocked(mut self) -> Self {
        self.is_locked = true;
        self
    }

    /// Calls a closure as the call advances. A step is an operation or a body that was written.
    ///
    /// The closure returns `()`, or a [`ControlFlow`] that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). The bytes that were written until then are
    /// not a valid bundle.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

/// The options of an import.
#[derive(Debug, Default)]
pub struct ImportOptions<'a> {
    progress: Reporter<'a>,
    rules: BundleRules,
    is_dry_run: bool,
}

impl<'a> ImportOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Refuses a bundle that does not continue the store's last operation, unless the store has all
    /// of its operations.
    ///
    /// The import then fails with [`BundleDiverged`](crate::Error::BundleDiverged). Otherwise both
    /// histories are merged.
    #[must_use]
    pub fn refuse_merges(mut self, refuses: bool) -> Self {
        self.rules.refuses_merges = refuses;
        self
    }

    /// Checks whether the bundle can be imported, and imports nothing.
    ///
    /// The result is the one that the import would have, and so are the errors. Other writers wait
    /// for the check.
    #[must_use]
    pub fn dry_run(mut self, is_dry_run: bool) -> Self {
        self.is_dry_run = is_dry_run;
        self
    }

    /// Gives versions of the bundle other numbers than their own.
    #[cfg(feature = "remote")]
    pub(crate) fn numbers(mut self, numbers: HashMap<VersionId, VersionNumber>) -> Self {
        self.rules.numbers = numbers;
        self
    }

    /// Calls a closure as the call advances. A step is an operation or a body that was verified
    /// or imported.
    ///
    /// The closure returns `()`, or a [`ControlFlow`] that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). Nothing of the bundle was imported.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

impl Store {
    /// Writes the store's history and all stored bodies to one file, a bundle.
    ///
    /// [`import_bundle`](Self::import_bundle) reads it.
    ///
    /// The same store always gives the same bytes. The bundle is consistent: it describes one
    /// moment, even if others write at the same time. Commits do not wait for the export, but
    /// checkpoints and garbage collection do. Memory contains hashes, and one body or operation at
    /// a time.
    ///
    /// # The file
    ///
    /// ```text
    /// promptbook bundle 1
    /// {"operations":2,"head":"09fe…","bodies":1,"bytes":16}
    /// {"at":"2026-01-01T00:00:00Z","author":"ann","kind":"create","changes":[…]}
    /// {"at":"2026-01-01T00:00:01Z","author":"ann","kind":"rename","changes":[…]}
    /// 3c4f… 16
    /// {"messages": []}
    /// blake3 77aa…
    /// ```
    ///
    /// 1. The kind of file, and its format.
    /// 2. One line of JSON: the number of operations, the id of the last one (null if there is
    ///    none), the number of bodies, and their total size in bytes. If the operations begin
    ///    [after](ExportOptions::after) a position, the member `after` contains it.
    /// 3. The content of each operation, one per line and oldest first. It is exactly the text that
    ///    was hashed for its [`OperationId`](crate::OperationId), so the ids follow from it. A
    ///    replay of the operations creates the prompts, the versions and the environments.
    /// 4. Each body, in ascending order of the addresses: a line with its address and its length in
    ///    bytes, then its bytes, then a line break.
    /// 5. The BLAKE3 hash of all bytes before the last line.
    ///
    /// Lines end with a line feed. The bundle contains the bodies of all versions. Those of deleted
    /// versions are included until they are removed by garbage collection. Recorded inputs, secrets
    /// and settings are not part of the history, and not part of the file.
    ///
    /// # Errors
    ///
    /// - [`File`](crate::Error::File) if writing to `to` failed.
    /// - [`CorruptBody`](crate::Error::CorruptBody) if a body does not match its address. Such a
    ///   body is never exported.
    /// - [`WithinBatch`](crate::Error::WithinBatch) inside a batch of this store.
    /// - [`Storage`](crate::Error::Storage) if the index or the blob store failed, or if the
    ///   history is damaged.
    ///
    /// After a failure, the bytes that were written are not a valid bundle. The store is not
    /// changed.
    pub fn export_bundle(&self, to: impl Write) -> Result<BundleSummary> {
        self.export_bundle_with(to, ExportOptions::new())
    }

    /// Exports a bundle as [`export_bundle`](Self::export_bundle) does, with options.
    ///
    /// # Errors
    ///
    /// As [`export_bundle`](Self::export_bundle); [`Cancelled`](crate::Error::Cancelled);
    /// [`PositionNotFound`](crate::Error::PositionNotFound) if the store's history does not contain
    /// the position to begin [after](ExportOptions::after). The bytes that were written are not a valid bundle. The store is not changed.
    pub fn export_bundle_with(
        &self,
        to: impl Write,
        mut options: ExportOptions<'_>,
    ) -> Result<BundleSummary> {
        self.shared().queue.check_not_reentrant()?;
        let bodies = &self.shared().bodies;
        // The lock is taken before the snapshot, so that every body that the snapshot shows stays.
        let _hold = if options.is_locked {
            None
        } else {
            self.hold_bodies()?
        };
        let snapshot = self.shared().index.snapshot()?;
        if let Some(after) = options.range.after {
            check_position(&*snapshot, after)?;
        }
        let exported = export_bundle(&*snapshot, bodies, options.range, to, &mut options.progress);
        if snapshot.is_consistent() {
            exported
        } else {
            // The bytes that were written cannot be taken back.
            Err(storage::StorageError::new(
                StorageErrorKind::Busy,
                "the store was written while it was exported; export it again",
            )
            .into())
        }
    }

    /// Takes the lock that keeps bodies from being garbage collected, if this process can.
    pub(super) fn hold_bodies(&self) -> Result<Option<Box<dyn LockGuard + '_>>> {
        match self.shared().index.lock_shared() {
            // A process that may only read cannot take the lock.
            Err(error) if self.shared().read_only && error.kind() != StorageErrorKind::Busy => {
                Ok(None)
            }
            hold => Ok(Some(hold?)),
        }
    }

    /// Imports a bundle into this store, entirely or not at all.
    ///
    /// The store may be empty, or have a history of its own:
    ///
    /// - If the bundle's history continues the store's, the missing operations are appended, with
    ///   the same ids.
    /// - If the store contains all operations of the bundle, it is not changed.
    /// - If both continued a common history, or have no history in common, the bundle's operations
    ///   that the store lacks are appended after the store's own. They keep their author, time and
    ///   changes, and get new ids and numbers. An [undo](crate::history::OperationKind::Undo) then
    ///   names the operations that it undid by their numbers in this store. Importing the same
    ///   bundle again changes nothing. Two stores that import each other's bundles contain the same
    ///   prompts, versions and environments.
    ///
    /// Prompts and versions keep their ids. The bundle is refused if the two sides did one of the
    /// following after their common history:
    ///
    /// - Both used the same id or number.
    /// - Both moved the same environment, changed the name or tags of the same prompt, or deleted
    ///   or restored the same prompt or version. The current state does not matter: an environment
    ///   that was moved and moved back counts as moved.
    /// - One side deleted or restored a prompt or version that the other side changed, committed
    ///   to, or pointed an environment to.
    /// - Both undid or redid the same operation.
    ///
    /// Operations with the same content on both sides, for example from an earlier import, are not
    /// conflicts. Therefore, if two stores import each other's bundles, either both refuse, or both
    /// end up with the same contents. The bump rules are not applied to imported versions.
    ///
    /// The whole file is checked before anything is written: its hash, the hash chain of its
    /// operations, and each body against its address. Then one transaction imports it, and other
    /// writers wait for that. The bundle starts at the current position of `from`.
    ///
    /// ```
    /// use std::io::Cursor;
    ///
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let mut file = Vec::new();
    /// store.export_bundle(&mut file)?;
    ///
    /// let copy = Store::in_memory()?;
    /// assert_eq!(copy.import_bundle(Cursor::new(&file))?.appended, 1);
    /// assert_eq!(copy.resolve("greeting@production")?, store.resolve("greeting@production")?);
    /// let mut again = Vec::new();
    /// copy.export_bundle(&mut again)?;
    /// assert_eq!(again, file);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`File`](crate::Error::File) if the file is not a bundle, is damaged, or cannot be read.
    /// - [`MergeConflict`](crate::Error::MergeConflict) if its history conflicts with the store's.
    /// - [`BundleGap`](crate::Error::BundleGap) if it begins after an operation that the store does
    ///   not have.
    /// - Those of the transaction: [`ReadOnly`](crate::Error::ReadOnly),
    ///   [`WithinBatch`](crate::Error::WithinBatch),
    ///   [`OutcomeUnknown`](crate::Error::OutcomeUnknown), [`Poisoned`](crate::Error::Poisoned) or
    ///   [`Storage`](crate::Error::Storage). [`commit`](Self::commit) says what each of them means.
    ///
    /// After a failure, nothing of the bundle is in the store. Only after
    /// [`OutcomeUnknown`](crate::Error::OutcomeUnknown), all of it may be.
    pub fn import_bundle(&self, from: impl Read + Seek) -> Result<ImportSummary> {
        self.import_bundle_with(from, ImportOptions::new())
    }

    /// Imports a bundle as [`import_bundle`](Self::import_bundle) does, with options.
    ///
    /// # Errors
    ///
    /// As [`import_bundle`](Self::import_bundle); [`Cancelled`](crate::Error::Cancelled);
    /// [`BundleDiverged`](crate::Error::BundleDiverged) if merges are
    /// [refused](ImportOptions::refuse_merges). Nothing of the bundle is then in the store.
    pub fn import_bundle_with(
        &self,
        from: impl Read + Seek,
        mut options: ImportOptions<'_>,
    ) -> Result<ImportSummary> {
        self.writable()?;
        let (progress, rules) = (&mut options.progress, &options.rules);
        let mut bundle = Bundle::open(from, progress)?;
        if !options.is_dry_run {
            return self.batch(|batch| batch.writer().import_bundle(&mut bundle, rules, progress));
        }
        let mut checked = None;
        // An error rolls the transaction back.
        let rolled_back: Result<()> = self.batch(|batch| {
            let writer = batch.writer();
            checked = Some(writer.import_bundle(&mut bundle, rules, progress)?);
            Err(Error::Cancelled)
        });
        checked.map_or_else(|| rolled_back.and(Err(Error::Cancelled)), Ok)
    }
}

/// Checks that a history contains a position.
fn check_position(snapshot: &dyn Snapshot, position: LogPosition) -> Result<()> {
    let mut found = (position == LogPosition::START).then_some(position.id);
    if let Some(before) = position.number.checked_sub(1) {
        visit::operations(snapshot, before, |_, id, _| {
            found = Some(id);
            Ok(ControlFlow::Break(()))
        })?;
    }
    if found == Some(position.id) {
        Ok(())
    } else {
        Err(Error::PositionNotFound { position })
    }
}

#[cfg(test)]
#[path = "bundle_tests/mod.rs"]
mod tests;
