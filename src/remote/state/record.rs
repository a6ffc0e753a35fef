//! [`RemoteState`], what was last seen of a remote, and how its ids and numbers are mapped.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::history::LogPosition;
use crate::remote::plan::PromptSide;
use crate::{PromptId, VersionId, VersionNumber};

/// The state of a remote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::remote) struct RemoteState {
    pub(in crate::remote) settings: RemoteSettings,
    /// The prompts that are on both sides, by their ids here.
    pub(in crate::remote) prompts: BTreeMap<PromptId, LinkedPrompt>,
}

/// What a user chose for a remote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::remote) struct RemoteSettings {
    pub(in crate::remote) url: String,
    pub(in crate::remote) added_at: DateTime<Utc>,
    /// Whether plain HTTP to another machine is allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::remote) allow_http: bool,
    /// What serves the remote; none until it was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::remote) kind: Option<RemoteKind>,
    /// The last position that both sides had, if the remote is a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::remote) seen: Option<LogPosition>,
    /// A version that is being sent, whose request may not have been answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::remote) pending: Option<PendingPush>,
}

/// What serves a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RemoteKind {
    /// Helicone's API.
    Helicone,
    /// A store, by `promptbook serve`.
    Store,
}

/// A request that creates a version there, recorded before it is sent.
///
/// If its answer is lost, the next transfer looks for the version among those that are new.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::remote) struct PendingPush {
    /// The prompt here.
    pub(in crate::remote) prompt: PromptId,
    /// The version here.
    pub(in crate::remote) version: VersionId,
    /// The prompt there; none if the request creates it.
    pub(in crate::remote) there: Option<PromptId>,
    /// The versions that the prompt there had before, by their ids there.
    pub(in crate::remote) known_versions: Vec<VersionId>,
    /// The prompts of that name that existed before.
    pub(in crate::remote) known_prompts: Vec<PromptId>,
}

/// A prompt that is on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::remote) struct LinkedPrompt {
    /// The id there.
    pub(in crate::remote) there: PromptId,
    /// The remote's state when both sides were last synchronised, with the versions' ids here and
    /// their numbers there.
    pub(in crate::remote) seen: PromptSide,
    /// The versions whose id or number there is another one, by their ids here.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(in crate::remote) links: BTreeMap<VersionId, VersionLink>,
    /// Whether a user agreed that numbers there may be others than here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::remote) is_mapped: bool,
}

/// The id and the number of a version in a remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::remote) struct VersionLink {
    pub(in crate::remote) id: VersionId,
    pub(in crate::remote) number: VersionNumber,
}

impl LinkedPrompt {
    /// Returns the id here of a version that has this id there.
    pub(in crate::remote) fn here(&self, there: VersionId) -> VersionId {
        let mut links = self.links.iter();
        let found = links.find(|(_, link)| link.id == there);
        found.map_or(there, |(here, _)| *here)
    }

    /// Returns the id there of a version that has this id here.
    pub(in crate::remote) fn there(&self, here: VersionId) -> VersionId {
        self.links.get(&here).map_or(here, |link| link.id)
    }
}
