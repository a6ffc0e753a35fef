//! Indexing of operations for search, in the background.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::current::searchable;
use super::tail::{BatchSize, UnindexedTail, each_content};
use super::words::words_of;
use crate::engine::read::bodies::BodyReader;
use crate::model::error::Result;
use crate::model::id::PromptId;
use crate::model::record::{Change, Durability};
use crate::storage::{Index, Indexable, Snapshot, read_changed_prompts};

/// The number of unindexed operations, and the bytes of the bodies that they committed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct TailSize {
    pub(crate) operations: u64,
    pub(crate) bytes: u64,
}

/// The size from which a tail is long, by its operations or by its bytes.
///
/// A long tail is indexed, because each search reads the prompts in it and splits their texts into
/// words.
pub(crate) const LONG_TAIL: TailSize = TailSize {
    operations: 64,
    bytes: 256 * 1024,
};

impl TailSize {
    /// Checks whether the tail is at least `factor` times as long as a long tail.
    pub(crate) fn is_long(self, factor: u64) -> bool {
        self.operations >= LONG_TAIL.operations * factor || self.bytes >= LONG_TAIL.bytes * factor
    }
}

/// The size at which a batch, which is indexed by one transaction, ends.
///
/// Larger batches cost less in total, because FTS5 writes a segment for each transaction and merges
/// the segments later. They also block other writers for longer: these for some tens of
/// milliseconds. The texts of operations bound the messages, and the changes of few prompts.
const BATCH: BatchSize = BatchSize {
    prompts: 256,
    bytes: 1024 * 1024,
};

/// The number of operations that are indexed beside commits; a batch of fewer costs too much.
pub(crate) const FULL_BATCH_OPERATIONS: u64 = 256;

/// The size of the operations after a batch in which prompts are looked for that are touched again,
/// in bytes of their texts. About 500 commits are as large, or 30 imported prompts of 20 versions.
const LOOKAHEAD_BYTES: usize = 256 * 1024;

/// Returns the number of unindexed operations.
pub(crate) fn tail_length(snapshot: &dyn Snapshot) -> Result<u64> {
    let last = snapshot.last_operation()?.map_or(0, |(number, _)| number);
    Ok(last.saturating_sub(snapshot.indexed_through()?))
}

/// Returns whether the tail is long, so that it should be indexed.
pub(crate) fn tail_is_long(snapshot: &dyn Snapshot) -> Result<bool> {
    let length = tail_length(snapshot)?;
    if length == 0 || length >= LONG_TAIL.operations {
        return Ok(length > 0);
    }
    let mut bytes: u64 = 0;
    each_content(snapshot, snapshot.indexed_through()?, |_, content| {
        for change in content.changes {
            if let Change::VersionCreated(version) = change {
                bytes = bytes.saturating_add(version.size);
            }
        }
        if bytes >= LONG_TAIL.bytes {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    })?;
    Ok(bytes >= LONG_TAIL.bytes)
}

/// Indexes all unindexed operations in batches, while `go_on` returns true for their number.
///
/// Returns the number of those that are left. Each batch is committed entirely or not at all.
///
/// A failure does no harm, because a search reads unindexed operations directly. For the same
/// reason the commits need not be durable.
pub(crate) fn catch_up(
    index: &dyn Index,
    bodies: &BodyReader,
    mut go_on: impl FnMut(u64) -> bool,
) -> Result<u64> {
    loop {
        let left = tail_length(&*index.snapshot()?)?;
        if left == 0 || !go_on(left) {
            return Ok(left);
        }
        // Texts are read and split into words before the transaction blocks other writers. Changes
        // made in the meantime stay in the tail.
        let snapshot = index.snapshot()?;
        let indexed_through = snapshot.indexed_through()?;
        let batch = next_batch(&*snapshot, &bodies.apart())?;
        drop(snapshot);
        let mut transaction = index.transaction(Durability::Relaxed)?;
        // Another process may have indexed these operations in the meantime.
        if transaction.snapshot().indexed_through()? == indexed_through {
            transaction.index_documents(&batch)?;
            transaction.commit()?;
        }
    }
}

/// Reads the next unindexed operations, and the texts of the prompts that they touched.
fn next_batch(snapshot: &dyn Snapshot, bodies: &BodyReader) -> Result<Indexable> {
    // A prompt that a later operation touches is indexed with that operation. Until then it belongs
    // to the tail. One that is touched after those looked at is indexed twice, which does no harm.
    let mut again: HashSet<PromptId> = HashSet::new();
    let mut bytes = 0;
    let tail = UnindexedTail::before(snapshot, BATCH, |number, text| {
        again.extend(read_changed_prompts(number, text)?);
        bytes += text.len();
        if bytes >= LOOKAHEAD_BYTES {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut prompts = Vec::with_capacity(tail.prompts.len());
    for id in tail.prompts {
        if !again.contains(&id) {
            prompts.push(searchable(snapshot, bodies, id)?);
        }
    }
    let messages = tail.created.into_iter();
    Ok(Indexable {
        up_to: tail.up_to,
        prompts,
        messages: messages.map(|(id, text)| (id, words_of(&text))).collect(),
    })
}
