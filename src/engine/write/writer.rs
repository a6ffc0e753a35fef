//! A write transaction that enforces the store's rules.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::bulk_bodies::{BulkBodies, FinishedBodies, NewBody};
use super::context::WriteContext;
use super::heads::PromptHeads;
use super::pending_work::{BodyCount, PendingWork};
use crate::engine::read::bodies::BodyReader;
use crate::engine::read::lookup::prompt_label;
use crate::model::body::Body;
use crate::model::error::{ConflictSubject, Error, Result, VersionLabel};
use crate::model::id::{BlobId, GroupId, PromptId, VersionId};
use crate::model::log_position::LogPosition;
use crate::model::record::{
    Change, Expected, Operation, OperationContent, OperationKind, RecordedInputs,
};
use crate::storage;
use crate::storage::{
    AppendedBody, AppendedPlace, Deadline, DeltaGroup, Index, LockGuard, Snapshot, StoredBlob,
    Transaction, write_operation,
};

/// A write transaction of any number of operations, which commits entirely or not at all.
pub(crate) struct WriteTransaction<'a> {
    pub(crate) transaction: Box<dyn Transaction + 'a>,
    pub(super) bodies: &'a BodyReader,
    pub(crate) context: &'a WriteContext,
    /// The author of the changes that follow.
    pub(crate) author: Arc<str>,
    /// A body that was looked up together with the version that it is needed for.
    pub(crate) prefetched: Cell<Option<(BlobId, StoredBlob)>>,
    /// The heads of prompts that were committed to, as this transaction left them.
    pub(crate) heads: PromptHeads,
    pub(crate) reserved: ReservedIds,
    pub(crate) last: LogPosition,
    journaled: PendingWork,
    /// The bodies of a large change; none if this transaction journals its bodies.
    pub(super) bulk: Option<BulkBodies<'a>>,
    /// The group of the operations that follow.
    pub(crate) group: Option<GroupId>,
    /// Whether the changes that follow may use environments that are not in the environment list.
    pub(super) accepts_unlisted: bool,
    /// Whether a change of the transaction failed.
    failed: bool,
}

/// The state of a transaction at a savepoint.
pub(crate) struct Savepoint {
    last: LogPosition,
    journaled: BodyCount,
}

/// Ids that the transaction will be given later, and must not draw for others.
#[derive(Default)]
pub(crate) struct ReservedIds {
    pub(crate) prompts: HashSet<PromptId>,
    pub(crate) versions: HashSet<VersionId>,
}

impl<'a> WriteTransaction<'a> {
    /// Begins a transaction; waits for the write lock until the deadline.
    pub(crate) fn begin(
        index: &'a dyn Index,
        bodies: &'a BodyReader,
        context: &'a WriteContext,
        deadline: Deadline,
    ) -> storage::StorageResult<Self> {
        let transaction = index.transaction_by(context.durability, deadline)?;
        let (number, id) = transaction.last_operation()?;
        let last = LogPosition { number, id };
        Ok(Self {
            transaction,
            bodies,
            context,
            author: Arc::clone(&context.author),
            prefetched: Cell::new(None),
            heads: context.heads.take(last),
            reserved: ReservedIds::default(),
            last,
            journaled: PendingWork::default(),
            bulk: None,
            group: None,
            accepts_unlisted: false,
            failed: false,
        })
    }

    /// Sets the author of the changes that follow.
    pub(crate) fn set_author(&mut self, author: &Arc<str>) {
        self.author = Arc::clone(author);
    }

    /// Sets the group of the operations that follow.
    pub(crate) fn set_group(&mut self, group: Option<GroupId>) {
        self.group = group;
    }

    /// Sets whether the changes that follow may use environments that are not in the list.
    pub(crate) fn accept_unlisted(&mut self, accepts: bool) {
        self.accepts_unlisted = accepts;
    }

    /// Makes the transaction put its bodies into a pack if they are many.
    ///
    /// Such a transaction has no savepoints.
    pub(crate) fn in_bulk(mut self) -> Self {
        let blobs = self.bodies.blobs();
        if blobs.prefers_packs() {
            self.bulk = Some(BulkBodies::new(blobs));
        }
        self
    }

    /// Commits the transaction: makes all of it durable and visible.
    ///
    /// If the outcome is [unknown](storage::StorageErrorKind::OutcomeUnknown), it may have been committed;
    /// after any other error it was not.
    pub(crate) fn commit(mut self) -> storage::StorageResult<PendingWork> {
        self.check_usable()?;
        // The bodies become durable before the rows that refer to them, and their pack stays locked
        // until those rows are committed.
        let packed = self.finish_bulk()?;
        self.transaction.commit()?;
        drop(packed);
        self.context.heads.put(self.last, self.heads);
        Ok(self.journaled)
    }

    /// Returns the position of the last operation, those of this transaction included.
    pub(crate) fn position(&self) -> LogPosition {
        self.last
    }

    /// Returns the size in bytes of the bodies that the transaction stored.
    pub(crate) fn journaled_bytes(&self) -> u64 {
        self.journaled.bytes
    }

    /// Sets the savepoint that a later rollback returns to.
    pub(crate) fn savepoint(&mut self) -> storage::StorageResult<Savepoint> {
        self.check_usable()?;
        self.transaction.savepoint()?;
        Ok(Savepoint {
            last: self.last,
            journaled: self.journaled.amount(),
        })
    }

    /// Undoes everything since the last savepoint, a change that failed halfway included.
    pub(crate) fn roll_back(&mut self, to: Savepoint) -> storage::StorageResult<()> {
        self.transaction.roll_back()?;
        self.last = to.last;
        self.journaled.shrink(to.journaled);
        self.heads = PromptHeads::default();
        self.failed = false;
        Ok(())
    }

    /// Makes a change, and refuses all later ones if it fails.
    ///
    /// After a failure the transaction may contain half an operation, or the index may have rolled
    /// it back. It can then only be dropped, even if the caller continues.
    pub(crate) fn change(
        &mut self,
        change: impl FnOnce(&mut dyn Transaction) -> storage::StorageResult<()>,
    ) -> Result<()> {
        self.check_usable()?;
        let changed = change(&mut *self.transaction);
        self.failed = changed.is_err();
        Ok(changed?)
    }

    fn check_usable(&self) -> storage::StorageResult<()> {
        if !self.failed {
            return Ok(());
        }
        let kind = storage::StorageErrorKind::Other;
        let reason = "an earlier change of this batch failed";
        Err(storage::StorageError::new(kind, reason))
    }

    /// Appends an operation by this store's author, and applies its changes.
    pub(crate) fn record(
        &mut self,
        at: DateTime<Utc>,
        kind: OperationKind,
        changes: Vec<Change>,
    ) -> Result<()> {
        self.record_with(at, kind, changes, &[])
    }

    /// Stores bodies, appends an operation by this store's author, and applies its changes.
    pub(crate) fn record_with(
        &mut self,
        at: DateTime<Utc>,
        kind: OperationKind,
        changes: Vec<Change>,
        bodies: &[(&Body, DeltaGroup)],
    ) -> Result<()> {
        let content = OperationContent {
            at,
            author: self.author.to_string(),
            kind,
            undoes: Vec::new(),
            group: self.group,
            changes,
        };
        self.append_with(content, bodies).map(drop)
    }

    /// Appends an operation and applies its changes.
    pub(crate) fn append(&mut self, content: OperationContent) -> Result<Operation> {
        self.append_with(content, &[])
    }

    fn append_with(
        &mut self,
        content: OperationContent,
        bodies: &[(&Body, DeltaGroup)],
    ) -> Result<Operation> {
        let text = write_operation(&content)?;
        let now = content.at;
        self.append_all(content, &text, now, bodies)
    }

    /// Appends an operation whose content has this text, and applies its changes.
    ///
    /// `now` is the time of the append; the operation may have been made long before, in another
    /// store.
    pub(crate) fn append_text(
        &mut self,
        content: OperationContent,
        text: &str,
        now: DateTime<Utc>,
    ) -> Result<Operation> {
        self.append_all(content, text, now, &[])
    }

    fn append_all(
        &mut self,
        content: OperationContent,
        text: &str,
        now: DateTime<Utc>,
        bodies: &[(&Body, DeltaGroup)],
    ) -> Result<Operation> {
        for change in &content.changes {
            self.heads.forget_changed(change);
        }
        let operation = Operation {
            number: self.last.number + 1,
            id: self.last.id.followed_by(text.as_bytes()),
            content,
        };
        let mut bulk = self.bulk.take();
        let appended: Vec<_> = bodies
            .iter()
            .map(|(body, _)| AppendedBody {
                id: body.id(),
                place: match bulk {
                    Some(_) => AppendedPlace::Pack(body.as_bytes().len() as u64),
                    None => AppendedPlace::Journal(body.as_bytes()),
                },
            })
            .collect();
        let stored = self.change(|transaction| {
            let stored = transaction.append(&operation, text, now, &appended)?;
            if let Some(bulk) = &mut bulk {
                let mut new: HashSet<BlobId> = stored.into_iter().collect();
                for (body, group) in bodies {
                    if new.remove(&body.id()) {
                        bulk.add(body, *group)?;
                    }
                }
            }
            Ok(())
        });
        let is_bulk = bulk.is_some();
        self.bulk = bulk;
        stored?;
        if !is_bulk {
            for (body, _) in bodies {
                self.note_journaled(body.id(), body.as_bytes());
            }
        }
        self.last = LogPosition::from(&operation);
        self.journaled.operations += 1;
        Ok(operation)
    }

    /// Stores a body unless it is stored already: in the journal, or with many others in a pack.
    pub(crate) fn store_body(&mut self, body: &Body, group: DeltaGroup) -> Result<()> {
        let (id, bytes) = (body.id(), body.as_bytes());
        let size = bytes.len() as u64;
        let Some(mut bulk) = self.bulk.take() else {
            self.change(|transaction| transaction.put_body(id, bytes))?;
            self.note_journaled(id, bytes);
            return Ok(());
        };
        let stored = self.change(|transaction| {
            if transaction.put_packed_body(id, size)? {
                bulk.add(body, group)?;
            }
            Ok(())
        });
        self.bulk = Some(bulk);
        stored
    }

    fn note_journaled(&mut self, id: BlobId, bytes: &[u8]) {
        self.journaled.add(PendingWork {
            bodies: 1,
            bytes: bytes.len() as u64,
            ids: vec![id],
            ..PendingWork::default()
        });
    }

    /// Makes the bodies of a large change durable, or journals them if they are few.
    ///
    /// The returned lock must be held until the transaction is committed.
    fn finish_bulk(&mut self) -> storage::StorageResult<Option<Box<dyn LockGuard>>> {
        match self.bulk.take().map(BulkBodies::finish).transpose()? {
            Some(FinishedBodies::Packed(hold)) => {
                self.journaled.packs += 1;
                Ok(Some(hold))
            }
            Some(FinishedBodies::Inline(inline)) => {
                for NewBody { body, .. } in inline {
                    self.transaction.journal_body(body.id(), body.as_bytes())?;
                    self.note_journaled(body.id(), body.as_bytes());
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Records the inputs of a request, without an operation.
    pub(crate) fn record_inputs(&mut self, inputs: &RecordedInputs) -> Result<()> {
        if self
            .transaction
            .snapshot()
            .version(inputs.version_id)?
            .is_none()
        {
            return Err(Error::VersionNotFound {
                prompt: None,
                selector: inputs.version_id.into(),
            });
        }
        self.change(|transaction| transaction.put_inputs(inputs))
    }
}

/// Checks that a pointer is what the caller expects, in the transaction that will change it.
///
/// Fails with [`Error::Conflict`] otherwise.
pub(crate) fn check_expected(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    subject: impl FnOnce() -> ConflictSubject,
    expected: Expected,
    found: Option<VersionLabel>,
) -> Result<()> {
    let is_met = match expected {
        Expected::Any => true,
        Expected::Absent => found.is_none(),
        Expected::Is(id) => found.is_some_and(|version| version.id == id),
    };
    if is_met {
        return Ok(());
    }
    let expected = match expected {
        Expected::Is(id) => Some(id),
        Expected::Absent | Expected::Any => None,
    };
    let version = expected.map(|id| snapshot.version(id)).transpose()?;
    Err(Error::Conflict {
        prompt: Box::new(prompt_label(snapshot, prompt)?),
        subject: subject(),
        expected,
        expected_number: version.flatten().map(|version| version.number),
        found,
    })
}
