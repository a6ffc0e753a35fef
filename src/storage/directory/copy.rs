//! All bodies of a store copied to another directory, as they are: for a backup.

use super::blob_directory::BlobDirectory;
use super::packs::OpenPack;
use crate::model::id::BlobId;
use crate::storage::Result;

/// What is in the other directory now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Copied {
    /// Files that were copied, and their bytes.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Files that were there, and are what they should be.
    pub(crate) kept: u64,
}

impl BlobDirectory {
    /// Copies the bodies that are files of their own, flushed, and gives the packs, which can be copied when the lock that
    /// is held for this is held no more.
    pub(crate) fn copy_loose(&self, to: &Self, copied: &mut Copied) -> Result<Vec<OpenPack>> {
        let mut ids = Vec::new();
        self.loose.list(&mut |id| {
            ids.push(id);
            Ok(())
        })?;
        // What is listed, or missing, is so in the directory that was opened.
        self.anchor.holds()?;
        let is_sound = |id, bytes: &Vec<u8>| BlobId::of(bytes) == id;
        let mut there = Vec::with_capacity(ids.len());
        for id in &ids {
            // What is there may have been left half-written by a backup that a power cut ended.
            if to
                .loose
                .get(*id)?
                .is_some_and(|there| is_sound(*id, &there))
            {
                copied.kept += 1;
                there.push(*id);
            } else if let Some(bytes) = self.loose.get(*id)?
                && is_sound(*id, &bytes)
            {
                to.loose.put(*id, &bytes)?;
                copied.files += 1;
                copied.bytes += bytes.len() as u64;
                there.push(*id);
            } else {
                self.anchor.holds()?;
            }
        }
        to.loose.flush(&there)?;
        self.packs.open_all()
    }

    /// Copies packs, flushed.
    pub(crate) fn copy_packs(
        &self,
        packs: &mut [OpenPack],
        copied: &mut Copied,
        progress: &mut dyn FnMut(&Copied),
    ) -> Result<()> {
        for pack in &mut *packs {
            match self.packs.take_in(pack)? {
                0 => copied.kept += 1,
                bytes => {
                    copied.files += 1;
                    copied.bytes += bytes;
                }
            }
            progress(copied);
        }
        match packs.is_empty() {
            true => Ok(()),
            false => self.packs.flush_names(),
        }
    }
}
