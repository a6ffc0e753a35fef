//! Settings of a store, and how durable its commits are.

use serde::{Deserialize, Serialize};

use crate::model::version_number::VersionNumber;

/// The store's rule for minor versions that would break callers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BumpPolicy {
    /// A minor version that would break callers of its base is refused, unless it is forced.
    #[default]
    Enforced,
    /// The caller chooses the bump, as with the live service.
    Free,
}

/// The settings that a store was created with. They are stored in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Settings {
    /// The number of a prompt's first version.
    pub first_version: VersionNumber,
    /// The bump policy.
    pub policy: BumpPolicy,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            first_version: VersionNumber::new(1, 0),
            policy: BumpPolicy::default(),
        }
    }
}

/// The failures that an acknowledged change survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however it ends, and power loss.
    #[default]
    Full,
    /// The end of the process.
    ///
    /// Power loss may remove the last operations. It removes whole operations, newest first, and
    /// what remains is a consistent store.
    Relaxed,
}
