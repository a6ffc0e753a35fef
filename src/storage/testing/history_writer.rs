//! A writer of test histories: one operation after another.

use chrono::{DateTime, Utc};

use super::values::{
    body, environment, environment_change, moment, prompt_change, prompt_id, state, version,
    version_created, version_deleted, version_id,
};
use crate::model::id::{BlobId, OperationId, PromptId};
use crate::model::operation_text;
use crate::model::record::{
    Change, Durability, Operation, OperationContent, OperationKind, PromptState, RecordedInputs,
    Version,
};
use crate::storage::{Index, StorageResult, Transaction};

/// Writes a history into an index.
///
/// Each call writes one operation in its own transaction, a second after the previous one. Prompts
/// and versions are named by number; see [`values`](super::values).
#[derive(Debug)]
pub struct HistoryWriter<'a> {
    index: &'a dyn Index,
    seconds: u32,
}

impl<'a> HistoryWriter<'a> {
    /// Creates a scribe whose first operation is at second 1.
    #[must_use]
    pub fn new(index: &'a dyn Index) -> Self {
        Self { index, seconds: 0 }
    }

    /// Returns the time of the last operation.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        moment(self.seconds)
    }

    /// Creates a prompt without a version.
    pub fn create(&mut self, prompt: u32, name: &str, tags: &[&str]) {
        self.write(vec![prompt_change(
            prompt_id(prompt),
            None,
            Some(state(name, tags)),
        )]);
    }

    /// Changes the name and the tags of a prompt.
    pub fn change(&mut self, prompt: u32, name: &str, tags: &[&str]) {
        let before = self.state_of(prompt);
        self.write(vec![prompt_change(
            prompt_id(prompt),
            Some(before),
            Some(state(name, tags)),
        )]);
    }

    /// Deletes a prompt, after its environments.
    pub fn delete_prompt(&mut self, prompt: u32) {
        let id = prompt_id(prompt);
        let before = self.state_of(prompt);
        let pointers = self.index.snapshot().unwrap().environments(id).unwrap();
        let mut changes: Vec<Change> = pointers
            .into_iter()
            .map(|to| environment_change(id, to.name.as_str(), Some(to.version_id), None))
            .collect();
        changes.push(prompt_change(id, Some(before), None));
        self.write(changes);
    }

    /// Commits a version with its own [`body`].
    pub fn commit(&mut self, prompt: u32, number: u32, numbered: &str) -> Version {
        self.commit_body(prompt, number, numbered, &body(number))
    }

    /// Commits a version with this body.
    pub fn commit_body(
        &mut self,
        prompt: u32,
        number: u32,
        numbered: &str,
        body: &[u8],
    ) -> Version {
        let mut version = version(prompt_id(prompt), number, numbered, body);
        let snapshot = self.index.snapshot().unwrap();
        let base = snapshot.highest_version(version.prompt_id, None).unwrap();
        drop(snapshot);
        version.base = base.map(|base| base.id);
        self.seconds += 1;
        version.created_at = self.now();
        let mut transaction = self.index.transaction(Durability::Full).unwrap();
        transaction.put_body(version.blob, body).unwrap();
        let changes = vec![version_created(version.clone())];
        append(&mut *transaction, version.created_at, changes).unwrap();
        transaction.commit().unwrap();
        version
    }

    /// Deletes a version.
    pub fn delete_version(&mut self, prompt: u32, number: u32) {
        self.write(vec![version_deleted(prompt_id(prompt), version_id(number))]);
    }

    /// Points an environment to a version, or removes it.
    pub fn point(&mut self, prompt: u32, name: &str, to: Option<u32>) {
        let id = prompt_id(prompt);
        let snapshot = self.index.snapshot().unwrap();
        let before = snapshot.version_in(id, &environment(name)).unwrap();
        drop(snapshot);
        let before = before.map(|version| version.id);
        self.write(vec![environment_change(
            id,
            name,
            before,
            to.map(version_id),
        )]);
    }

    /// Records inputs, which is not an operation.
    pub fn record_inputs(&mut self, inputs: &RecordedInputs) {
        let mut transaction = self.index.transaction(Durability::Full).unwrap();
        transaction.put_inputs(inputs).unwrap();
        transaction.commit().unwrap();
    }

    /// Removes journal rows.
    pub fn drop_journal(&mut self, ids: &[BlobId]) {
        let mut transaction = self.index.transaction(Durability::Relaxed).unwrap();
        transaction.drop_journal(ids).unwrap();
        transaction.commit().unwrap();
    }

    /// Marks bodies as not stored.
    pub fn forget(&mut self, ids: &[BlobId]) {
        let mut transaction = self.index.transaction(Durability::Full).unwrap();
        transaction.forget_blobs(ids).unwrap();
        transaction.commit().unwrap();
    }

    /// Writes an operation with these changes.
    pub fn write(&mut self, changes: Vec<Change>) -> Operation {
        self.try_write(changes).unwrap()
    }

    /// Writes an operation with these changes, and returns the index's error if it fails.
    pub fn try_write(&mut self, changes: Vec<Change>) -> StorageResult<Operation> {
        self.seconds += 1;
        let mut transaction = self.index.transaction(Durability::Full)?;
        let operation = append(&mut *transaction, self.now(), changes)?;
        transaction.commit()?;
        Ok(operation)
    }

    fn state_of(&self, prompt: u32) -> PromptState {
        let found = self.index.snapshot().unwrap().prompt(prompt_id(prompt));
        let found = found.unwrap().expect("a live prompt");
        PromptState {
            name: found.name,
            tags: found.tags,
        }
    }
}

/// Appends the next operation, with these changes.
pub(super) fn append(
    transaction: &mut dyn Transaction,
    at: DateTime<Utc>,
    changes: Vec<Change>,
) -> StorageResult<Operation> {
    let (number, id) = transaction.last_operation()?;
    let read = transaction.snapshot().last_operation()?;
    assert_eq!(read.unwrap_or((0, OperationId::ROOT)), (number, id));
    let (operation, text) = operation(number + 1, id, at, changes);
    transaction.append(&operation, &text, at, &[])?;
    // The index may delay the writes until it is read.
    transaction.snapshot().last_operation()?;
    Ok(operation)
}

/// Returns an operation after the one with id `last`, and its content as it is hashed.
pub(super) fn operation(
    number: u64,
    last: OperationId,
    at: DateTime<Utc>,
    changes: Vec<Change>,
) -> (Operation, String) {
    let content = OperationContent {
        at,
        author: "scribe".into(),
        kind: kind_of(&changes),
        undoes: Vec::new(),
        group: None,
        changes,
    };
    let text = operation_text::write(&content).unwrap();
    let id = last.followed_by(text.as_bytes());
    (
        Operation {
            number,
            id,
            content,
        },
        text,
    )
}

fn kind_of(changes: &[Change]) -> OperationKind {
    match changes.last() {
        Some(Change::Prompt { before: None, .. }) => OperationKind::Create,
        Some(Change::Prompt { after: None, .. }) => OperationKind::DeletePrompt,
        Some(Change::Prompt { .. }) => OperationKind::Rename,
        Some(Change::VersionCreated(_)) => OperationKind::Commit,
        Some(Change::VersionDeleted { .. }) => OperationKind::DeleteVersion,
        Some(Change::VersionRestored { .. }) => OperationKind::Undo,
        Some(Change::EnvironmentList { .. }) => OperationKind::EnvironmentList,
        Some(Change::Environment { .. }) | None => OperationKind::Move,
    }
}

/// Returns the ids of the prompts with these numbers.
pub(super) fn prompt_ids(numbers: &[u32]) -> Vec<PromptId> {
    numbers.iter().copied().map(prompt_id).collect()
}
