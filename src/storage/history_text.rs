//! Reading and writing of the texts of operations, with errors that name the operation.

use super::{StorageError, StorageErrorKind, StorageResult};
use crate::model::id::PromptId;
use crate::model::operation_text;
use crate::model::operation_text::{LiveChange, OperationTextError};
use crate::model::record::OperationContent;
use crate::model::work_counter;

/// Reads the text of the operation with this number.
pub(crate) fn read_operation(number: u64, text: &str) -> StorageResult<OperationContent> {
    let content = operation_text::read(text).map_err(|error| unreadable(number, error))?;
    work_counter::steps_taken(content.changes.len());
    Ok(content)
}

/// Reads the prompts that the operation with this number changed.
pub(crate) fn read_changed_prompts(number: u64, text: &str) -> StorageResult<Vec<PromptId>> {
    operation_text::changed_prompts(text).map_err(|error| unreadable(number, error))
}

/// Reads the [changes](LiveChange) of the operation with this number.
pub(crate) fn read_live_changes(number: u64, text: &str) -> StorageResult<Vec<LiveChange>> {
    let changes = operation_text::live_changes(text).map_err(|error| unreadable(number, error))?;
    work_counter::steps_taken(changes.len());
    Ok(changes)
}

fn unreadable(number: u64, error: OperationTextError) -> StorageError {
    let context = format!("reading operation {number}");
    StorageError::new(StorageErrorKind::Corrupt, context).because(error)
}

/// Writes the text of a new operation.
pub(crate) fn write_operation(content: &OperationContent) -> StorageResult<String> {
    operation_text::write(content).map_err(unwritten)
}

/// Returns the error for a content that cannot be written as text.
pub(crate) fn unwritten(error: OperationTextError) -> StorageError {
    StorageError::new(StorageErrorKind::Other, "writing an operation as JSON").because(error)
}
