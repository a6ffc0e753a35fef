//! Write transactions of the memory index.
//!
//! Each changes its own copy of the state, which replaces the current state on commit.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

use chrono::{DateTime, Utc};

use super::bodies::BlobRow;
use super::committed::CommittedState;
use super::state::MemoryState;
use crate::model::id::{BlobId, OperationId, PromptId, VersionId};
use crate::model::record::{Change, Operation, RecordedInputs};
use crate::storage::{
    AppendedBody, AppendedPlace, Indexable, Snapshot, StorageError, StorageErrorKind,
    StorageResult, StoredBlob, Transaction,
};

pub(super) struct MemoryTransaction<'a> {
    state: MemoryState,
    /// Bodies that versions may use although they are not stored.
    absent: BTreeMap<BlobId, BlobRow>,
    savepoint: Option<(MemoryState, BTreeMap<BlobId, BlobRow>)>,
    committed: &'a CommittedState,
    _turn: MutexGuard<'a, ()>,
}

impl<'a> MemoryTransaction<'a> {
    pub(super) fn new(committed: &'a CommittedState, turn: MutexGuard<'a, ()>) -> Self {
        Self {
            state: committed.get().clone(),
            absent: BTreeMap::new(),
            savepoint: None,
            committed,
            _turn: turn,
        }
    }

    fn apply(
        &mut self,
        change: &Change,
        at: DateTime<Utc>,
        release: (DateTime<Utc>, u64),
    ) -> StorageResult<(), String> {
        let released: Vec<BlobId> = match change {
            Change::Prompt {
                id, after: None, ..
            } => {
                let rows = self.state.tables.rows(*id);
                let live = rows.iter().flat_map(|rows| rows.live());
                live.map(|version| version.blob).collect()
            }
            Change::VersionDeleted { prompt, id } => {
                self.blob_of(*prompt, *id).into_iter().collect()
            }
            _ => Vec::new(),
        };
        if let Change::EnvironmentList { before, after } = change {
            if self.state.environment_list != *before {
                return Err("the environment list is another one before the operation".into());
            }
            self.state.environment_list.clone_from(after);
        }
        self.state.tables.apply(at, change)?;
        let held = match change {
            Change::VersionCreated(version) => Some(version.blob),
            Change::VersionRestored { prompt, id } => self.blob_of(*prompt, *id),
            _ => None,
        };
        if let Some(blob) = held
            && !self.state.blobs.hold(blob)
        {
            self.absent_body(blob)?.hold();
        }
        for blob in released {
            if !self.state.blobs.release(blob, release) {
                self.absent_body(blob)?.release(release);
            }
        }
        Ok(())
    }

    /// Records a body as stored, and returns whether it is newly stored.
    fn store_body(&mut self, id: BlobId, stored: impl FnOnce() -> StoredBlob) -> bool {
        let is_new = self.state.blobs.get(id).is_none();
        if is_new {
            let absent = self.absent.remove(&id);
            let blob = BlobRow {
                position: self.state.blobs.next_position(),
                stored: Arc::new(stored()),
                live: absent.as_ref().map_or(0, |absent| absent.live),
                unused: absent.and_then(|absent| absent.unused),
            };
            self.state.blobs.put(id, blob);
        }
        is_new
    }

    fn blob_of(&self, prompt: PromptId, version: VersionId) -> Option<BlobId> {
        let row = self.state.tables.rows(prompt)?.version(version);
        row.map(|row| row.version.blob)
    }

    /// Returns the row of a body that versions may use although it is not stored.
    fn absent_body(&mut self, id: BlobId) -> StorageResult<&mut BlobRow, String> {
        let absent = self.absent.get_mut(&id);
        absent.ok_or_else(|| format!("body {id} is not stored"))
    }
}

impl Transaction for MemoryTransaction<'_> {
    fn snapshot(&self) -> &dyn Snapshot {
        &self.state
    }

    fn last_operation(&self) -> StorageResult<(u64, OperationId)> {
        let last = self.state.operations.last();
        Ok(last.map_or((0, OperationId::ROOT), |last| (last.number, last.id)))
    }

    fn append(
        &mut self,
        operation: &Operation,
        text: &str,
        now: DateTime<Utc>,
        bodies: &[AppendedBody<'_>],
    ) -> StorageResult<Vec<BlobId>> {
        let corrupt = |reason: String| {
            let number = operation.number;
            StorageError::new(
                StorageErrorKind::Corrupt,
                format!("applying operation {number}"),
            )
            .because(reason)
        };
        let (last, _) = self.last_operation()?;
        if operation.number != last + 1 {
            return Err(corrupt(format!("the previous operation has number {last}")));
        }
        let mut stored = Vec::new();
        for body in bodies {
            let is_new = match body.place {
                AppendedPlace::Journal(bytes) => {
                    self.store_body(body.id, || StoredBlob::Journaled(bytes.to_vec()))
                }
                AppendedPlace::Pack(size) => self.store_body(body.id, || StoredBlob::Settled(size)),
            };
            stored.extend(is_new.then_some(body.id));
        }
        for change in &operation.content.changes {
            let applied = self.apply(change, operation.content.at, (now, operation.number));
            applied.map_err(corrupt)?;
        }
        self.state.operations.push(operation.clone(), text.into());
        Ok(stored)
    }

    fn put_body(&mut self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        self.store_body(id, || StoredBlob::Journaled(bytes.to_vec()));
        Ok(())
    }

    fn journal_body(&mut self, id: BlobId, bytes: &[u8]) -> StorageResult<()> {
        let Some(mut blob) = self.state.blobs.get(id).cloned() else {
            let reason = format!("journaling body {id}, which is not recorded as stored");
            return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
        };
        blob.stored = Arc::new(StoredBlob::Journaled(bytes.to_vec()));
        self.state.blobs.put(id, blob);
        Ok(())
    }

    fn put_packed_body(&mut self, id: BlobId, size: u64) -> StorageResult<bool> {
        Ok(self.store_body(id, || StoredBlob::Settled(size)))
    }

    fn put_absent_body(&mut self, id: BlobId, size: u64) -> StorageResult<()> {
        if self.state.blobs.get(id).is_none() {
            self.absent.entry(id).or_insert(BlobRow {
                position: 0,
                stored: Arc::new(StoredBlob::Settled(size)),
                live: 0,
                unused: None,
            });
        }
        Ok(())
    }

    fn drop_journal(&mut self, ids: &[BlobId]) -> StorageResult<()> {
        for id in ids {
            if let Some(mut blob) = self.state.blobs.get(*id).cloned()
                && let StoredBlob::Journaled(bytes) = &*blob.stored
            {
                blob.stored = Arc::new(StoredBlob::Settled(bytes.len() as u64));
                self.state.blobs.put(*id, blob);
            }
        }
        Ok(())
    }

    fn forget_blobs(&mut self, ids: &[BlobId]) -> StorageResult<()> {
        for id in ids {
            if self.state.blobs.get(*id).is_some_and(|blob| blob.live > 0) {
                let reason = format!("forgetting body {id}, which live versions use");
                return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
            }
            self.state.blobs.remove(*id);
        }
        Ok(())
    }

    fn put_inputs(&mut self, inputs: &RecordedInputs) -> StorageResult<()> {
        let key = (inputs.version_id, inputs.request_id.clone());
        self.state.inputs.insert_mut(key, inputs.clone());
        Ok(())
    }

    fn drop_inputs(&mut self, version: VersionId, limit: usize) -> StorageResult<u64> {
        let from = self.state.inputs.range((version, String::new())..);
        let of_version = from
            .map(|(key, _)| key)
            .take_while(|(of, _)| *of == version);
        let dropped: Vec<_> = of_version.take(limit).cloned().collect();
        for key in &dropped {
            self.state.inputs.remove_mut(key);
        }
        Ok(dropped.len() as u64)
    }

    fn index_documents(&mut self, news: &Indexable) -> StorageResult<()> {
        self.state.search.tell(news);
        Ok(())
    }

    fn savepoint(&mut self) -> StorageResult<()> {
        self.savepoint = Some((self.state.clone(), self.absent.clone()));
        Ok(())
    }

    fn roll_back(&mut self) -> StorageResult<()> {
        let Some((state, absent)) = self.savepoint.clone() else {
            let reason = "rolling back: there is no savepoint";
            return Err(StorageError::new(StorageErrorKind::Other, reason));
        };
        (self.state, self.absent) = (state, absent);
        Ok(())
    }

    fn commit(self: Box<Self>) -> StorageResult<()> {
        if let Some((id, _)) = self.absent.iter().find(|(_, blob)| blob.live > 0) {
            let reason = format!("live versions use body {id}, which is not stored");
            return Err(StorageError::new(StorageErrorKind::Corrupt, reason));
        }
        self.committed.replace(self.state);
        Ok(())
    }
}
