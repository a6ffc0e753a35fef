//! Images of stores in memory: copies from which new stores are created.

use std::sync::Arc;

use super::StoreOptions;
use super::handle::Store;
use super::shared::{MemoryParts, StoreLocation};
use crate::storage::Index as _;

/// A store in memory as it was at one moment, from which new stores are created.
///
/// A test suite fills a store once and gives each test a copy of its own. Nothing writes to an
/// image.
///
/// ```
/// use promptbook::{NewPrompt, Store, StoreOptions};
///
/// let store = Store::in_memory()?;
/// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
/// let image = store.image().expect("the store is in memory");
///
/// let copy = StoreOptions::new().in_memory_from(&image);
/// copy.delete_prompt("greeting")?;
/// assert_eq!(store.prompts().count()?, 1);
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct StoreImage(MemoryParts);

impl Store {
    /// Returns an image of a store in memory.
    ///
    /// It contains everything at one moment: prompts, history, bodies, settings and secrets. The
    /// cost does not depend on the size. There is none for a store in a directory, and for one on
    /// an index and a blob store of the caller.
    #[must_use]
    pub fn image(&self) -> Option<StoreImage> {
        match &self.shared().place {
            StoreLocation::Directory { .. } | StoreLocation::Given { .. } => None,
            #[cfg(feature = "postgres")]
            StoreLocation::Postgres(_) => None,
            StoreLocation::Memory(memory) => Some(StoreImage(memory.fork())),
        }
    }
}

impl StoreOptions {
    /// Creates a store in memory from an image, with the image's settings.
    ///
    /// It shares the bodies with the image. A change of one store is not visible in any other. The
    /// cost does not depend on the size. Of these options, the first version number and those that
    /// concern files have no effect.
    #[must_use]
    pub fn in_memory_from(&self, image: &StoreImage) -> Store {
        self.join_memory(image.0.fork())
    }
}

impl MemoryParts {
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
