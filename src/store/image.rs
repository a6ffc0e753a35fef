//! Images of stores in memory: copies from which new stores are created.

use std::sync::Arc;

use super::StoreOptions;
use super::handle::Store;
use super::shared::{MemoryImage, StoreLocation};
use crate::storage::Index as _;

/// A store in memory as it was at one moment, from which new stores are created.
///
/// Nothing writes to it.
#[derive(Clone, Debug)]
pub(crate) struct Image(MemoryImage);

impl Store {
    /// Returns the current contents of a store in memory, or none for a directory.
    ///
    /// The cost does not depend on the size.
    pub(crate) fn image(&self) -> Option<Image> {
        match &self.inner.place {
            StoreLocation::Directory { .. } | StoreLocation::Given { .. } => None,
            StoreLocation::Memory(memory) => Some(Image(memory.fork())),
        }
    }
}

impl StoreOptions {
    /// Creates a store in memory from an image, with the image's settings.
    ///
    /// It shares the bodies with the image. A change of one store is not visible in any other. The
    /// cost does not depend on the size.
    pub(crate) fn in_memory_from(&self, image: &Image) -> Store {
        self.join_memory(image.0.fork())
    }
}

impl MemoryImage {
    fn fork(&self) -> Self {
        // The index is copied first. The lock prevents garbage collection from removing a body
        // whose row that copy still contains.
        let _hold = self.index.lock_shared();
        Self {
            settings: self.settings,
            index: Arc::new(self.index.fork()),
            blobs: Arc::new(self.blobs.fork()),
            secrets: Arc::new(self.secrets.fork()),
        }
    }
}

#[cfg(test)]
#[path = "image_tests.rs"]
mod tests;
