//! Copying of a store's bodies to another directory, for a backup.
//!
//! Loose bodies stay loose, and packs are copied whole.

use super::blob_directory::BlobDirectory;
use super::packs::OpenPack;
use crate::model::error::Result;
use crate::model::progress::Reporter;

/// The result of a copy.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CopiedBodies {
    /// Number of files copied; `bytes` is their total size.
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    /// Number of files that the destination already had intact.
    pub(crate) kept: u64,
}

impl BlobDirectory {
    /// Copies the loose bodies, flushes them, and returns the open packs.
    ///
    /// The caller must hold the lock of this store during the call. It can copy the packs by
    /// [`copy_packs`](Self::copy_packs) after it has released the lock.
    pub(crate) fn copy_loose(
        &self,
        to: &Self,
        copied: &mut CopiedBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<Vec<OpenPack>> {
        let mut ids = Vec::new();
        self.loose.list(&mut |id| {
            ids.push(id);
            Ok(())
        })?;
        // A listing, and the absence of a body from it, counts only for the directory that was
        // opened.
        self.anchor.holds()?;
        let mut existing = Vec::with_capacity(ids.len());
        for id in &ids {
            progress.advance(1)?;
            // A power cut during an earlier backup may have left a half-written file.
            if to.loose.get_intact(*id)?.is_some() {
                copied.kept += 1;
                existing.push(*id);
            } else if let Some(bytes) = self.loose.get_intact(*id)? {
                let bytes = bytes.as_bytes();
                to.loose.put(*id, bytes)?;
                copied.files += 1;
                copied.bytes += bytes.len() as u64;
                existing.push(*id);
            } else {
                self.anchor.holds()?;
            }
        }
        to.loose.flush(&existing)?;
        Ok(self.packs.open_all()?)
    }

    /// Copies packs and flushes them. Reports after each pack.
    pub(crate) fn copy_packs(
        &self,
        packs: &mut [OpenPack],
        copied: &mut CopiedBodies,
        progress: &mut Reporter<'_>,
    ) -> Result<()> {
        for pack in &mut *packs {
            match self.packs.copy_from(pack)? {
                0 => copied.kept += 1,
                bytes => {
                    copied.files += 1;
                    copied.bytes += bytes;
                }
            }
            progress.advance(1)?;
            progress.report()?;
        }
        if packs.is_empty() {
            Ok(())
        } else {
            Ok(self.packs.flush_names()?)
        }
    }
}
