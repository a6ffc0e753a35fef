//! Packs that are locked for a repack, and which of their bodies are live.

use std::fs::TryLockError;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::format::{PackEntry, Prefix};
use super::pack::PackFile;
use super::pack_set::OpenPacks;
use crate::fs::io_error::path_error;
use crate::model::id::BlobId;
use crate::storage;

/// A locked pack, which no other process repacks.
///
/// No writer of the pack still has to write the rows that refer to its bodies.
pub(crate) struct RepackSource {
    pub(crate) pack: Arc<PackFile>,
    /// The entries in the order of their records. The flag says whether the body is live, or was
    /// copied.
    pub(crate) entries: Vec<(PackEntry, bool)>,
    /// For each entry of the index, in its order, the position in `entries`.
    places: Vec<u32>,
    /// Whether the entries were found without the index, and may be incomplete.
    pub(crate) salvaged: bool,
    /// Whether a body could not be read. The pack then stays.
    pub(crate) damaged: bool,
}

/// Whether a pack contains a body, and whether the body was marked before.
pub(crate) enum Lookup {
    None,
    Before,
    Now(PackEntry),
}

impl RepackSource {
    /// Locks all packs that can be locked.
    ///
    /// If `salvaged` is true, these include packs whose index is damaged, with the entries that are
    /// found without it. Otherwise such packs are left to a repair.
    pub(crate) fn of_all(known: &OpenPacks, salvaged: bool) -> storage::StorageResult<Vec<Self>> {
        let mut locked = Vec::new();
        for pack in &known.packs {
            let Some(mut this) = Self::of(pack)? else {
                continue;
            };
            match pack.entries() {
                Ok(entries) => this.index(&entries),
                Err(_) if salvaged => this.salvage(),
                Err(_) => continue,
            }
            locked.push(this);
        }
        for (path, error) in known.broken.iter().filter(|_| salvaged) {
            if error.kind() == storage::StorageErrorKind::Corrupt
                && let Some(mut this) = Self::of(&Arc::new(PackFile::open_without_index(path)?))?
            {
                this.salvage();
                locked.push(this);
            }
        }
        Ok(locked)
    }

    /// Locks a pack and returns it without its entries; `None` if another holder has locked it.
    fn of(pack: &Arc<PackFile>) -> storage::StorageResult<Option<Self>> {
        match pack.records.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(path_error("locking", pack.path())(error));
            }
        }
        // If a later step fails, dropping this unlocks the file.
        Ok(Some(Self {
            pack: Arc::clone(pack),
            entries: Vec::new(),
            places: Vec::new(),
            salvaged: false,
            damaged: false,
        }))
    }

    /// Sets the entries, which are in the order of an index.
    fn index(&mut self, entries: &[PackEntry]) {
        let mut order: Vec<u32> = (0..).take(entries.len()).collect();
        order.sort_by_key(|place| entries[*place as usize].offset);
        self.places = vec![0; entries.len()];
        for (at, place) in (0..).zip(&order) {
            self.places[*place as usize] = at;
        }
        let entries = order.iter().map(|place| (entries[*place as usize], false));
        self.entries = entries.collect();
    }

    /// Sets the entries to those that are found without the index.
    fn salvage(&mut self) {
        self.salvaged = true;
        let mut entries = self.pack.walk();
        entries.sort_unstable();
        self.index(&entries);
    }

    /// Marks a body.
    pub(crate) fn mark(&mut self, id: BlobId) -> storage::StorageResult<Lookup> {
        let mut found = Lookup::None;
        let prefix = Prefix::of(id);
        for (place, entry) in self.bucket(prefix)? {
            let at = self.places.get(place).map(|at| *at as usize);
            if let Some((entry, marked)) = at
                .filter(|_| entry.prefix == prefix)
                .and_then(|at| self.entries.get_mut(at))
            {
                found = if std::mem::replace(marked, true) {
                    Lookup::Before
                } else {
                    Lookup::Now(*entry)
                };
            }
        }
        Ok(found)
    }

    /// Returns the entries that are not marked and may have been written after a moment.
    pub(crate) fn young(&self, since: DateTime<Utc>) -> impl Iterator<Item = PackEntry> {
        let entries = self.entries.iter();
        entries.filter_map(move |(entry, marked)| {
            (!marked && entry.written.is_after(since)).then_some(*entry)
        })
    }

    /// Marks the entries that may have been written after a moment.
    pub(crate) fn mark_young(&mut self, since: DateTime<Utc>) {
        for (entry, marked) in &mut self.entries {
            *marked |= entry.written.is_after(since);
        }
    }

    /// Returns the entries among which a prefix would be, each with its position in the index.
    fn bucket(&self, prefix: Prefix) -> storage::StorageResult<Vec<(usize, PackEntry)>> {
        if !self.salvaged {
            return self.pack.bucket(prefix);
        }
        let entry = |place: usize| self.entries[self.places[place] as usize].0;
        let places = self
            .places
            .partition_point(|at| self.entries[*at as usize].0.prefix < prefix)..;
        let alike =
            places.take_while(|place| *place < self.places.len() && entry(*place).prefix == prefix);
        Ok(alike.map(|place| (place, entry(place))).collect())
    }

    /// Checks whether more of its bytes are unmarked than marked.
    pub(crate) fn is_wasteful(&self) -> bool {
        let ends = self.entries.iter().skip(1).map(|(entry, _)| entry.offset);
        let ends = ends.chain([self.pack.records.end()]);
        let records = self.entries.iter().zip(ends);
        let lengths = records.map(|((entry, live), end)| (*live, end - entry.offset));
        let (live, dead) = lengths.fold((0, 0), |(live, dead), (lives, length)| {
            if lives {
                (live + length, dead)
            } else {
                (live, dead + length)
            }
        });
        dead > live
    }
}

impl Drop for RepackSource {
    fn drop(&mut self) {
        // Unlocks the file explicitly, because it stays open while another thread reads from it.
        let _ = self.pack.records.file().unlock();
    }
}
