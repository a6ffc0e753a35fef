//! Conversion between an operation's content and its text, which is hashed.

use crate::backend::{Error, ErrorKind, Result};
use crate::record::OperationContent;
use crate::work;

/// Parses the text of a stored operation.
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
