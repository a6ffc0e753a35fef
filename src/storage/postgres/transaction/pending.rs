//! The writes of a transaction that are not sent yet.
//!
//! They are sent before the transaction reads what they concern, and before it commits. Until then
//! they are a list, so that a savepoint is a place in it, and consecutive changes become few statements.

use std::fmt;

use super::added::{AddedBody, AddedOperation, AddedPrompt};
use super::changes::OtherChanges;
use super::concerned::Concerned;
use super::run::ChangeRun;
use crate::model::id::BlobId;
use crate::model::record::{Change, Operation};
use crate::storage::postgres::columns::{micros, signed};
use crate::storage::postgres::write_step::WriteStep;

/// Writes of more bytes than these are sent at once.
const MAX_PENDING_BYTES: usize = 4 * 1024 * 1024;
/// As many writes are sent at once.
const MAX_PENDING: usize = 2000;

enum PendingWrite {
    Body(AddedBody),
    Operation(AddedOperation),
    Prompt(AddedPrompt),
    /// A new version or a move, at the moment of its operation.
    Change(Change, i64),
    /// Statements that must come after all writes before them.
    Steps(Vec<WriteStep>),
}

/// The writes that are not sent yet, and the place of the last savepoint.
#[derive(Default)]
pub(in crate::storage::postgres) struct PendingWrites {
    writes: Vec<PendingWrite>,
    concerned: Concerned,
    /// The addresses of bodies that versions may have although they are not stored.
    pub(super) absent: Vec<Vec<u8>>,
    bytes: usize,
    savepoint: SavepointPlace,
    /// Whether the server has a savepoint, the last one or an earlier one.
    is_on_server: bool,
}

/// Where the last savepoint is.
#[derive(Clone, Copy, Debug, Default)]
enum SavepointPlace {
    #[default]
    None,
    /// Before the write with this place in the list. The server does not know it.
    Pending(usize),
    /// On the server, before all writes of the list.
    Sent,
}

/// The writes that are sent before a savepoint, and from it on.
#[derive(Default)]
pub(in crate::storage::postgres) struct DueWrites {
    pub(in crate::storage::postgres) before: Vec<WriteStep>,
    pub(in crate::storage::postgres) after: Vec<WriteStep>,
}

impl fmt::Debug for PendingWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingWrites")
            .field("writes", &self.writes.len())
            .finish_non_exhaustive()
    }
}

impl PendingWrites {
    pub(super) fn add_body(&mut self, id: BlobId, bytes: &[u8]) {
        self.bytes += bytes.len();
        self.concerned.add_body(id);
        self.writes.push(PendingWrite::Body(AddedBody {
            hash: id.as_bytes().to_vec(),
            bytes: bytes.to_vec(),
        }));
    }

    pub(super) fn add_steps(&mut self, steps: Vec<WriteStep>) {
        self.concerned.add_others();
        self.writes.push(PendingWrite::Steps(steps));
    }

    /// Adds an operation and its changes.
    pub(super) fn append(&mut self, operation: &Operation, text: &str, released_at: i64) {
        let (at, number) = (micros(operation.content.at), signed(operation.number));
        let changes = &operation.content.changes;
        let names = changes.iter().filter_map(|change| match change {
            Change::Environment { name, .. } => Some(name.to_string()),
            _ => None,
        });
        self.bytes += text.len();
        self.writes.push(PendingWrite::Operation(AddedOperation {
            number,
            hash: operation.id.as_bytes().to_vec(),
            at,
            text: text.as_bytes().to_vec(),
            prompts: changes.iter().filter_map(Change::prompt).collect(),
            environments: names.collect(),
        }));
        for change in changes {
            self.concerned.add(change);
            let write = match change {
                Change::Prompt {
                    id,
                    before: None,
                    after: Some(state),
                } => PendingWrite::Prompt(AddedPrompt {
                    id: *id,
                    name: state.name.to_string(),
                    tags: state.tags.clone(),
                    at,
                }),
                Change::VersionCreated(_) | Change::Environment { .. } => {
                    PendingWrite::Change(change.clone(), at)
                }
                other => PendingWrite::Steps(
                    OtherChanges::of(other, at, released_at, number, &self.absent).steps,
                ),
            };
            self.writes.push(write);
        }
    }

    /// Returns whether the writes are many enough to be sent.
    pub(super) fn is_full(&self) -> bool {
        self.bytes > MAX_PENDING_BYTES || self.writes.len() > MAX_PENDING
    }

    /// Returns whether there is a savepoint.
    pub(in crate::storage::postgres) fn has_savepoint(&self) -> bool {
        !matches!(self.savepoint, SavepointPlace::None)
    }

    pub(super) fn set_savepoint(&mut self) {
        self.savepoint = SavepointPlace::Pending(self.writes.len());
    }

    /// Forgets the writes since the savepoint. Returns whether the server must roll back too.
    pub(super) fn roll_back(&mut self) -> bool {
        match self.savepoint {
            SavepointPlace::Pending(place) => {
                self.writes.truncate(place);
                false
            }
            SavepointPlace::Sent | SavepointPlace::None => {
                self.writes.clear();
                true
            }
        }
    }

    /// Takes the writes, as statements. The caller must send them.
    pub(in crate::storage::postgres) fn take(&mut self) -> DueWrites {
        let mut writes = std::mem::take(&mut self.writes);
        self.concerned = Concerned::default();
        self.bytes = 0;
        let absent = &self.absent;
        let SavepointPlace::Pending(place) = self.savepoint else {
            return DueWrites {
                before: Vec::new(),
                after: compiled(&mut writes, absent),
            };
        };
        let (before, after) = writes.split_at_mut(place);
        let mut due = DueWrites {
            before: compiled(before, absent),
            after: Vec::new(),
        };
        if after.is_empty() {
            self.savepoint = SavepointPlace::Pending(0);
            return due;
        }
        let doing = "setting a savepoint";
        if self.is_on_server {
            let sql = "RELEASE SAVEPOINT kept";
            due.before.push(WriteStep::any(doing, sql, Vec::new()));
        }
        let sql = "SAVEPOINT kept";
        due.before.push(WriteStep::any(doing, sql, Vec::new()));
        due.after = compiled(after, absent);
        (self.savepoint, self.is_on_server) = (SavepointPlace::Sent, true);
        due
    }

    /// Returns what the writes concern.
    pub(in crate::storage::postgres) fn concerned(&self) -> &Concerned {
        &self.concerned
    }

    pub(in crate::storage::postgres) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }
}

/// Returns the statements that apply writes in their order.
fn compiled<'a>(writes: &'a mut [PendingWrite], absent: &'a [Vec<u8>]) -> Vec<WriteStep> {
    let mut steps = Vec::new();
    let mut run = ChangeRun::new(absent);
    for write in writes {
        match write {
            PendingWrite::Body(body) => run.add_body(body),
            PendingWrite::Operation(operation) => run.add_operation(operation),
            PendingWrite::Prompt(prompt) => run.add_prompt(prompt),
            PendingWrite::Change(Change::VersionCreated(version), at) => {
                run.add_version(version, *at);
            }
            PendingWrite::Change(
                Change::Environment {
                    prompt,
                    name,
                    before,
                    after,
                    ..
                },
                at,
            ) => run.add_move(*prompt, name, *before, *after, *at),
            PendingWrite::Change(..) => {}
            PendingWrite::Steps(others) => {
                let run = std::mem::replace(&mut run, ChangeRun::new(absent));
                steps.append(&mut run.into_steps());
                steps.append(others);
            }
        }
    }
    steps.append(&mut run.into_steps());
    steps
}
