//! The blob store: the place of bodies at rest.
//!
//! This crate implements it with a directory and in memory. An object store can implement it too.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{LockGuard, StorageResult};
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;

/// Bodies by content address.
///
/// A body is stored in two ways: *loose*, by [`put`](Self::put), or in a pack, by
/// [`pack`](Self::pack). It can be stored in both ways at the same time.
///
/// The index decides which bodies exist. A body that is here without a row in the index was left by
/// an interrupted garbage collection. No method needs to be atomic with the index: a loose body is
/// put only while the journal of the index still contains its bytes, and a pack is finished before
/// the index names its bodies.
///
/// # Errors
///
/// Every method that returns a [`StorageResult`] can fail for the reasons that
/// [`ErrorKind`](super::StorageErrorKind) lists. A failure never damages or removes a body that was
/// readable before, except for what a method was called to remove.
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Stores a loose body.
    ///
    /// Every reader sees the body entirely or not at all. If it is already there, the call has no
    /// effect that a reader sees. The body need not be durable until [`flush`](Self::flush).
    ///
    /// # Errors
    ///
    /// After a failure the body may be missing; it can be put again.
    fn put(&self, id: BlobId, bytes: &[u8]) -> StorageResult<()>;

    /// Makes loose bodies durable that this handle has put.
    ///
    /// # Errors
    ///
    /// After a failure none of the bodies may be assumed to be durable. A later success says
    /// nothing about them either: they must be put again.
    fn flush(&self, ids: &[BlobId]) -> StorageResult<()>;

    /// Returns an intact copy of a body; `None` if there is no copy.
    ///
    /// A body may have several copies. If one is damaged, the others are tried.
    ///
    /// # Errors
    ///
    /// It fails only if no copy is intact. A place that may contain one could not be read, or all
    /// copies have another hash; the latter is an error of the kind
    /// [`Corrupt`](super::StorageErrorKind::Corrupt) that names the body.
    fn get(&self, id: BlobId) -> StorageResult<Option<VerifiedBytes>>;

    /// Removes a loose body, if it is there.
    ///
    /// It may be called only under the [exclusive lock](super::Index::lock_exclusive). A copy in a pack remains;
    /// [`compact`](Self::compact) removes it.
    ///
    /// # Errors
    ///
    /// After a failure the body may still be there; the call can be repeated.
    fn delete(&self, id: BlobId) -> StorageResult<()>;

    /// Visits the address of every loose body, in no particular order.
    ///
    /// # Errors
    ///
    /// An error of the visitor is returned unchanged, and nothing is visited after it.
    fn list(&self, visit: &mut dyn FnMut(BlobId) -> StorageResult<()>) -> StorageResult<()>;

    /// Returns whether the bodies of a large change are written as a pack rather than journaled.
    ///
    /// The provided method returns true. That suits a blob store to which they have to be brought
    /// anyway.
    fn prefers_packs(&self) -> bool {
        true
    }

    /// Begins a pack.
    ///
    /// Nothing is stored until the pack is [finished](Pack::finish).
    fn pack(&self, level: CompressionLevel) -> StorageResult<Box<dyn Pack + '_>>;

    /// Returns when a loose body was written, by the system's clock; `None` if it is not there.
    fn written(&self, id: BlobId) -> StorageResult<Option<DateTime<Utc>>>;

    /// Returns when the newest file was written, by the system's clock; `None` if there is no file.
    fn newest(&self) -> StorageResult<Option<DateTime<Utc>>>;

    /// Rewrites packs without their unreferenced bodies, and returns what that removed.
    ///
    /// It may be called only under the [exclusive lock](super::Index::lock_exclusive). When `live` is called, it
    /// visits every body that is referenced, once or once per version; it should visit the bodies
    /// of one delta group one after another. All other bodies are unreferenced.
    ///
    /// - An unreferenced body that was written after `young_since` remains, and keeps its age: it
    ///   may belong to an index that is restored later. Ages are exact to the hour, and rounded so
    ///   that no body is removed too early.
    /// - A pack whose [`finish`](Pack::finish) returned a lock that is still held is not changed.
    /// - A pack remains if it contains a referenced body that cannot be read from it, and, with
    ///   [`CompactionScope::All`], from no other place either. With [`CompactionScope::All`], bodies
    ///   that are found in packs with a damaged index are rewritten too.
    ///
    /// # Errors
    ///
    /// An error of `live` is returned unchanged. After a failure every referenced body can be read
    /// as before; some unreferenced bodies may have been removed.
    fn compact(
        &self,
        scope: CompactionScope,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> StorageResult<CompactionSummary>;

    /// Joins many small packs into few.
    ///
    /// It may be called only under the [exclusive lock](super::Index::lock_exclusive).
    ///
    /// # Errors
    ///
    /// After a failure every body can be read as before; some packs may have been joined.
    fn join_packs(&self) -> StorageResult<()>;

    /// Returns whether a body is stored here, as judged without reading its bytes.
    fn holds(&self, id: BlobId) -> StorageResult<bool>;

    /// Checks packs beyond the bodies that are read from them.
    ///
    /// Returns one line for each problem. If `all` is set, all bytes of the packs are read;
    /// otherwise only their indexes are.
    fn check_packs(&self, all: bool) -> StorageResult<Vec<String>>;

    /// Counts and measures what is stored here.
    fn usage(&self) -> StorageResult<BlobUsage>;

    /// Removes the incomplete files of interrupted writers, and no body.
    ///
    /// A blob store that only marks what is deleted removes what was marked until `deleted_before`.
    /// A copy of its table of contents that is younger than that can then still be restored.
    ///
    /// It may be called only under the [exclusive lock](super::Index::lock_exclusive).
    ///
    /// # Errors
    ///
    /// A failure does not stop it. The first one is returned at the end.
    fn sweep(&self, deleted_before: DateTime<Utc>) -> StorageResult<()>;

    /// Returns the maximum number of bodies that a checkpoint stores loose, and not in a pack.
    ///
    /// A loose body is a file that a person can read. It is 0 if each file costs a request: then
    /// committed bodies are not stored before a checkpoint, and new packs are joined after it.
    fn max_loose(&self) -> u64 {
        1024
    }

    /// Checks whether bodies may be moved and removed here, before anything is changed.
    ///
    /// The provided method suits a blob store without folders: it checks nothing.
    ///
    /// # Errors
    ///
    /// [`Replaced`](super::StorageErrorKind::Replaced) or an I/O error if a folder of the blob store
    /// is not its own, for example because it was replaced by a link.
    fn check_removable(&self) -> StorageResult<()> {
        Ok(())
    }
}

/// A pack that is being written: bodies that become durable together.
///
/// Bodies of one delta group are compressed against each other. A pack that is dropped unfinished
/// leaves nothing.
pub trait Pack: fmt::Debug {
    /// Adds a body. No two bodies of one pack have the same address.
    ///
    /// `written` is the time at which the body was written to the store, which may be long ago.
    /// `group` is the body's delta group.
    ///
    /// # Errors
    ///
    /// After a failure the pack cannot be finished: the caller can only drop it.
    fn add(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        group: DeltaGroup,
        written: DateTime<Utc>,
    ) -> StorageResult<()>;

    /// Returns a body that was added, as [`Blobs::get`] does once the pack is finished.
    ///
    /// Returns `None` if no body with this address was added intact.
    fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>>;

    /// Makes all bodies durable, and then readable.
    ///
    /// While the returned lock is held, [`Blobs::compact`] treats the bodies as referenced,
    /// although no row may name them yet.
    ///
    /// # Errors
    ///
    /// After a failure none of the bodies may be assumed to be stored.
    fn finish(self: Box<Self>) -> StorageResult<Box<dyn LockGuard>>;
}

/// The delta group of a body: bodies of one group are similar.
///
/// Bodies of one group that are added one after another are stored as their differences. A wrong
/// hint only costs space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeltaGroup(pub u64);

/// The compression level of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompressionLevel {
    /// Fast, because a caller waits for the pack.
    Fast,
    /// Small, because the pack is written once and kept for a long time.
    Best,
}

/// The packs that a compaction rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompactionScope {
    /// Those with more unreferenced data than referenced data.
    Wasteful,
    /// All, ordered by delta group and with the best compression.
    All,
}

/// A function that calls its argument for every referenced body.
pub type LiveBodies<'a> =
    dyn FnMut(&mut dyn FnMut(BlobId, DeltaGroup) -> StorageResult<()>) -> StorageResult<()> + 'a;

/// The result of a compaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionSummary {
    /// The number of unreferenced bodies that were removed.
    pub bodies: u64,
    /// The bytes by which the packs have become smaller in total.
    pub bytes: u64,
}

/// The contents of a blob store, counted and measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlobUsage {
    /// The number of loose bodies.
    pub loose_bodies: u64,
    /// The total size of the loose bodies in bytes.
    pub loose_bytes: u64,
    /// The number of packs.
    pub packs: u64,
    /// The number of bodies in packs, unreferenced ones included.
    pub packed_bodies: u64,
    /// The total size of the bodies in packs in bytes, uncompressed.
    pub packed_bytes: u64,
    /// The total size of the pack files in bytes.
    pub pack_bytes: u64,
    /// The failures to store bodies since the last success, by any process; none if the last
    /// attempt succeeded. Only an object store records them. Meanwhile bodies wait in the journal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<BlobFailure>,
}

/// The failures of a blob store since it last stored a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlobFailure {
    /// The time of the first of these failures.
    pub since: DateTime<Utc>,
    /// The time of the last one.
    pub at: DateTime<Utc>,
    /// The message of the last one.
    pub message: String,
}
