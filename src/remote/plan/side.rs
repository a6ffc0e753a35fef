//! [`PromptSide`], the state of a prompt on one side.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{EnvironmentName, PromptName, VersionId, VersionNumber};

/// The state of a prompt on one side.
///
/// Both sides use the ids that the versions have here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::remote) struct PromptSide {
    pub(in crate::remote) name: PromptName,
    pub(in crate::remote) tags: Vec<String>,
    /// The live versions, with their numbers on this side.
    pub(in crate::remote) versions: BTreeMap<VersionId, VersionNumber>,
    pub(in crate::remote) environments: BTreeMap<EnvironmentName, VersionId>,
    /// The deleted versions that are known on this side, with their numbers. Not compared.
    #[serde(skip)]
    pub(in crate::remote) deleted: BTreeMap<VersionId, VersionNumber>,
}

impl PromptSide {
    /// Returns whether two sides show the same prompt, whatever the numbers are.
    pub(in crate::remote) fn is_equal(&self, other: &Self) -> bool {
        self.name == other.name
            && self.tags == other.tags
            && self.environments == other.environments
            && self.versions.keys().eq(other.versions.keys())
    }

    /// Returns the numbers that are in use or were used on this side.
    pub(in crate::remote) fn used_numbers(&self) -> BTreeSet<VersionNumber> {
        let used = self.versions.values().chain(self.deleted.values());
        used.copied().collect()
    }
}
