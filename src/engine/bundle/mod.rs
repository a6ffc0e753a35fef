//! Bundles: export and import of a store's whole history and bodies as one file.
//!
//! [`Store::export_bundle`](crate::Store::export_bundle) describes the file. Prompts, versions and
//! environments result from replaying the operations, so the file contains nothing else of the
//! index. Export and import both stream. In memory are only the hashes of a bundle, and the store's
//! own changes to the prompts that the bundle changes.

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
use crate::fs::checksummed_file::FileKind;
use crate::model::error::{Error, Result};
use crate::model::id::{OperationId, Seal};
use crate::model::operation_text;
use crate::model::record::OperationContent;

const KIND: FileKind = FileKind {
    name: "bundle",
    format: 1,
};

/// The number of bytes that are read or written, and hashed, at a time.
const BUFFER_BYTES: usize = 64 * 1024;

/// The maximum length of one operation's text in a bundle. Reading one takes memory of its length.
const MAX_OPERATION_BYTES: u64 = 256 * 1024 * 1024;

/// A summary of a bundle's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BundleSummary {
    /// The number of operations, which are the whole history.
    pub operations: u64,
    /// The id of the last operation, which covers the whole history; `None` if the history is empty.
    pub head: Option<OperationId>,
    /// The number of bodies.
    pub bodies: u64,
    /// The total size of the bodies in bytes.
    pub bytes: u64,
    /// The hash at the end of the file.
    pub seal: Seal,
}

/// The result of importing a bundle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ImportSummary {
    /// The number of operations in the bundle.
    pub operations: u64,
    /// The number of the bundle's operations that the store had already.
    pub present: u64,
    /// The number of operations that were appended to the store's history.
    pub appended: u64,
    /// Whether operations were appended after some that the bundle does not contain.
    ///
    /// If not, the store's history equals the bundle's or continues it.
    pub merged: bool,
    /// The number of bodies that were added.
    pub bodies: u64,
    /// The id of the store's last operation after the import; `None` if there is no operation.
    pub head: Option<OperationId>,
    /// The hash at the end of the bundle.
    pub seal: Seal,
}

/// The second line of a bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundleHead {
    operations: u64,
    head: Option<OperationId>,
    bodies: u64,
    bytes: u64,
}

fn malformed(reason: impl Into<String>) -> Error {
    KIND.malformed(reason).into()
}

/// Parses the text of an operation of a bundle.
fn read_bundled(number: u64, text: &str) -> Result<OperationContent> {
    operation_text::read(text)
        .map_err(|error| malformed(format!("operation {number} cannot be read: {error}")))
}
