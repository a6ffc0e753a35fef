//! Copying of packs from one store to another.

use std::ffi::OsString;
use std::fs::File;
use std::io::{ErrorKind as Io, Read, Seek, Write};
use std::path::Path;

use super::pack_set::Packs;
use crate::fs::durable::flush_directory;
use crate::fs::io_error::path_error;
use crate::fs::temporary::TemporaryFile;
use crate::storage::StorageResult;

/// An open pack, which can be read even if its name is removed.
#[derive(Debug)]
pub(crate) struct OpenPack {
    name: OsString,
    file: File,
}

const CHUNK: usize = 1024 * 1024;

impl Packs {
    /// Opens all packs.
    pub(crate) fn open_all(&self) -> StorageResult<Vec<OpenPack>> {
        let mut packs = Vec::new();
        for path in self.paths()? {
            if let Some(name) = path.file_name() {
                packs.push(OpenPack {
                    name: name.to_owned(),
                    file: File::open(&path).map_err(path_error("opening", &path))?,
                });
            }
        }
        Ok(packs)
    }

    /// Copies a pack of another store, unless an intact copy is here already.
    ///
    /// Returns the number of bytes copied.
    ///
    /// The contents are flushed; the caller must call [`flush_names`](Self::flush_names). A damaged
    /// pack is copied too, because most of its bodies can be read.
    pub(crate) fn copy_from(&self, pack: &mut OpenPack) -> StorageResult<u64> {
        let store = self.root.open()?;
        let folder = store.make_packs()?;
        let path = self.folder.join(&pack.name);
        if is_sound(&path)? {
            return Ok(0);
        }
        let mut file = TemporaryFile::create(store.tmp()?)?;
        let temporary = file.path();
        let mut bytes = vec![0; CHUNK];
        let mut copied = 0;
        pack.file.rewind().map_err(path_error("reading", &path))?;
        loop {
            let read = pack
                .file
                .read(&mut bytes)
                .map_err(path_error("reading", &path))?;
            if read == 0 {
                break;
            }
            let written = file.write_all(&bytes[..read]);
            written.map_err(path_error("writing", &temporary))?;
            copied += read as u64;
        }
        let flushed = file.file().and_then(File::sync_data);
        flushed.map_err(path_error("flushing", &temporary))?;
        match file.publish(&folder, &pack.name) {
            Ok(_) => Ok(copied),
            Err(error) => Err(path_error("renaming a pack to", &path)(error)),
        }
    }

    /// Makes the names of packs durable.
    pub(crate) fn flush_names(&self) -> StorageResult<()> {
        flush_directory(&self.folder)
    }
}

/// Checks whether there is a pack whose hash is its name.
///
/// If so, flushes it, because its writer may not have done so.
fn is_sound(path: &Path) -> StorageResult<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == Io::NotFound => return Ok(false),
        Err(error) => return Err(path_error("opening", path)(error)),
    };
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(&mut file)
        .map_err(path_error("reading", path))?;
    let name = path.file_stem().and_then(|name| name.to_str());
    if name != Some(&hasher.finalize().to_hex()) {
        return Ok(false);
    }
    file.sync_data().map_err(path_error("flushing", path))?;
    Ok(true)
}
