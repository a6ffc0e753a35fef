//! The suite that every backend must pass, for authors of backends.
//!
//! [`index::all`] and [`blobs::all`] compare an implementation with the documentation of its trait.
//! Each sentence has a function, which can also be called alone. A function panics if the
//! implementation fails: call it from a test.
//!
//! ```
//! use promptbook::storage::{MemoryBlobs, MemoryIndex, testing};
//!
//! testing::index::all(&|settings| Box::new(MemoryIndex::new(settings)));
//! testing::blobs::all(&|| Box::new(MemoryBlobs::new()));
//! ```

#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a suite reports a failure by a panic"
)]

mod all_answers;
pub mod blobs;
#[cfg(test)]
mod forwarded;
mod history_writer;
pub mod index;
pub mod packs;
pub mod values;

use std::sync::Arc;

pub use all_answers::all_answers;
#[cfg(test)]
pub(crate) use forwarded::forwarded_upkeep;
pub use history_writer::HistoryWriter;

use super::{Blobs, Index, MemoryBlobs, MemoryIndex};
use crate::model::record::Settings;

/// Waits briefly, so that a lock that is granted although another one excludes it is noticed.
fn wait_a_moment() {
    std::thread::sleep(std::time::Duration::from_millis(50));
}

/// Returns the index and the blob store of a new store in memory, for tests of code that uses them.
#[must_use]
pub fn in_memory() -> (Arc<dyn Index>, Arc<dyn Blobs>) {
    // The same tests run on Postgres, too.
    #[cfg(all(test, feature = "postgres"))]
    if let Some(backends) = super::postgres::backends_of_this_run() {
        return backends;
    }
    let index = MemoryIndex::new(Settings::default());
    (Arc::new(index), Arc::new(MemoryBlobs::new()))
}
