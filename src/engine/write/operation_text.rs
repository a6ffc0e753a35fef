//! Conversion between an operation's content and its text, which is hashed.

use crate::model::record::OperationContent;
use crate::model::work_counter;
use crate::storage::{StorageError, StorageErrorKind, StorageResult};

/// Parses the text of a stored operation.
pub(crate) fn read(number: u64, text: &str) -> StorageResult<OperationContent> {
    let content: OperationContent = serde_json::from_str(text).map_err(|error| {
        StorageError::new(
            StorageErrorKind::Corrupt,
            format!("reading operation {number}"),
        )
        .because(error)
    })?;
    work_counter::steps_taken(content.changes.len());
    Ok(content)
}

/// Writes the text of a new operation.
pub(crate) fn write(content: &OperationContent) -> StorageResult<String> {
    serde_json::to_string(content).map_err(|error| {
        StorageError::new(StorageErrorKind::Other, "writing an operation as JSON").because(error)
    })
}
