//! The packs of a directory, opened on demand.

use std::fs;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::SystemTime;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};

use super::pack::PackFile;
use super::writer::PackWriter;
use crate::fs::folder::Root;
use crate::fs::identity::DirectoryIdentity;
use crate::fs::identity::identity;
use crate::fs::io_error::path_error;
use crate::model::clock;
use crate::model::id::BlobId;
use crate::model::verified_bytes::VerifiedBytes;
use crate::storage;
use crate::storage::directory::copy_search::CopySearch;
use crate::storage::{CompressionLevel, StorageError, StorageResult};

/// The packs of a store.
#[derive(Debug)]
pub(crate) struct Packs {
    pub(super) root: Root,
    /// The folder that packs are read from.
    pub(super) folder: PathBuf,
    pub(super) known: ArcSwap<OpenPacks>,
}

/// The packs that were found at the last look.
#[derive(Debug, Default)]
pub(super) struct OpenPacks {
    pub(super) packs: Vec<Arc<PackFile>>,
    /// The packs that could not be opened, with the reasons.
    pub(super) broken: Vec<(PathBuf, StorageError)>,
    /// All pack files, as they were seen.
    seen: Vec<PackStamp>,
    /// The pack that contained the last body. It mostly contains the next one, too.
    last: AtomicUsize,
}

/// A file as it was seen. A damaged pack may be replaced under the same name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PackStamp {
    path: PathBuf,
    identity: Option<(u64, u64)>,
    modified: Option<SystemTime>,
}

impl PackStamp {
    fn at(path: PathBuf) -> std::io::Result<Self> {
        let found = fs::metadata(&path)?;
        Ok(Self {
            path,
            identity: identity(&found),
            modified: found.modified().ok(),
        })
    }
}

impl OpenPacks {
    fn likeliest_first(&self) -> impl Iterator<Item = (usize, &PackFile)> {
        let last = self.last.load(Ordering::Relaxed).min(self.packs.len());
        let packs = self.packs.iter().map(|pack| &**pack).enumerate();
        let (before, from) = (packs.clone().take(last), packs.skip(last));
        from.chain(before)
    }
}

impl Packs {
    /// Returns the packs of a store, without looking for any.
    ///
    /// The first look is made when a body is requested that has no file.
    pub(crate) fn new(store: &Path) -> Self {
        Self {
            root: Root::new(store),
            folder: store.join("blobs").join("packs"),
            known: ArcSwap::default(),
        }
    }

    /// Returns an intact copy of a body from the known packs.
    pub(crate) fn find(&self, search: &mut CopySearch) -> Option<VerifiedBytes> {
        let known = self.known.load();
        for (number, pack) in known.likeliest_first() {
            match pack.find(search) {
                Ok(Some(bytes)) => {
                    known.last.store(number, Ordering::Relaxed);
                    return Some(bytes);
                }
                Ok(None) => {}
                Err(error) => search.unread = Some(error),
            }
        }
        if search.unread.is_none() {
            search.unread = known.broken.first().map(|(_, error)| error.clone());
        }
        None
    }

    /// Checks whether the index of a known pack contains a body.
    pub(crate) fn holds(&self, id: BlobId) -> StorageResult<bool> {
        let known = self.known.load();
        for (number, pack) in known.likeliest_first() {
            if pack.holds(id)? {
                known.last.store(number, Ordering::Relaxed);
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns the paths of all packs, in no particular order.
    pub(super) fn paths(&self) -> StorageResult<Vec<PathBuf>> {
        let mut paths = Vec::new();
        let files = match fs::read_dir(&self.folder) {
            Ok(files) => files,
            Err(error) if error.kind() == Io::NotFound => return Ok(paths),
            Err(error) => return Err(path_error("listing", &self.folder)(error)),
        };
        for file in files {
            let path = file.map_err(path_error("listing", &self.folder))?.path();
            if path.extension().is_some_and(|kind| kind == "pack") {
                paths.push(path);
            }
        }
        Ok(paths)
    }

    /// Looks for packs in the folder. Returns whether others are there than were known.
    pub(crate) fn look(&self) -> StorageResult<bool> {
        let known = self.known.load();
        let mut seen = self.list()?;
        // A listing that is read while another process replaces packs may contain neither the old
        // packs nor the new ones. So only two equal listings show that nothing changed.
        if known.seen == seen {
            seen = self.list()?;
            if known.seen == seen {
                return Ok(false);
            }
        }
        let mut now = OpenPacks::default();
        for file in &seen {
            let path = &file.path;
            let is_known = known.seen.contains(file);
            let mut open = known.packs.iter();
            let open = open.find(|pack| is_known && pack.path() == path);
            match open.map_or_else(
                || PackFile::open(path).map(Arc::new),
                |pack| Ok(Arc::clone(pack)),
            ) {
                Ok(pack) => now.packs.push(pack),
                Err(error) => now.broken.push((path.clone(), error)),
            }
        }
        now.seen = seen;
        self.known.store(Arc::new(now));
        Ok(true)
    }

    /// Returns all pack files as they are now, sorted.
    fn list(&self) -> StorageResult<Vec<PackStamp>> {
        loop {
            let mut seen = Vec::new();
            let mut is_changing = false;
            for path in self.paths()? {
                match PackStamp::at(path.clone()) {
                    Ok(file) => seen.push(file),
                    // The pack was replaced by one that this listing need not contain.
                    Err(error) if error.kind() == Io::NotFound => is_changing = true,
                    Err(error) => return Err(path_error("inspecting", &path)(error)),
                }
            }
            if !is_changing {
                seen.sort();
                return Ok(seen);
            }
        }
    }

    pub(crate) fn begin(
        &self,
        level: CompressionLevel,
        anchor: DirectoryIdentity,
    ) -> StorageResult<Box<dyn storage::Pack>> {
        self.root.open()?.make_packs()?;
        let writer = PackWriter::begin(self.root.clone(), level, anchor)?;
        Ok(Box::new(writer))
    }

    /// Returns when the newest pack was written.
    pub(crate) fn newest(&self) -> StorageResult<Option<DateTime<Utc>>> {
        self.look()?;
        let known = self.known.load();
        let modified = known.seen.iter().filter_map(|file| file.modified);
        Ok(modified.max().map(clock::from_system))
    }

    /// Returns the numbers of packs and bodies, and the total sizes of the bodies and packs.
    pub(crate) fn usage(&self) -> StorageResult<[u64; 4]> {
        self.look()?;
        let known = self.known.load();
        let packs = known.packs.iter();
        Ok(packs.fold([0; 4], |[packs, bodies, bytes, length], pack| {
            [
                packs + 1,
                bodies + u64::from(pack.footer.entries),
                bytes + pack.footer.bytes,
                length + pack.length,
            ]
        }))
    }
}
