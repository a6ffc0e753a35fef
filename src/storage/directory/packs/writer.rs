//! The writer of new packs: a thread compresses and writes while the caller continues.

use std::collections::HashSet;
use std::fs::File;
use std::mem;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;

use chrono::{DateTime, Utc};

use super::builder::{PackBuilder, Published};
use super::format::PackHour;
use super::pack as packs;
use super::pack_name::remove_pack;
use super::pending::PendingRecord;
use crate::fs::folder::Root;
use crate::fs::identity::DirectoryIdentity;
use crate::fs::io_error::path_error;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage::directory::copy_search::CopySearch;
use crate::storage::{
    CompressionLevel, DeltaGroup, LockGuard, Pack, StorageError, StorageErrorKind, StorageResult,
};

/// Bodies that are being written to packs: to one, or to more if there are many.
#[derive(Debug)]
pub(super) struct PackWriter {
    root: Root,
    anchor: DirectoryIdentity,
    /// Bodies that wait to be handed over, so that those of one delta group come together.
    pending: Vec<PendingRecord>,
    pending_bytes: usize,
    /// The delta groups of the waiting bodies. `in_order` is whether the bodies of each group have
    /// come one after another so far.
    groups: HashSet<DeltaGroup>,
    in_order: bool,
    work: Option<SyncSender<WriterTask>>,
    worker: Option<JoinHandle<StorageResult<Vec<Published>>>>,
}

#[derive(Debug)]
enum WriterTask {
    Add(Vec<PendingRecord>),
    Get(BlobId, Sender<StorageResult<Option<VerifiedBytes>>>),
    Finish,
}

/// Maximum number of bytes that wait. The thread has as many again, and so has the channel to it.
const MAX_PENDING: usize = 4 * 1024 * 1024;
/// The maximum if bodies come in order. Then waiting only serves to hand over many at a time, and
/// the caller waits for what is left at the end.
const MAX_PENDING_IN_ORDER: usize = 256 * 1024;

impl PackWriter {
    pub(super) fn begin(
        root: Root,
        level: CompressionLevel,
        anchor: DirectoryIdentity,
    ) -> StorageResult<Self> {
        let (work, orders) = sync_channel(1);
        let place = root.clone();
        let worker = std::thread::Builder::new()
            .name("promptbook-packer".into())
            .spawn(move || write_all(&orders, &place, level))
            .map_err(|error| StorageError::io("starting a thread that writes a pack", error))?;
        Ok(Self {
            root,
            anchor,
            pending: Vec::new(),
            pending_bytes: 0,
            groups: HashSet::new(),
            in_order: true,
            work: Some(work),
            worker: Some(worker),
        })
    }

    fn hand_over(&mut self) -> StorageResult<()> {
        self.pending_bytes = 0;
        self.groups.clear();
        self.in_order = true;
        let bodies = std::mem::take(&mut self.pending);
        self.tell(WriterTask::Add(bodies))
    }

    /// Hands work over. If the thread has ended, returns its error.
    fn tell(&mut self, work: WriterTask) -> StorageResult<()> {
        let told = self.work.as_ref().map(|to| to.send(work));
        match told {
            Some(Ok(())) => Ok(()),
            _ => Err(self.end().err().unwrap_or_else(gone)),
        }
    }

    fn end(&mut self) -> StorageResult<Vec<Published>> {
        self.work = None;
        let worker = self.worker.take().ok_or_else(gone)?;
        worker.join().map_err(|_| gone())?
    }
}

impl Pack for PackWriter {
    fn add(
        &mut self,
        id: BlobId,
        bytes: &[u8],
        group: DeltaGroup,
        written: DateTime<Utc>,
    ) -> StorageResult<()> {
        let goes_on = self.pending.last().is_some_and(|last| last.group == group);
        let is_new = goes_on || self.groups.insert(group);
        self.in_order &= is_new;
        self.pending_bytes += bytes.len();
        self.pending.push(PendingRecord {
            id,
            group,
            bytes: bytes.to_vec(),
            written: PackHour::of(written),
        });
        let most = if self.in_order {
            MAX_PENDING_IN_ORDER
        } else {
            MAX_PENDING
        };
        if self.pending_bytes >= most {
            self.hand_over()
        } else {
            Ok(())
        }
    }

    fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let mut pending = self.pending.iter().rev();
        if let Some(pending) = pending.find(|pending| pending.id == id) {
            return Ok(VerifiedBytes::check(id, pending.bytes.clone()).ok());
        }
        let (answer, answered) = channel();
        self.tell(WriterTask::Get(id, answer))?;
        match answered.recv() {
            Ok(found) => found,
            Err(_) => Err(self.end().err().unwrap_or_else(gone)),
        }
    }

    fn finish(mut self: Box<Self>) -> StorageResult<Box<dyn LockGuard>> {
        self.hand_over()?;
        self.tell(WriterTask::Finish)?;
        let packs = self.end()?;
        let folder = self.root.open()?.packs()?;
        let flushed = folder.flush();
        flushed.map_err(path_error("flushing", folder.path()))?;
        // Rows that refer to its bodies are written next.
        self.anchor.holds()?;
        let locks = packs.into_iter().map(|pack| pack.lock);
        Ok(Box::new(FinishedPack(locks.collect())))
    }
}

impl Drop for PackWriter {
    fn drop(&mut self) {
        // The thread notices that the channel is closed, and removes what it wrote.
        let _ = self.end();
    }
}

/// The locks of new packs, which prevent a repack until rows refer to their bodies.
#[derive(Debug)]
struct FinishedPack(#[allow(dead_code)] Vec<File>);

impl LockGuard for FinishedPack {}

/// The output of the thread.
struct WriterOutput<'a> {
    root: &'a Root,
    level: CompressionLevel,
    /// Packs that are finished because they were full.
    published: Vec<(Published, packs::PackFile)>,
    builder: PackBuilder,
}

/// Runs the thread. Returns the packs if the caller asked to finish.
fn write_all(
    orders: &Receiver<WriterTask>,
    root: &Root,
    level: CompressionLevel,
) -> StorageResult<Vec<Published>> {
    let mut output = WriterOutput {
        root,
        level,
        published: Vec::new(),
        builder: PackBuilder::begin(root, level)?,
    };
    let written = output.work(orders);
    if let Ok(true) = written {
        let published = output.published.into_iter().map(|(pack, _)| pack);
        return Ok(published.collect());
    }
    for (pack, _) in &output.published {
        // Bodies in a pack that stays are unreferenced, and a repack removes them.
        let _ = remove_pack(root, &pack.path);
    }
    written.map(|_| Vec::new())
}

impl WriterOutput<'_> {
    /// Does the work until the end.
    ///
    /// Returns whether the caller asked to finish; if not, the output is not needed.
    fn work(&mut self, orders: &Receiver<WriterTask>) -> StorageResult<bool> {
        while let Ok(work) = orders.recv() {
            match work {
                WriterTask::Add(bodies) => self.builder.add_all(bodies)?,
                WriterTask::Get(id, answer) => {
                    // The caller waits until it has the answer.
                    let _ = answer.send(self.get(id));
                }
                WriterTask::Finish => {
                    if !self.builder.is_empty() {
                        self.publish()?;
                    }
                    return Ok(true);
                }
            }
            if self.builder.is_full() {
                self.publish()?;
            }
        }
        Ok(false)
    }

    fn publish(&mut self) -> StorageResult<()> {
        let next = PackBuilder::begin(self.root, self.level)?;
        let folder = self.root.open()?.packs()?;
        let published = mem::replace(&mut self.builder, next).finish(&folder)?;
        let pack = packs::PackFile::open(&published.path)?;
        self.published.push((published, pack));
        Ok(())
    }

    fn get(&mut self, id: BlobId) -> StorageResult<Option<VerifiedBytes>> {
        let mut search = CopySearch::of(id);
        for (_, pack) in &self.published {
            if let Some(bytes) = pack.find(&mut search)? {
                return Ok(Some(bytes));
            }
        }
        self.builder.get(id)
    }
}

fn gone() -> StorageError {
    let reason = "the thread that writes packs has panicked";
    StorageError::new(StorageErrorKind::Other, reason)
}
