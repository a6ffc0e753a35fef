//! The index's search told of what changed, off the callers' path.

use std::ops::ControlFlow;

use super::current::searchable;
use super::tail::{Tail, each_content};
use super::words::words_of;
use crate::engine::read::bodies::Bodies;
use crate::model::error::Result;
use crate::model::record::{Change, Durability};
use crate::storage::{Index, Searchable, Snapshot};

/// With so many operations, or so many bytes of bodies committed in them, a tail is long, and the index is told: each
/// search reads the prompts that they touched, and splits their texts into words.
pub(crate) const LONG_TAIL: (u64, u64) = (64, 256 * 1024);

/// Changes of one transaction: others who write wait meanwhile.
const BATCH: usize = 64;

/// How many operations search was not told of.
pub(crate) fn tail_length(snapshot: &dyn Snapshot) -> Result<u64> {
    let last = snapshot.last_operation()?.map_or(0, |(number, _)| number);
    Ok(last.saturating_sub(snapshot.searchable_up_to()?))
}

/// Whether search was not told of much.
pub(crate) fn tail_is_long(snapshot: &dyn Snapshot) -> Result<bool> {
    let length = tail_length(snapshot)?;
    if length == 0 || length >= LONG_TAIL.0 {
        return Ok(length > 0);
    }
    let mut bytes: u64 = 0;
    each_content(snapshot, snapshot.searchable_up_to()?, |_, content| {
        for change in content.changes {
            if let Change::VersionCreated(version) = change {
                bytes = bytes.saturating_add(version.size);
            }
        }
        match bytes < LONG_TAIL.1 {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    Ok(bytes >= LONG_TAIL.1)
}

/// Tells search of all operations, batch after batch, each whole or not at all, as long as `go_on` says so. Whether it told
/// of all.
///
/// Failing harms nothing: search looks into what is left itself. So it need not be durable either.
pub(crate) fn catch_up(
    index: &dyn Index,
    bodies: &Bodies,
    mut go_on: impl FnMut() -> bool,
) -> Result<bool> {
    while tail_length(&**index.snapshot()?)? > 0 {
        if !go_on() {
            return Ok(false);
        }
        // Texts are read and split before others who write have to wait. What changes meanwhile stays in the tail.
        let snapshot = index.snapshot()?;
        let told = snapshot.searchable_up_to()?;
        let news = news(&**snapshot, &bodies.apart())?;
        drop(snapshot);
        let mut transaction = index.transaction(Durability::Relaxed)?;
        // Another process may have been faster.
        if transaction.searchable_up_to()? == told {
            transaction.make_searchable(&news)?;
            transaction.commit()?;
        }
    }
    Ok(true)
}

fn news(snapshot: &dyn Snapshot, bodies: &Bodies) -> Result<Searchable> {
    let tail = Tail::at_most(snapshot, BATCH)?;
    let mut prompts = Vec::with_capacity(tail.prompts.len());
    for id in tail.prompts {
        // One that is touched again later is told then: until that is done it belongs to the tail.
        let last = snapshot.last_operation_of(id)?;
        if last.is_none_or(|last| last <= tail.up_to) {
            prompts.push(searchable(snapshot, bodies, id)?);
        }
    }
    let messages = tail.created.into_iter();
    Ok(Searchable {
        up_to: tail.up_to,
        prompts,
        messages: messages.map(|(id, text)| (id, words_of(&text))).collect(),
    })
}
