//! The suite that every backend must pass, for those who write one.
//!
//! [`index::all`] and [`blobs::all`] hold an implementation against the text of its trait, each sentence by a function
//! of its own, which can be called alone too. They panic where the implementation fails: call them
//! from a test.
//!
//! ```
//! use promptbook::storage::{MemoryBlobs, MemoryIndex, testing};
//!
//! testing::index::all(&|settings| Box::new(MemoryIndex::new(settings)));
//! testing::blobs::all(&|| Box::new(MemoryBlobs::new()));
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a suite says by a panic what failed"
)]

pub mod blobs;
pub mod index;
pub mod packs;
mod portrait;
mod scribe;
pub mod values;

use std::sync::Arc;

pub use portrait::portrait;
pub use scribe::Scribe;

use super::{Blobs, Index, MemoryBlobs, MemoryIndex};
use crate::model::record::Settings;

/// Waits shortly for what must not happen meanwhile: a lock that is given although another holds it.
fn wait_a_moment() {
    std::thread::sleep(std::time::Duration::from_millis(50));
}

/// Both places of a new store in memory, for tests of what works on them.
#[must_use]
pub fn in_memory() -> (Arc<dyn Index>, Arc<dyn Blobs>) {
    let index = MemoryIndex::new(Settings::default());
    (Arc::new(index), Arc::new(MemoryBlobs::new()))
}
