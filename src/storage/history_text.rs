//! Reading and writing of the texts of operations, with errors that name the operation.

use super::{StorageError, StorageErrorKind, StorageResult};
use crate::model::operation_text;
use crate::model::operation_text::OperationTextError;
use crate::model::record::OperationContent;
use crate::model::work_counter;

/// Reads the text of the operation with this number.
pub(crate) fn read_operation(number: u64, text: &str) -> StorageResult<OperationContent> {
    let content = operation_text::read(text).map_err(|error| {
        let context = format!("reading operation {number}");
        StorageError::new(StorageErrorKind::Corrupt, context).because(error)
    })?;
    work_counter::steps_taken(content.changes.len());
    Ok(content)
}

/// Writes the text of a new operation.
pub(crate) fn write_operation(content: &OperationContent) -> StorageResult<String> {
    operation_text::write(content).map_err(unwritten)
}

/// Returns the error for a content that cannot be written as text.
pub(crate) fn unwritten(error: OperationTextError) -> StorageError {
    StorageError::new(StorageErrorKind::Other, "writing an operation as JSON").because(error)
}
