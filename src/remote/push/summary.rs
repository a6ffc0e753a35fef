//! [`PushSummary`], what a push did, and [`SyncStatus`], how the two sides differ.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::remote::pull::{FailedPrompt, LackingVersions};
use crate::{PromptId, PromptName, VersionId, VersionNumber};

/// What a push did, or would do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PushSummary {
    /// The prompts that the store changed, or in which the sides differ.
    pub prompts: Vec<PromptPush>,
    /// The number of prompts in which both sides are equal.
    pub unchanged: u64,
    /// The number of versions that were created there.
    pub versions: u64,
    /// The prompts that could not be read or sent. The others were pushed.
    pub failed: Vec<FailedPrompt>,
}

/// What a push did with a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptPush {
    /// The id in the store.
    pub id: PromptId,
    /// The id in the remote; none if it is not there yet.
    pub there: Option<PromptId>,
    /// The name.
    pub name: PromptName,
    /// What happened.
    pub outcome: PushOutcome,
    /// The requests, one sentence each, in their order.
    pub steps: Vec<String>,
    /// The new versions, with their numbers on both sides.
    pub numbers: Vec<MappedNumber>,
    /// Whether the first version is in production there from its creation until the next request,
    /// although it is not in production here.
    pub is_briefly_in_production: bool,
    /// The contradictions of the two sides, one sentence each.
    pub conflicts: Vec<String>,
}

/// The numbers of a version on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct MappedNumber {
    /// The version in the store.
    pub version: VersionId,
    /// Its number in the store.
    pub here: VersionNumber,
    /// Its number in the remote, which assigns it. Before a push it is the expected one.
    pub there: VersionNumber,
}

/// What happened to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PushOutcome {
    /// It was sent, or would be.
    Pushed,
    /// The remote has changes that were not pulled yet. Nothing was sent.
    Behind,
    /// The sides contradict each other. Nothing was sent.
    Conflict,
    /// Versions would get other numbers there. Nothing was sent.
    NeedsMapping,
    /// Something would be deleted there for good. Nothing was sent.
    NeedsDelete,
}

impl fmt::Display for PushOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pushed => "pushed",
            Self::Behind => "behind",
            Self::Conflict => "conflict",
            Self::NeedsMapping => "numbers",
            Self::NeedsDelete => "deletes",
        })
    }
}

/// How a store and a remote differ.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SyncStatus {
    /// The prompts in which the sides differ.
    pub prompts: Vec<PromptSync>,
    /// The number of prompts in which both sides are equal.
    pub equal: u64,
    /// The prompts that could not be read.
    pub failed: Vec<FailedPrompt>,
    /// The versions that the remote may have and did not deliver.
    pub lacking: Vec<LackingVersions>,
}

/// How the sides of a prompt differ.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptSync {
    /// The id in the store.
    pub id: PromptId,
    /// The name.
    pub name: PromptName,
    /// Which side has changes.
    pub state: SyncState,
    /// What the store has and the remote does not, one sentence each.
    pub ahead: Vec<String>,
    /// What the remote has and the store does not, one sentence each.
    pub behind: Vec<String>,
    /// The contradictions of the two sides, one sentence each.
    pub conflicts: Vec<String>,
}

/// Which side of a prompt has changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SyncState {
    /// The store. A push sends them.
    Ahead,
    /// The remote. A pull brings them.
    Behind,
    /// Both, and they do not contradict each other. A pull and then a push brings them together.
    Diverged,
    /// Both, and they contradict each other.
    Conflict,
}

impl fmt::Display for SyncState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ahead => "ahead",
            Self::Behind => "behind",
            Self::Diverged => "diverged",
            Self::Conflict => "conflict",
        })
    }
}
