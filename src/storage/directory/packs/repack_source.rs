//! Packs that are about to be made anew, and which of their bodies live.

use std::fs::TryLockError;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::format::{Entry, Prefix};
use super::pack::Pack;
use super::pack_set::Known;
use crate::fs::io_error::failed;
use crate::model::id::BlobId;
use crate::storage;

/// A pack that nobody else compacts, and that is not somebody's who has yet to write rows.
pub(crate) struct Locked {
    pub(crate) pack: Arc<Pack>,
    /// In the order of their records, with whether each is live, or was taken.
    pub(crate) entries: Vec<(Entry, bool)>,
    /// The places of entries in the index's order.
    places: Vec<u32>,
    /// The entries are what was found without the index, and may be only some.
    pub(crate) salvaged: bool,
    /// It has a body that could not be read: it stays.
    pub(crate) damaged: bool,
}

/// Whether a pack has a body, and whether it was marked before.
pub(crate) enum Mark {
    None,
    Before,
    Now(Entry),
}

impl Locked {
    /// All packs that can be locked. Those whose index is damaged stay for whoever repairs them, unless they are to be
    /// `salvaged`: then they are among them, with what is found in them without.
    pub(crate) fn of_all(known: &Known, salvaged: bool) -> storage::Result<Vec<Self>> {
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
            if error.kind() == storage::ErrorKind::Corrupt
                && let Some(mut this) = Self::of(&Arc::new(Pack::open_without_index(path)?))?
            {
                this.salvage();
                locked.push(this);
            }
        }
        Ok(locked)
    }

    /// A pack, unless somebody else has it; without its entries.
    fn of(pack: &Arc<Pack>) -> storage::Result<Option<Self>> {
        match pack.records.file().try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => {
                return Err(failed("locking", pack.path())(error));
            }
        }
        // Dropped at an error too: it unlocks.
        Ok(Some(Self {
            pack: Arc::clone(pack),
            entries: Vec::new(),
            places: Vec::new(),
            salvaged: false,
            damaged: false,
        }))
    }

    /// Takes over what an index has, or would have.
    fn index(&mut self, entries: &[Entry]) {
        let mut order: Vec<u32> = (0..).take(entries.len()).collect();
        order.sort_by_key(|place| entries[*place as usize].offset);
        self.places = vec![0; entries.len()];
        for (at, place) in (0..).zip(&order) {
            self.places[*place as usize] = at;
        }
        let entries = order.iter().map(|place| (entries[*place as usize], false));
        self.entries = entries.collect();
    }

    /// Takes over what is found without an index.
    fn salvage(&mut self) {
        self.salvaged = true;
        let mut entries = self.pack.walk();
        entries.sort_unstable();
        self.index(&entries);
    }

    /// Marks a body.
    pub(crate) fn mark(&mut self, id: BlobId) -> storage::Result<Mark> {
        let mut found = Mark::None;
        let prefix = Prefix::of(id);
        for (place, entry) in self.bucket(prefix)? {
            let at = self.places.get(place).map(|at| *at as usize);
            if let Some((entry, marked)) = at
                .filter(|_| entry.prefix == prefix)
                .and_then(|at| self.entries.get_mut(at))
            {
                found = match std::mem::replace(marked, true) {
                    true => Mark::Before,
                    false => Mark::Now(*entry),
                };
            }
        }
        Ok(found)
    }

    /// What is not marked, and may have been written after a moment.
    pub(crate) fn young(&self, since: DateTime<Utc>) -> impl Iterator<Item = Entry> {
        let entries = self.entries.iter();
        entries.filter_map(move |(entry, marked)| {
            (!marked && entry.written.is_after(since)).then_some(*entry)
        })
    }

    /// Marks what may have been written after a moment.
    pub(crate) fn mark_young(&mut self, since: DateTime<Utc>) {
        for (entry, marked) in &mut self.entries {
            *marked |= entry.written.is_after(since);
        }
    }

    /// The entries among which a prefix would be, each with its place in the index.
    fn bucket(&self, prefix: Prefix) -> storage::Result<Vec<(usize, Entry)>> {
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

    /// Whether more of its bytes are dead than live.
    pub(crate) fn is_wasteful(&self) -> bool {
        let ends = self.entries.iter().skip(1).map(|(entry, _)| entry.offset);
        let ends = ends.chain([self.pack.records.end()]);
        let records = self.entries.iter().zip(ends);
        let lengths = records.map(|((entry, live), end)| (*live, end - entry.offset));
        let (live, dead) = lengths.fold((0, 0), |(live, dead), (lives, length)| match lives {
            true => (live + length, dead),
            false => (live, dead + length),
        });
        dead > live
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // The file stays open as long as somebody reads from it.
        let _ = self.pack.records.file().unlock();
    }
}
