//! [`PullSummary`], what a pull did.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::remote::exchange::ReassignedNumber;
use crate::{PromptId, PromptName, VersionId, VersionNumber};

/// What a pull did, or would do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PullSummary {
    /// The prompts that the pull changed, or in which the sides differ.
    pub prompts: Vec<PromptPull>,
    /// The number of prompts in which both sides are equal.
    pub unchanged: u64,
    /// The number of versions that were added.
    pub versions: u64,
    /// The prompts that could not be read or written. The others were pulled.
    pub failed: Vec<FailedPrompt>,
    /// The versions that the remote may have and did not deliver.
    pub lacking: Vec<LackingVersions>,
    /// The prompts of Helicone's older API, which are not pulled.
    pub legacy: Vec<String>,
    /// Notes on what was left out.
    pub notes: Vec<String>,
    /// The own versions that got other numbers, because those are used in the remote.
    pub reassigned: Vec<ReassignedNumber>,
    /// The index as it was before, if the remote's operations were put before the own ones.
    pub previous_index: Option<PathBuf>,
}

impl PullSummary {
    /// Returns the number of prompts that are in conflict.
    #[must_use]
    pub fn conflicts(&self) -> usize {
        let of = |prompt: &&PromptPull| prompt.outcome == PullOutcome::Conflict;
        self.prompts.iter().filter(of).count()
    }
}

/// What a pull did with a prompt.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PromptPull {
    /// The id in the store.
    pub id: PromptId,
    /// The name.
    pub name: PromptName,
    /// What happened.
    pub outcome: PullOutcome,
    /// The number of versions that were added.
    pub new_versions: u64,
    /// The number of versions that were deleted.
    pub deleted_versions: u64,
    /// The other changes, one sentence each.
    pub changes: Vec<String>,
    /// The versions whose number there is used by another version here.
    pub renumbered: Vec<RenumberedVersion>,
    /// The contradictions of the two sides, one sentence each.
    pub conflicts: Vec<String>,
    /// Whether the store has changes that the remote does not have.
    pub is_ahead: bool,
}

impl PromptPull {
    /// Describes what the pull brings, one sentence for each part.
    pub(in crate::remote) fn described(&self) -> Vec<String> {
        let mut parts = Vec::new();
        match self.outcome {
            PullOutcome::Created => parts.push("created".into()),
            PullOutcome::Deleted => parts.push("deleted".into()),
            PullOutcome::Restored => parts.push("restored".into()),
            PullOutcome::Updated | PullOutcome::Ahead | PullOutcome::Conflict => {}
        }
        for (number, what) in [
            (self.new_versions, "new"),
            (self.deleted_versions, "deleted"),
        ] {
            match number {
                0 => {}
                1 => parts.push(format!("1 {what} version")),
                _ => parts.push(format!("{number} {what} versions")),
            }
        }
        parts.extend(self.changes.iter().cloned());
        parts
    }
}

/// What happened to a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PullOutcome {
    /// It was created.
    Created,
    /// It was changed.
    Updated,
    /// It was deleted, as it was in the remote.
    Deleted,
    /// It had been deleted, and was restored.
    Restored,
    /// The pull changed nothing, but the store has changes that the remote does not have.
    Ahead,
    /// The sides contradict each other. The prompt was left alone.
    Conflict,
}

impl fmt::Display for PullOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::Restored => "restored",
            Self::Ahead => "ahead",
            Self::Conflict => "conflict",
        })
    }
}

/// A version that has another number here than in the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenumberedVersion {
    /// The version.
    pub id: VersionId,
    /// The number in the store; none before the pull.
    pub here: Option<VersionNumber>,
    /// The number in the remote.
    pub there: VersionNumber,
}

/// A prompt that could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FailedPrompt {
    /// The id or the name.
    pub prompt: String,
    /// The reason.
    pub reason: String,
}

/// Versions that a remote may have and did not deliver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LackingVersions {
    /// The prompt in the store.
    pub id: PromptId,
    /// Its name.
    pub name: PromptName,
    /// The number of versions that the remote says it has and did not deliver.
    pub withheld: u64,
    /// The numbers that may be missing, such as `0.0 to 0.9`.
    pub numbers: Vec<String>,
}
