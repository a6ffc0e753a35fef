//! An operation's content and the text that is hashed.

use crate::backend::{Error, ErrorKind, Result};
use crate::record::OperationContent;
use crate::work;

/// Reads the text of an operation that is stored.
pub(super) fn read(number: u64, text: &str) -> Result<OperationContent> {
    let content: OperationContent = serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("reading operation {number}")).because(error)
    })?;
    work::many(content.changes.len());
    Ok(content)
}

/// Writes the text of a new operation.
pub(super) fn write(content: &OperationContent) -> Result<String> {
    serde_json::to_string(content).map_err(|error| {
        Error::new(ErrorKind::Other, "writing an operation as JSON").because(error)
    })
}
