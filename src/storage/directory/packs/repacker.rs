//! Repacking: new packs without unreferenced bodies, or joined from several packs.

use std::path::Path;

use chrono::{DateTime, Utc};

use super::builder::{PackBuilder, Published};
use super::format::Prefix;
use super::pack::PackFile;
use super::pack_name::remove_pack;
use super::pack_set::Packs;
use super::pending::PendingRecord;
use super::repack_source::{Lookup, RepackSource};
use crate::fs::io_error::path_error;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage;
use crate::storage::{
    CompactionScope, CompactionSummary, CompressionLevel, DeltaGroup, LiveBodies,
};

/// Packs of this size or larger are not joined any more.
const LARGE: u64 = 256 * 1024 * 1024;
/// Number of bytes that are read at a time to check a pack.
const CHUNK: usize = 1024 * 1024;

impl Packs {
    /// Removes unreferenced bodies that were not written after `young_since`.
    ///
    /// It rewrites the packs that consist of such bodies for the most part, or all packs, as
    /// `scope` says. If it fails, no live body is lost.
    pub(crate) fn compact(
        &self,
        scope: CompactionScope,
        young_since: DateTime<Utc>,
        is_loose: &dyn Fn(BlobId) -> bool,
        live: &mut LiveBodies<'_>,
    ) -> storage::StorageResult<CompactionSummary> {
        self.look()?;
        let known = self.known.load_full();
        let mut old = RepackSource::of_all(&known, scope == CompactionScope::All)?;
        if old.is_empty() {
            return Ok(CompactionSummary::default());
        }
        let mut repacker = Repacker::new(self);
        match scope {
            CompactionScope::Wasteful => {
                live(&mut |id, _| {
                    let mut packs = old.iter_mut();
                    packs.try_for_each(|pack| pack.mark(id).map(drop))
                })?;
                for pack in &mut old {
                    pack.mark_young(young_since);
                }
                old.retain(RepackSource::is_wasteful);
                for pack in &mut old {
                    repacker.copy_live(pack)?;
                }
            }
            CompactionScope::All => {
                live(&mut |id, group| repacker.copy(id, group, is_loose, &mut old))?;
                repacker.copy_young(young_since, is_loose, &mut old)?;
            }
        }
        repacker.finish(old)
    }

    /// Joins small packs, until each pack is larger than all smaller ones together.
    ///
    /// Then few packs have to be searched, and no body is copied often.
    pub(crate) fn join(&self) -> storage::StorageResult<()> {
        self.look()?;
        let known = self.known.load_full();
        let mut old = RepackSource::of_all(&known, false)?;
        old.retain(|pack| pack.pack.length < LARGE);
        old.sort_by_key(|pack| pack.pack.length);
        let (mut sum, mut joined) = (0, 0);
        for (number, pack) in old.iter().enumerate() {
            if number > 0 && pack.pack.length < 2 * sum {
                joined = number + 1;
            }
            sum += pack.pack.length;
        }
        old.truncate(joined);
        let mut repacker = Repacker::new(self);
        for pack in &old {
            repacker.append(&pack.pack)?;
        }
        repacker.finish(old).map(drop)
    }

    /// Checks whether each pack's hash is its name, or, unless `all`, whether its index is intact.
    ///
    /// Returns one message per damaged pack.
    pub(crate) fn check(&self, all: bool) -> storage::StorageResult<Vec<String>> {
        self.look()?;
        let known = self.known.load_full();
        let broken = known.broken.iter();
        let mut wrong: Vec<String> = broken.map(|(_, error)| error.to_string()).collect();
        for pack in &known.packs {
            if let Err(error) = pack.entries() {
                wrong.push(error.to_string());
            } else if all && !matches_its_name(pack)? {
                let path = pack.path().display();
                wrong.push(format!(
                    "{path} is damaged: the hash of its bytes is not its name"
                ));
            }
        }
        Ok(wrong)
    }
}

fn matches_its_name(pack: &PackFile) -> storage::StorageResult<bool> {
    let mut hasher = blake3::Hasher::new();
    let mut bytes = vec![0; CHUNK];
    let mut at = 0;
    while at < pack.length {
        let size = usize::try_from(pack.length - at)
            .unwrap_or(CHUNK)
            .min(CHUNK);
        pack.records.read_at(&mut bytes[..size], at)?;
        hasher.update(&bytes[..size]);
        at += size as u64;
    }
    let name = pack.path().file_stem().and_then(|name| name.to_str());
    Ok(name == Some(&hasher.finalize().to_hex()))
}

/// New packs that replace old ones.
pub(crate) struct Repacker<'a> {
    packs: &'a Packs,
    builder: Option<PackBuilder>,
    published: Vec<Published>,
    bodies: u64,
}

impl<'a> Repacker<'a> {
    pub(crate) fn new(packs: &'a Packs) -> Self {
        Self {
            packs,
            builder: None,
            published: Vec::new(),
            bodies: 0,
        }
    }

    fn builder(&mut self, level: CompressionLevel) -> storage::StorageResult<&mut PackBuilder> {
        if self.builder.as_ref().is_some_and(PackBuilder::is_full) {
            self.publish()?;
        }
        match &mut self.builder {
            Some(builder) => Ok(builder),
            none => {
                self.packs.root.open()?.make_packs()?;
                Ok(none.insert(PackBuilder::begin(&self.packs.root, level)?))
            }
        }
    }

    pub(crate) fn publish(&mut self) -> storage::StorageResult<()> {
        if let Some(builder) = self.builder.take() {
            let folder = self.packs.root.open()?.packs()?;
            self.published.push(builder.finish(&folder)?);
        }
        Ok(())
    }

    /// Copies a body from the old packs to the new ones, unless it was copied before.
    ///
    /// If the body cannot be read from a pack, that pack is kept, unless there is another copy of
    /// the body.
    pub(crate) fn copy(
        &mut self,
        id: BlobId,
        group: DeltaGroup,
        is_loose: &dyn Fn(BlobId) -> bool,
        old: &mut [RepackSource],
    ) -> storage::StorageResult<()> {
        let mut found = Vec::new();
        for (number, pack) in old.iter_mut().enumerate() {
            match pack.mark(id)? {
                Lookup::None => {}
                Lookup::Before => return Ok(()),
                Lookup::Now(entry) => found.push((number, entry)),
            }
        }
        // A body is as young as its youngest copy.
        let written = found.iter().map(|(_, entry)| entry.written).max();
        let (mut taken, mut unread) = (false, Vec::new());
        for (number, entry) in found {
            let copy = old[number].pack.records.read(entry.offset);
            let Some(bytes) = copy
                .ok()
                .and_then(|copy| VerifiedBytes::check(id, copy).ok())
            else {
                unread.push(number);
                continue;
            };
            if !taken {
                self.bodies += 1;
                self.builder(CompressionLevel::Best)?.add(PendingRecord {
                    id,
                    group,
                    bytes: bytes.into_bytes(),
                    written: written.unwrap_or(entry.written),
                })?;
                taken = true;
            }
        }
        let is_unsure = !unread.is_empty() || old.iter().any(|pack| pack.salvaged);
        if is_unsure && !taken && !is_loose(id) {
            for (number, pack) in old.iter_mut().enumerate() {
                // The body may be in the part that was not found without the index.
                pack.damaged |= pack.salvaged || unread.contains(&number);
            }
        }
        Ok(())
    }

    /// Copies the bodies that were not copied yet and are too young to be removed.
    fn copy_young(
        &mut self,
        young_since: DateTime<Utc>,
        is_loose: &dyn Fn(BlobId) -> bool,
        old: &mut [RepackSource],
    ) -> storage::StorageResult<()> {
        let (mut young, mut group) = (Vec::new(), 0);
        for pack in &*old {
            let records = &pack.pack.records;
            for entry in pack.young(young_since) {
                group += u64::from(records.is_full(entry.offset).unwrap_or(true));
                // A body that cannot be read is lost already.
                if let Ok(bytes) = records.read(entry.offset) {
                    young.push((BlobId::of(&bytes), DeltaGroup(group)));
                }
            }
        }
        // The last body of a group is the first one in its pack.
        let mut young = young.into_iter().rev();
        young.try_for_each(|(id, group)| self.copy(id, group, is_loose, old))
    }

    /// Copies the live bodies of a pack.
    ///
    /// The last body of a group is the first one in the pack, so the entries are read backwards.
    fn copy_live(&mut self, pack: &mut RepackSource) -> storage::StorageResult<()> {
        let mut group = 0;
        for (entry, live) in pack.entries.iter().rev() {
            let records = &pack.pack.records;
            let of_group = DeltaGroup(group);
            group += u64::from(records.is_full(entry.offset)?);
            if !live {
                continue;
            }
            let read = records.read(entry.offset);
            let read = read.map(|bytes| (BlobId::of(&bytes), bytes));
            match read {
                Ok((id, bytes)) if Prefix::of(id) == entry.prefix => {
                    self.bodies += 1;
                    self.builder(CompressionLevel::Fast)?.add(PendingRecord {
                        id,
                        group: of_group,
                        bytes,
                        written: entry.written,
                    })?;
                }
                _ => {
                    pack.damaged = true;
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Copies a whole pack.
    fn append(&mut self, pack: &PackFile) -> storage::StorageResult<()> {
        self.bodies += u64::from(pack.footer.entries);
        self.builder(CompressionLevel::Fast)?.append(pack)
    }

    /// Makes the new packs durable in their place, and only then removes the old ones.
    fn finish(mut self, old: Vec<RepackSource>) -> storage::StorageResult<CompactionSummary> {
        self.publish()?;
        let published = std::mem::take(&mut self.published);
        if !published.is_empty() {
            let folder = self.packs.root.open()?.packs()?;
            let flushed = folder.flush();
            flushed.map_err(path_error("flushing", folder.path()))?;
        }
        let mut compacted = CompactionSummary::default();
        for pack in old.iter().filter(|pack| !pack.damaged) {
            let path = pack.pack.path();
            // A new pack may be the same file as an old one.
            if published.iter().any(|published| published.path == path) {
                continue;
            }
            remove_pack(&self.packs.root, path)?;
            compacted.bodies += pack.entries.len() as u64;
            compacted.bytes += pack.pack.length;
        }
        self.packs.look()?;
        let lengths = published.iter().map(|pack| {
            let measured = pack.lock.metadata();
            measured.map_or(0, |measured| measured.len())
        });
        compacted.bytes = compacted.bytes.saturating_sub(lengths.sum());
        compacted.bodies = compacted.bodies.saturating_sub(self.bodies);
        Ok(compacted)
    }
}

impl Drop for Repacker<'_> {
    fn drop(&mut self) {
        // The repack was abandoned: the old packs still exist, and a new one may be the same file
        // as an old one.
        let known = self.packs.known.load();
        let is_old = |path: &Path| known.packs.iter().any(|pack| pack.path() == path);
        for pack in self.published.iter().filter(|pack| !is_old(&pack.path)) {
            let _ = remove_pack(&self.packs.root, &pack.path);
        }
    }
}
