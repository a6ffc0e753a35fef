//! The summaries of an export and of an import.

use serde::{Deserialize, Serialize};

use crate::model::id::{OperationId, Seal};

/// A summary of a bundle's contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BundleSummary {
    /// The number of operations: the whole history, unless the export began or ended within it.
    pub operations: u64,
    /// The id of the last operation, which covers all before it; `None` if there is none.
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
