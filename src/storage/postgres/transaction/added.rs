//! The bodies, operations and prompts that a transaction adds.

use std::collections::BTreeSet;

use crate::model::id::PromptId;

/// A body for the journal.
#[derive(Debug)]
pub(super) struct AddedBody {
    pub(super) hash: Vec<u8>,
    pub(super) bytes: Vec<u8>,
}

/// An operation, with the prompts and environments that it changes.
#[derive(Debug)]
pub(super) struct AddedOperation {
    pub(super) number: i64,
    pub(super) hash: Vec<u8>,
    pub(super) at: i64,
    pub(super) text: Vec<u8>,
    pub(super) prompts: BTreeSet<PromptId>,
    pub(super) environments: BTreeSet<String>,
}

/// A prompt that is created.
#[derive(Debug)]
pub(super) struct AddedPrompt {
    pub(super) id: PromptId,
    pub(super) name: String,
    pub(super) tags: Vec<String>,
    pub(super) at: i64,
}
