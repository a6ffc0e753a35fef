//! An operation's content and the text that is hashed.

use crate::backend::{Error, ErrorKind, Result};
use crate::record::OperationContent;

/// Reads the text of an operation that is stored.
pub(super) fn read(number: u64, text: &str) -> Result<OperationContent> {
    serde_json::from_str(text).map_err(|error| {
        Error::new(ErrorKind::Corrupt, format!("reading operation {number}")).because(error)
    })
}

/// Writes the text of a new operation.
pub(super) fn write(content: &OperationContent) -> Result<String> {
    serde_json::to_string(content).map_err(|error| {
        Error::new(ErrorKind::Other, "writing an operation as JSON").because(error)
    })
}
