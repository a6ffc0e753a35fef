//! A write transaction that enforces the store's rules.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::bulk_bodies::{BulkBodies, FinishedBodies, NewBody};
use super::heads::{HeadCache, PromptHeads};
use super::judge;
use super::operation_text;
use crate::engine::cache::contracts::ContractCache;
use crate::engine::contract::Contract;
use crate::engine::read::bodies::BodyReader;
use crate::model::body::Body;
use crate::model::clock;
use crate::model::clock::Clock;
use crate::model::error::{Error, Result, VersionLabel};
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::record::{
    BumpPolicy, Change, Durability, Expected, Operation, OperationContent, OperationKind,
    RecordedInputs, Settings, Version,
};
use crate::storage;
use crate::storage::{Deadline, DeltaGroup, Index, LockGuard, Snapshot, Transaction};
use crate::template::Partials;

/// The state that all write transactions of a store handle share.
pub(crate) struct WriteContext {
    pub(crate) settings: Settings,
    pub(crate) policy: BumpPolicy,
    /// The author of changes for which no other is set.
    pub(crate) author: Arc<str>,
    pub(crate) durability: Durability,
    pub(crate) clock: Clock,
    pub(crate) rng: Mutex<fastrand::Rng>,
    /// Whether ids are drawn from a given seed, so that an earlier run may have drawn the same ids.
    pub(crate) seeded: bool,
    pub(crate) contracts: ContractCache,
    pub(crate) lines: HeadCache,
}

impl fmt::Debug for WriteContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteContext")
            .field("settings", &self.settings)
            .field("policy", &self.policy)
            .field("author", &self.author)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl WriteContext {
    /// Returns the current time, with the precision of records.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        clock::recorded((self.clock)())
    }

    /// Returns the contract of a body without its partials, and caches it unless it is large.
    pub(crate) fn contract_without_partials(&self, body: &Body) -> Arc<Contract> {
        if let Some(contract) = self.contracts.get(body.id()) {
            return contract;
        }
        let contract = body.look(|json| Contract::of_text(body.text(), json, &Partials::default()));
        let contract = Arc::new(contract);
        self.contracts.put(body.id(), &contract);
        contract
    }
}

/// A write transaction of any number of operations, which commits entirely or not at all.
pub(crate) struct WriteTransaction<'a> {
    pub(crate) transaction: Box<dyn Transaction + 'a>,
    bodies: &'a BodyReader,
    pub(crate) context: &'a WriteContext,
    /// The author of the changes that follow.
    pub(crate) author: Arc<str>,
    /// The heads of prompts that were committed to, as this transaction left them.
    pub(crate) lines: PromptHeads,
    pub(crate) reserved: ReservedIds,
    pub(crate) last: LogPoint,
    journaled: PendingWork,
    /// The bodies of a large change; none if this transaction journals its bodies.
    bulk: Option<BulkBodies<'a>>,
    /// Whether a change of the transaction failed.
    failed: bool,
}

/// A log position: an operation's number and id.
pub(crate) type LogPoint = (u64, OperationId);

/// The state of a transaction at a savepoint.
pub(crate) struct Savepoint {
    last: LogPoint,
    journaled: BodyCount,
}

/// Ids that the transaction will be given later, and must not draw for others.
#[derive(Default)]
pub(crate) struct ReservedIds {
    pub(crate) prompts: HashSet<PromptId>,
    pub(crate) versions: HashSet<VersionId>,
}

/// The bodies that a transaction journaled, and other work that it leaves for maintenance.
#[derive(Debug, Default)]
pub(crate) struct PendingWork {
    pub(crate) bodies: u64,
    pub(crate) bytes: u64,
    /// The ids of the bodies, while they are few enough to be written one by one.
    pub(crate) ids: Vec<BlobId>,
    /// The number of operations that it appended.
    pub(crate) operations: u64,
    /// The number of packs that it created.
    pub(crate) packs: u64,
}

/// The amounts in [`PendingWork`] at a savepoint.
struct BodyCount {
    bodies: u64,
    bytes: u64,
    ids: usize,
    operations: u64,
}

impl PendingWork {
    fn amount(&self) -> BodyCount {
        BodyCount {
            bodies: self.bodies,
            bytes: self.bytes,
            ids: self.ids.len(),
            operations: self.operations,
        }
    }

    /// Goes back to an earlier amount.
    fn shrink(&mut self, to: BodyCount) {
        (self.bodies, self.bytes) = (to.bodies, to.bytes);
        self.operations = to.operations;
        self.ids.truncate(to.ids);
    }

    /// The maximum number of listed ids; if there are more bodies, a checkpoint follows anyway.
    const MOST_LISTED: usize = 1024;

    pub(crate) fn add(&mut self, other: Self) {
        self.bodies += other.bodies;
        self.bytes += other.bytes;
        self.operations += other.operations;
        self.packs += other.packs;
        self.ids.extend(other.ids);
        self.ids.truncate(Self::MOST_LISTED);
    }
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
        let last = transaction
            .last_operation()?
            .unwrap_or((0, OperationId::ROOT));
        Ok(Self {
            transaction,
            bodies,
            context,
            author: Arc::clone(&context.author),
            lines: context.lines.take(last),
            reserved: ReservedIds::default(),
            last,
            journaled: PendingWork::default(),
            bulk: None,
            failed: false,
        })
    }

    /// Sets the author of the changes that follow.
    pub(crate) fn set_author(&mut self, author: &Arc<str>) {
        self.author = Arc::clone(author);
    }

    /// Makes the transaction put its bodies into a pack if they are many.
    ///
    /// Such a transaction has no savepoints.
    pub(crate) fn in_bulk(mut self) -> Self {
        self.bulk = Some(BulkBodies::new(self.bodies.blobs()));
        self
    }

    /// Commits the transaction: makes all of it durable and visible.
    ///
    /// If the outcome is [unknown](backend::ErrorKind::OutcomeUnknown), it may have been committed;
    /// after any other error it was not.
    pub(crate) fn commit(mut self) -> storage::StorageResult<PendingWork> {
        self.usable()?;
        // The bodies become durable before the rows that refer to them, and their pack stays locked
        // until those rows are committed.
        let packed = self.finish_bulk()?;
        self.transaction.commit()?;
        drop(packed);
        self.context.lines.put(self.last, self.lines);
        Ok(self.journaled)
    }

    /// Returns the position of the last operation, those of this transaction included.
    pub(crate) fn place(&self) -> LogPoint {
        self.last
    }

    /// Returns the size in bytes of the bodies that the transaction stored.
    pub(crate) fn journaled_bytes(&self) -> u64 {
        self.journaled.bytes
    }

    /// Sets the savepoint that a later rollback returns to.
    pub(crate) fn savepoint(&mut self) -> storage::StorageResult<Savepoint> {
        self.usable()?;
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
        self.lines = PromptHeads::default();
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
        self.usable()?;
        let changed = change(&mut *self.transaction);
        self.failed = changed.is_err();
        Ok(changed?)
    }

    fn usable(&self) -> storage::StorageResult<()> {
        match self.failed {
            false => Ok(()),
            true => {
                let kind = storage::StorageErrorKind::Other;
                let reason = "an earlier change of this batch failed";
                Err(storage::StorageError::new(kind, reason))
            }
        }
    }

    /// Appends an operation by this store's author, and applies its changes.
    pub(crate) fn record(
        &mut self,
        at: DateTime<Utc>,
        kind: OperationKind,
        changes: Vec<Change>,
    ) -> Result<()> {
        let content = OperationContent {
            at,
            author: self.author.to_string(),
            kind,
            undoes: Vec::new(),
            changes,
        };
        self.append(content).map(drop)
    }

    /// Appends an operation and applies its changes.
    pub(crate) fn append(&mut self, content: OperationContent) -> Result<Operation> {
        let text = operation_text::write(&content)?;
        let now = content.at;
        self.append_text(content, &text, now)
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
        for change in &content.changes {
            self.lines.forget(change.prompt());
        }
        let operation = Operation {
            number: self.last.0 + 1,
            id: self.last.1.followed_by(text.as_bytes()),
            content,
        };
        self.change(|transaction| transaction.append(&operation, text, now))?;
        self.last = (operation.number, operation.id);
        self.journaled.operations += 1;
        Ok(operation)
    }

    /// Stores a body unless it is stored already: in the journal, or with many others in a pack.
    pub(crate) fn store_body(&mut self, body: &Body, kin: DeltaGroup) -> Result<()> {
        let (id, bytes) = (body.id(), body.as_bytes());
        let size = bytes.len() as u64;
        let Some(mut bulk) = self.bulk.take() else {
            self.change(|transaction| transaction.put_body(id, bytes))?;
            self.has_journaled(id, bytes);
            return Ok(());
        };
        let stored = self.change(|transaction| match transaction.put_packed_body(id, size)? {
            true => bulk.add(id, bytes, kin),
            false => Ok(()),
        });
        self.bulk = Some(bulk);
        stored
    }

    fn has_journaled(&mut self, id: BlobId, bytes: &[u8]) {
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
            Some(FinishedBodies::Few(few)) => {
                for NewBody { id, bytes, .. } in few {
                    self.transaction.journal_body(id, &bytes)?;
                    self.has_journaled(id, &bytes);
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// Reads a body of a version of this transaction.
    fn read_body(&self, id: BlobId) -> Result<Body> {
        let packed = self.bulk.as_ref().map(|bulk| bulk.get(id));
        match packed.transpose()?.flatten() {
            Some(bytes) => Body::from_store(id, bytes),
            None => self.bodies.read_once(&*self.transaction, id),
        }
    }

    /// Returns the contract of a body, with its partials as of this transaction.
    ///
    /// Returns `None` if the partials have more than `most` bytes.
    pub(crate) fn contract(&self, body: &Body, most: u64) -> Result<Option<Arc<Contract>>> {
        let read = |id| self.read_body(id);
        let (snapshot, pointed) = (&*self.transaction, &mut Vec::new());
        judge::contract(snapshot, &read, self.context, body, most, pointed)
    }

    /// Returns the contract of a stored version.
    pub(crate) fn contract_of(
        &self,
        version: &Version,
        most: u64,
    ) -> Result<Option<Arc<Contract>>> {
        let known = self.context.contracts.get(version.blob);
        if let Some(contract) = known.filter(|contract| contract.partials.is_empty()) {
            return Ok(Some(contract));
        }
        // The contract is cached, so the body is not needed again soon and is not cached.
        let body = self.read_body(version.blob)?;
        self.contract(&body, most)
    }

    /// Returns an id that no prompt has or had: the requested one, or one drawn at random.
    pub(crate) fn free_prompt_id(&self, asked: Option<PromptId>) -> Result<PromptId> {
        match asked {
            Some(id) if self.transaction.prompt_id_taken(id)? => Err(Error::PromptIdTaken { id }),
            Some(id) => Ok(id),
            None => loop {
                let id = PromptId::draw(&mut self.rng());
                let reserved = self.reserved.prompts.contains(&id);
                if !reserved && !self.transaction.prompt_id_taken(id)? {
                    return Ok(id);
                }
            },
        }
    }

    /// Draws an id that no version has or had.
    pub(crate) fn free_version_id(&self, at: DateTime<Utc>) -> Result<VersionId> {
        let millis = at.timestamp_millis().try_into().unwrap_or(0);
        loop {
            let id = VersionId::draw(millis, &mut self.rng());
            // The index would refuse a taken id. Only an id drawn from a given seed can be taken.
            let seeded = self.context.seeded;
            let reserved = self.reserved.versions.contains(&id);
            if !reserved && (!seeded || self.transaction.version_even_deleted(id)?.is_none()) {
                return Ok(id);
            }
        }
    }

    fn rng(&self) -> MutexGuard<'_, fastrand::Rng> {
        self.context
            .rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the inputs of a request, without an operation.
    pub(crate) fn record_inputs(&mut self, inputs: &RecordedInputs) -> Result<()> {
        if self.transaction.version(inputs.version_id)?.is_none() {
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
    subject: impl FnOnce() -> String,
    expected: Expected,
    found: Option<VersionLabel>,
) -> Result<()> {
    let met = match expected {
        Expected::Any => true,
        Expected::Absent => found.is_none(),
        Expected::Is(id) => found.is_some_and(|version| version.id == id),
    };
    if met {
        return Ok(());
    }
    Err(Error::Conflict {
        subject: subject(),
        expected: match expected {
            Expected::Is(id) => match snapshot.version(id)? {
                Some(version) => VersionLabel::from(&version).to_string(),
                None => format!("{id}, which does not exist"),
            },
            Expected::Absent | Expected::Any => "unset".into(),
        },
        found,
    })
}
