//! The format of a bundle: its first lines, and its limits.

use serde::{Deserialize, Serialize};

use crate::fs::checksummed_file::FileKind;
use crate::model::error::{Error, Result};
use crate::model::id::OperationId;
use crate::model::log_position::LogPosition;
use crate::model::operation_text;
use crate::model::record::OperationContent;

/// The first line of a bundle: the kind of the file, and its format.
pub(super) const KIND: FileKind = FileKind {
    name: "bundle",
    format: 1,
};

/// The number of bytes that are read or written, and hashed, at a time.
pub(super) const BUFFER_BYTES: usize = 64 * 1024;

/// The maximum length of one operation's text in a bundle. Reading one takes memory of its length.
pub(super) const MAX_OPERATION_BYTES: u64 = 256 * 1024 * 1024;

/// The second line of a bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BundleHead {
    /// The position after which the operations begin; none if they begin with the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<LogPosition>,
    pub(super) operations: u64,
    pub(super) head: Option<OperationId>,
    pub(super) bodies: u64,
    pub(super) bytes: u64,
}

impl BundleHead {
    /// Returns the position after which the operations begin.
    pub(super) fn start(&self) -> LogPosition {
        self.after.unwrap_or(LogPosition::START)
    }

    /// Returns the number of the last operation.
    pub(super) fn last_number(&self) -> u64 {
        self.start().number.saturating_add(self.operations)
    }
}

/// Returns the error for a file that is not a bundle of this format.
pub(super) fn malformed(reason: impl Into<String>) -> Error {
    KIND.malformed(reason).into()
}

/// Parses the text of an operation of a bundle.
pub(super) fn read_bundled(number: u64, text: &str) -> Result<OperationContent> {
    operation_text::read(text)
        .map_err(|error| malformed(format!("operation {number} cannot be read: {error}")))
}
