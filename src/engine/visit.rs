//! Visits of a snapshot by visitors that can fail.
//!
//! An index knows only that a visitor wants to stop. The visitor's error is kept here meanwhile, and
//! returned when the visit has ended.

use std::ops::ControlFlow;

use crate::Result;
use crate::model::id::{BlobId, OperationId};
use crate::storage::{
    IndexedItem, OperationVisitor, PromptTable, SearchMatch, SearchQuery, Snapshot, StorageError,
    StorageErrorKind, StorageResult, StoredBlob,
};

/// A function that takes the answers of a visitor, and says whether to continue.
type Keep<'a, E> = dyn FnMut(Result<ControlFlow<()>, E>) -> ControlFlow<()> + 'a;

/// Runs a visit whose visitor passes its answers to the given function.
///
/// Fails with the visitor's error, or with that of the visit.
pub(crate) fn fallible<E: From<StorageError>>(
    visit: impl FnOnce(&mut Keep<'_, E>) -> StorageResult<()>,
) -> Result<(), E> {
    let mut failed = None;
    visit(&mut |answer| {
        answer.unwrap_or_else(|error| {
            failed = Some(error);
            ControlFlow::Break(())
        })
    })?;
    failed.map_or(Ok(()), Err)
}

/// Runs a visit whose visitor can stop only by a storage error, such as one of the blob store.
///
/// The visitor passes each of its answers to the given function. Fails with the first answer that is
/// an error, or with the error of the visit.
pub(crate) fn stoppable<T>(
    visit: impl FnOnce(&mut dyn FnMut(Result<()>) -> StorageResult<()>) -> StorageResult<T>,
) -> Result<T> {
    let mut failed = None;
    let visited = visit(&mut |answer| {
        answer.map_err(|error| {
            failed.get_or_insert(error);
            StorageError::new(StorageErrorKind::Other, "the visitor has stopped")
        })
    });
    match failed {
        Some(error) => Err(error),
        None => Ok(visited?),
    }
}

/// Visits all prompts; see [`each_prompt`](crate::storage::PromptReads::each_prompt).
pub(crate) fn prompts(
    snapshot: &dyn Snapshot,
    mut visit: impl FnMut(PromptTable) -> Result<()>,
) -> Result<()> {
    fallible(|keep| {
        snapshot.each_prompt(&mut |table| keep(visit(table).map(ControlFlow::Continue)))
    })
}

/// Visits all bodies; see [`each_blob`](crate::storage::BodyReads::each_blob).
pub(crate) fn blobs(
    snapshot: &dyn Snapshot,
    mut visit: impl FnMut(BlobId, StoredBlob, u64) -> Result<()>,
) -> Result<()> {
    fallible(|keep| {
        snapshot.each_blob(&mut |id, stored, live| {
            keep(visit(id, stored, live).map(ControlFlow::Continue))
        })
    })
}

/// Visits operations; see [`each_operation`](crate::storage::LogReads::each_operation).
pub(crate) fn operations(
    snapshot: &dyn Snapshot,
    after: u64,
    mut visit: impl FnMut(u64, OperationId, &str) -> Result<ControlFlow<()>>,
) -> Result<()> {
    fallible(|keep| {
        snapshot.each_operation(after, &mut |number, id, text| keep(visit(number, id, text)))
    })
}

/// Returns the first answer that a look at the operations of a visit gives.
pub(crate) fn first<T>(
    look: impl Fn(u64, &str) -> StorageResult<Option<T>>,
    visit: impl FnOnce(&mut OperationVisitor<'_>) -> StorageResult<()>,
) -> StorageResult<Option<T>> {
    let mut first = None;
    fallible::<StorageError>(|keep| {
        visit(&mut |number, _, text| {
            keep(look(number, text).map(|answer| {
                first = answer;
                match first {
                    Some(_) => ControlFlow::Break(()),
                    None => ControlFlow::Continue(()),
                }
            }))
        })
    })?;
    Ok(first)
}

/// Visits what is indexed for search; see [`each_searchable`](crate::storage::SearchReads::each_searchable).
pub(crate) fn searchable(
    snapshot: &dyn Snapshot,
    mut visit: impl FnMut(IndexedItem) -> Result<()>,
) -> Result<()> {
    fallible(|keep| {
        snapshot.each_searchable(&mut |item| keep(visit(item).map(ControlFlow::Continue)))
    })
}

/// Visits the matches of a query; see [`search`](crate::storage::SearchReads::search).
pub(crate) fn matches(
    snapshot: &dyn Snapshot,
    query: &SearchQuery,
    mut visit: impl FnMut(SearchMatch) -> Result<ControlFlow<()>>,
) -> Result<()> {
    fallible(|keep| snapshot.search(query, &mut |one| keep(visit(one))))
}
