//! The place of bodies at rest: a directory here, an object store elsewhere.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::{Deadline, Result};
use crate::model::id::BlobId;

/// Bodies by content address.
///
/// Which bodies exist is for the index to say; what lies here without a row there is left over from
/// an interrupted collection. A body is put here only while the index's journal still has its bytes,
/// so no method needs to be atomic with the index.
pub trait Blobs: Send + Sync + fmt::Debug {
    /// Puts a body in its place. Whole or not at all to every reader, and harmless if it is there
    /// already. It need not be durable until [`flush`](Self::flush).
    fn put(&self, id: BlobId, bytes: &[u8]) -> Result<()>;

    /// Makes bodies durable that this handle put. After an error none of them may be taken for durable, and
    /// a later success says nothing of them: they must be put again.
    fn flush(&self, ids: &[BlobId]) -> Result<()>;

    /// Offers the copies of a body that lie here, the likeliest first, until one is accepted; says whether one was. The
    /// caller checks its hash. An error where none was accepted, and one could not be read.
    fn get(&self, id: BlobId, accept: &mut dyn FnMut(Vec<u8>) -> bool) -> Result<bool>;

    /// Removes a body that was [`put`](Self::put), if it is there; only while [`hold_all`](Self::hold_all) is held. What
    /// a pack has of it is left to [`compact`](Self::compact).
    fn delete(&self, id: BlobId) -> Result<()>;

    /// Visits every address that a body was [`put`](Self::put) under, in no particular order.
    fn list(&self, visit: &mut dyn FnMut(BlobId) -> Result<()>) -> Result<()>;

    /// Begins a pack.
    fn pack(&self, effort: Effort) -> Result<Box<dyn Pack + '_>>;

    /// When a body that was [`put`](Self::put) was written, as the system's clock said; `None` if it is not there.
    fn written(&self, id: BlobId) -> Result<Option<DateTime<Utc>>>;

    /// When the newest file was written, as the system's clock said; `None` if there is no file.
    fn newest(&self) -> Result<Option<DateTime<Utc>>>;

    /// Removes what is dead in packs; only while [`hold_all`](Self::hold_all) is held. `live` visits, when it is called, every
    /// body that is not dead, each time a version has it or once: those of one kin best one after another. A pack whose
    /// [`finish`](Pack::finish) is still held is left alone, and so is one with a live body that can't be read from it, nor
    /// elsewhere where [all](Extent::All) are compacted: then, too, what is found in packs whose index is damaged is taken over.
    ///
    /// A dead body that was written after `young_since` stays, and keeps its age: it may belong to an index that is restored
    /// later. Ages are exact to the hour, and rounded so that no body goes too early.
    fn compact(
        &self,
        extent: Extent,
        young_since: DateTime<Utc>,
        live: &mut LiveBodies<'_>,
    ) -> crate::Result<Compacted>;

    /// Makes few packs of many; only while [`hold_all`](Self::hold_all) is held.
    fn join_packs(&self) -> Result<()>;

    /// Whether a body lies here, as far as can be told without reading it.
    fn holds(&self, id: BlobId) -> Result<bool>;

    /// Checks packs as a whole, beyond the bodies that are read from them: a line for each thing that is wrong. Else, unless
    /// `all` of their bytes are to be read, their indexes.
    fn check_packs(&self, all: bool) -> Result<Vec<String>>;

    /// What lies here.
    fn usage(&self) -> Result<BlobUsage>;

    /// Removes what interrupted writers left half-made. A failure does not stop it; the first one is returned at the end. Only
    /// while [`hold_all`](Self::hold_all) is held.
    fn sweep(&self) -> Result<()>;

    /// The side of the lock that settling takes: held from the look into the journal until the bodies are here
    /// and, where they are flushed, their journal rows are dropped. Waits for the other side, and, where a put could
    /// replace what another flushed, for all others on this one; fails as [busy](super::ErrorKind::Busy) if that takes
    /// longer than the blob store's own limit, if it has one.
    fn hold(&self) -> Result<Box<dyn Hold + '_>>;

    /// The exclusive side: held from making sure that no row names a body until it is removed. Waits likewise.
    fn hold_all(&self) -> Result<Box<dyn Hold + '_>>;

    /// Ends all waits for locks at this moment at the latest, those of later calls included: the handle is being closed.
    fn close_by(&self, _moment: Deadline) {}
}

/// Bodies that become durable together, kept by what they have in common: a pack in the making. Dropped unfinished, it leaves
/// nothing.
pub trait Pack: fmt::Debug {
    /// Adds a body that was `written` to the store at that time, which may be long ago. No two of one pack have the same address.
    fn add(&mut self, id: BlobId, bytes: &[u8], kin: Kin, written: DateTime<Utc>) -> Result<()>;

    /// Reads a body that was added, as [`Blobs::get`] does once the pack is finished.
    fn get(&mut self, id: BlobId) -> Result<Option<Vec<u8>>>;

    /// Makes all of them durable, then readable. While the answer is held, they count as live although no row names them
    /// yet.
    fn finish(self: Box<Self>) -> Result<Box<dyn Hold>>;
}

/// Whom a body is alike: those of one kin that are added one after another are kept as what they differ in. A hint, that
/// costs room where it is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kin(pub u64);

/// What is spent on a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// Somebody waits for it.
    Quick,
    /// It is made once and kept long.
    Thorough,
}

/// Which packs are compacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Those that are more dead than live.
    Wasteful,
    /// All, by kin and thoroughly.
    All,
}

/// Calls back for every live body.
pub type LiveBodies<'a> =
    dyn FnMut(&mut dyn FnMut(BlobId, Kin) -> crate::Result<()>) -> crate::Result<()> + 'a;

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Compacted {
    /// Dead bodies that were removed.
    pub bodies: u64,
    /// What packs take less than before, in bytes.
    pub bytes: u64,
}

/// What lies in a blob store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BlobUsage {
    /// Bodies that lie by themselves.
    pub loose_bodies: u64,
    /// Bytes of those.
    pub loose_bytes: u64,
    /// Packs.
    pub packs: u64,
    /// Bodies in packs, dead ones too.
    pub packed_bodies: u64,
    /// Bytes of those.
    pub packed_bytes: u64,
    /// Bytes that the packs take.
    pub pack_bytes: u64,
}

/// A lock that is held until it is dropped.
pub trait Hold: fmt::Debug {}
