//! The report of a verification: what was checked, and the violations that were found.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId, PromptId};
use crate::storage::StorageErrorKind;

/// The result of a verification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Operations whose hash in the chain was checked.
    pub operations: u64,
    /// Prompts, deleted ones included, whose rows were compared with a replay of their operations.
    pub prompts: u64,
    /// Versions among those rows.
    pub versions: u64,
    /// Bodies whose bytes were compared with their address.
    pub bodies: u64,
    /// Total size of those bodies in bytes.
    pub bytes: u64,
    /// The id of the last operation, which covers the whole history.
    pub head: Option<OperationId>,
    /// The violations that were found; none in an intact store.
    pub violations: Vec<Violation>,
}

impl VerifyReport {
    /// Returns true if no violation was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    pub(super) fn index_is_damaged(&mut self, detail: String) {
        // The text of an index's error begins with the same prefix as the violation's.
        let detail = detail.trim_start_matches("index: ").to_owned();
        self.violations.push(Violation::Index { detail });
    }
}

/// A violation of one of the store's invariants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "violation")]
#[non_exhaustive]
pub enum Violation {
    /// The index's own check failed.
    Index {
        /// The result of the check.
        detail: String,
    },
    /// An operation is missing, or its id is not the hash of its content and predecessor.
    Chain {
        /// The operation's number.
        operation: u64,
        /// What is wrong.
        detail: String,
    },
    /// A pinned operation is not in the history, which was rewritten or cut off.
    Pin {
        /// The operation's id.
        pin: OperationId,
    },
    /// A prompt's rows differ from the result of its operations.
    Rows {
        /// The prompt.
        prompt: PromptId,
        /// The differences.
        detail: String,
    },
    /// A pack is damaged. Bodies that cannot be read from it are reported separately.
    Pack {
        /// The pack, and what is wrong with it.
        detail: String,
    },
    /// A body is missing, or the hash of its bytes is not its address.
    Body {
        /// The body's address.
        blob: BlobId,
        /// What is wrong.
        detail: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Index { detail } => write!(f, "index: {detail}"),
            Self::Chain { operation, detail } => write!(f, "operation {operation}: {detail}"),
            Self::Pin { pin } => write!(f, "history: the pinned operation {pin} is missing"),
            Self::Rows { prompt, detail } => write!(f, "prompt {prompt}: {detail}"),
            Self::Pack { detail } => write!(f, "pack: {detail}"),
            Self::Body { blob, detail } => write!(f, "body {blob}: {detail}"),
        }
    }
}

/// The extent of a verification.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Depth {
    /// Checks that all bodies exist and that packs have intact indexes; reads no body.
    Quick,
    /// Checks everything.
    #[default]
    Full,
}

/// Describes an error that is caused by damage; returns any other error.
pub(super) fn damage(error: Error) -> Result<String> {
    match error {
        Error::Storage(error) if error.kind() == StorageErrorKind::Corrupt => Ok(error.to_string()),
        error => Err(error),
    }
}
