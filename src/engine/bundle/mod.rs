//! A store's whole history and its bodies as one file, and the way back.
//!
//! The file is described at [`Store::export_bundle`](crate::Store::export_bundle). The operations are the truth: replaying
//! them gives prompts, versions and pointers, so nothing else of the index is in it. Both ways it streams; what memory
//! holds of a bundle is its hashes, and what the store did meanwhile to the prompts that the bundle changes.

pub(crate) mod check;
pub(crate) mod local_changes;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod read;
pub(crate) mod shared_history;
pub(crate) mod write;

use serde::{Deserialize, Serialize};

pub(crate) use self::manifest::Bundle;
pub(crate) use self::write::export_bundle;
use crate::fs::checksummed_file::Kind;
use crate::model::error::{Error, Result};
use crate::model::id::{OperationId, Seal};
use crate::model::record::OperationContent;

const KIND: Kind = Kind {
    name: "bundle",
    format: 1,
};

/// How much is read or written, and hashed, at once.
const CHUNK: usize = 64 * 1024;

/// The longest text of one operation that a bundle has. Reading one takes memory of its length.
const LONGEST_OPERATION: u64 = 256 * 1024 * 1024;

/// What a bundle holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BundleSummary {
    /// Operations: the whole history.
    pub operations: u64,
    /// The id of the last operation, which stands for the whole history; none where there is none.
    pub head: Option<OperationId>,
    /// Bodies.
    pub bodies: u64,
    /// Bytes of those bodies.
    pub bytes: u64,
    /// The hash that the file ends with.
    pub seal: Seal,
}

/// What an import of a bundle did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Imported {
    /// Operations in the bundle.
    pub operations: u64,
    /// Those that the store had already.
    pub present: u64,
    /// Those that were appended.
    pub appended: u64,
    /// Whether some were appended behind operations that the bundle does not have. Where not, the store's history is
    /// the bundle's, or goes on from it.
    pub merged: bool,
    /// Bodies that came with them.
    pub bodies: u64,
    /// The id of the store's last operation now.
    pub head: Option<OperationId>,
    /// The hash that the bundle ends with.
    pub seal: Seal,
}

/// The second line of a bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    operations: u64,
    head: Option<OperationId>,
    bodies: u64,
    bytes: u64,
}

fn malformed(reason: impl Into<String>) -> Error {
    KIND.malformed(reason).into()
}

/// Reads the text of an operation of a bundle.
fn read_operation(number: u64, text: &str) -> Result<OperationContent> {
    serde_json::from_str(text)
        .map_err(|error| malformed(format!("operation {number} can't be read: {error}")))
}
