//! A write transaction with the rules in front.

use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::bulk_bodies::{Bulk, Finished, New};
use super::heads::{KeptLines, Lines};
use super::judge;
use super::operation_text;
use crate::engine::cache::contracts::KeptContracts;
use crate::engine::contract::Contract;
use crate::engine::read::bodies::Bodies;
use crate::model::body::Body;
use crate::model::clock;
use crate::model::clock::Clock;
use crate::model::error::{Error, Holder, Result};
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::record::{
    Change, Durability, Expected, Operation, OperationContent, OperationKind, Policy,
    RecordedInputs, Settings, Version,
};
use crate::storage;
use crate::storage::{Deadline, Hold, Index, Kin, Snapshot, Transaction};
use crate::template::Partials;

/// What all write transactions of a store share.
pub(crate) struct Context {
    pub(crate) settings: Settings,
    pub(crate) policy: Policy,
    pub(crate) author: String,
    pub(crate) durability: Durability,
    pub(crate) clock: Clock,
    pub(crate) rng: Mutex<fastrand::Rng>,
    /// The ids that are drawn were drawn before, where the same seed was used.
    pub(crate) seeded: bool,
    pub(crate) contracts: KeptContracts,
    pub(crate) lines: KeptLines,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("settings", &self.settings)
            .field("policy", &self.policy)
            .field("author", &self.author)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

impl Context {
    /// Now, as records keep it.
    pub(crate) fn now(&self) -> DateTime<Utc> {
        clock::recorded((self.clock)())
    }

    /// What a body asks of its callers, but for what its partials do: in memory from now on, unless it is large.
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

/// One write transaction: several operations at will, all or none.
pub(crate) struct Writer<'a> {
    pub(crate) transaction: Box<dyn Transaction + 'a>,
    bodies: &'a Bodies,
    pub(crate) context: &'a Context,
    /// Prompts that were committed to, as this transaction left them.
    pub(crate) lines: Lines,
    pub(crate) reserved: Reserved,
    pub(crate) last: Place,
    journaled: Journaled,
    /// Where the bodies of a large change go.
    bulk: Option<Bulk<'a>>,
    /// A change of the transaction failed.
    failed: bool,
}

/// An operation's number and id.
pub(crate) type Place = (u64, OperationId);

/// How far a transaction was.
pub(crate) struct Savepoint {
    last: Place,
    journaled: Amount,
}

/// Ids that the transaction is about to be given: none of them is drawn.
#[derive(Default)]
pub(crate) struct Reserved {
    pub(crate) prompts: HashSet<PromptId>,
    pub(crate) versions: HashSet<VersionId>,
}

/// What a transaction put in the journal, and what else is to be seen to after it.
#[derive(Debug, Default)]
pub(crate) struct Journaled {
    pub(crate) bodies: u64,
    pub(crate) bytes: u64,
    /// Which, as far as they are few enough to be written one by one.
    pub(crate) ids: Vec<BlobId>,
    /// Operations that it appended.
    pub(crate) operations: u64,
    /// Whether it made a pack of others.
    pub(crate) packs: u64,
}

/// How much is in [`Journaled`].
struct Amount {
    bodies: u64,
    bytes: u64,
    ids: usize,
    operations: u64,
}

impl Journaled {
    fn amount(&self) -> Amount {
        Amount {
            bodies: self.bodies,
            bytes: self.bytes,
            ids: self.ids.len(),
            operations: self.operations,
        }
    }

    /// Goes back to an earlier amount.
    fn shrink(&mut self, to: Amount) {
        (self.bodies, self.bytes) = (to.bodies, to.bytes);
        self.operations = to.operations;
        self.ids.truncate(to.ids);
    }

    /// Bodies that are listed; more are settled at once anyway.
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

impl<'a> Writer<'a> {
    /// Waits for its turn to write, until the deadline.
    pub(crate) fn begin(
        index: &'a dyn Index,
        bodies: &'a Bodies,
        context: &'a Context,
        deadline: Deadline,
    ) -> storage::Result<Self> {
        let transaction = index.transaction_by(context.durability, deadline)?;
        let last = transaction
            .last_operation()?
            .unwrap_or((0, OperationId::ROOT));
        Ok(Self {
            transaction,
            bodies,
            context,
            lines: context.lines.take(last),
            reserved: Reserved::default(),
            last,
            journaled: Journaled::default(),
            bulk: None,
            failed: false,
        })
    }

    /// The bodies of this transaction may be many: then they go into a pack. It has no savepoints.
    pub(crate) fn in_bulk(mut self) -> Self {
        self.bulk = Some(Bulk::new(self.bodies.blobs()));
        self
    }

    /// Makes all of it durable and visible.
    pub(crate) fn commit(mut self) -> storage::Result<Journaled> {
        self.usable()?;
        // Referenced before referencing; and held until the rows are there.
        let packed = self.finish_bulk()?;
        self.transaction.commit()?;
        drop(packed);
        self.context.lines.put(self.last, self.lines);
        Ok(self.journaled)
    }

    /// The last operation, of those that it appended too.
    pub(crate) fn place(&self) -> Place {
        self.last
    }

    /// Bytes of the bodies that it stored.
    pub(crate) fn journaled_bytes(&self) -> u64 {
        self.journaled.bytes
    }

    /// Keeps what is done so far, whatever becomes of what follows.
    pub(crate) fn savepoint(&mut self) -> storage::Result<Savepoint> {
        self.usable()?;
        self.transaction.savepoint()?;
        Ok(Savepoint {
            last: self.last,
            journaled: self.journaled.amount(),
        })
    }

    /// Takes back what was done since the last savepoint, also a change that failed half-way.
    pub(crate) fn roll_back(&mut self, to: Savepoint) -> storage::Result<()> {
        self.transaction.roll_back()?;
        self.last = to.last;
        self.journaled.shrink(to.journaled);
        self.lines = Lines::default();
        self.failed = false;
        Ok(())
    }

    /// After a failure the transaction may have half an operation, or have been rolled back under what came
    /// before: it is good for nothing but being dropped, also where the caller goes on all the same.
    pub(crate) fn change(
        &mut self,
        change: impl FnOnce(&mut dyn Transaction) -> storage::Result<()>,
    ) -> Result<()> {
        self.usable()?;
        let changed = change(&mut *self.transaction);
        self.failed = changed.is_err();
        Ok(changed?)
    }

    fn usable(&self) -> storage::Result<()> {
        match self.failed {
            false => Ok(()),
            true => {
                let kind = storage::ErrorKind::Other;
                let reason = "an earlier change of this batch failed";
                Err(storage::Error::new(kind, reason))
            }
        }
    }

    /// Appends an operation of one's own and applies its changes.
    pub(crate) fn record(
        &mut self,
        at: DateTime<Utc>,
        kind: OperationKind,
        changes: Vec<Change>,
    ) -> Result<()> {
        let content = OperationContent {
            at,
            author: self.context.author.clone(),
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

    /// Appends an operation whose content was written as this text, and applies its changes. It may have been made
    /// long before `now`, elsewhere.
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

    /// Puts a body in the journal, or into a pack with many others, if it is not stored already.
    pub(crate) fn store_body(&mut self, body: &Body, kin: Kin) -> Result<()> {
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
        self.journaled.add(Journaled {
            bodies: 1,
            bytes: bytes.len() as u64,
            ids: vec![id],
            ..Journaled::default()
        });
    }

    /// Makes the bodies of a change that may be large durable, or has them made so with it. What is held is held until it
    /// is committed.
    fn finish_bulk(&mut self) -> storage::Result<Option<Box<dyn Hold>>> {
        match self.bulk.take().map(Bulk::finish).transpose()? {
            Some(Finished::Packed(hold)) => {
                self.journaled.packs += 1;
                Ok(Some(hold))
            }
            Some(Finished::Few(few)) => {
                for New { id, bytes, .. } in few {
                    self.transaction.journal_body(id, &bytes)?;
                    self.has_journaled(id, &bytes);
                }
                Ok(None)
            }
            None => Ok(None),
        }
    }

    /// A body that a version of this transaction has.
    fn read_body(&self, id: BlobId) -> Result<Body> {
        let packed = self.bulk.as_ref().map(|bulk| bulk.get(id));
        match packed.transpose()?.flatten() {
            Some(bytes) => Body::from_store(id, bytes),
            None => self.bodies.read_once(&*self.transaction, id),
        }
    }

    /// What a body asks of its callers, as things stand in this transaction; nothing if its partials have more bytes than
    /// `most`.
    pub(crate) fn contract(&self, body: &Body, most: u64) -> Result<Option<Arc<Contract>>> {
        let read = |id| self.read_body(id);
        let (snapshot, pointed) = (&*self.transaction, &mut Vec::new());
        judge::contract(snapshot, &read, self.context, body, most, pointed)
    }

    /// The contract of a version that is stored.
    pub(crate) fn contract_of(
        &self,
        version: &Version,
        most: u64,
    ) -> Result<Option<Arc<Contract>>> {
        let known = self.context.contracts.get(version.blob);
        if let Some(contract) = known.filter(|contract| contract.partials.is_empty()) {
            return Ok(Some(contract));
        }
        // Its contract is kept, so the body is not read again soon.
        let body = self.read_body(version.blob)?;
        self.contract(&body, most)
    }

    /// An id that no prompt has or had: the one that is asked for, or one that is drawn.
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

    /// An id that no version has or had.
    pub(crate) fn free_version_id(&self, at: DateTime<Utc>) -> Result<VersionId> {
        let millis = at.timestamp_millis().try_into().unwrap_or(0);
        loop {
            let id = VersionId::draw(millis, &mut self.rng());
            // The index would refuse one that is taken. Only ids that are drawn from a seed can be.
            let seeded = self.context.seeded;
            let reserved = self.reserved.versions.contains(&id);
            if !reserved && (!seeded || self.transaction.version_ever(id)?.is_none()) {
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

    /// Records a request's inputs; no operation.
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

/// Checks, in the transaction that is about to change a pointer, that it is what the caller believes.
pub(crate) fn check_expected(
    snapshot: &dyn Snapshot,
    subject: impl FnOnce() -> String,
    expected: Expected,
    found: Option<Holder>,
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
                Some(version) => Holder::from(&version).to_string(),
                None => format!("{id}, which is not there"),
            },
            Expected::Absent | Expected::Any => "unset".into(),
        },
        found,
    })
}
