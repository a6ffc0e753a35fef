//! What pending writes concern. A read of anything else needs not wait until they are sent.

use std::collections::HashSet;

use crate::model::id::{BlobId, PromptId, VersionId};
use crate::model::record::Change;
use crate::model::version_spec::PromptRef;

/// What pending writes concern. It may name more than they change, and never less.
#[derive(Default)]
pub(in crate::storage::postgres) struct Concerned {
    prompts: HashSet<PromptId>,
    /// The names of new prompts.
    names: HashSet<String>,
    /// New versions, and those whose environments change.
    versions: HashSet<VersionId>,
    /// The addresses of bodies for the journal.
    bodies: HashSet<BlobId>,
    /// Whether there are writes of another kind, which may concern everything.
    has_others: bool,
}

impl Concerned {
    pub(super) fn add_body(&mut self, id: BlobId) {
        self.bodies.insert(id);
    }

    pub(super) fn add_others(&mut self) {
        self.has_others = true;
    }

    pub(super) fn add(&mut self, change: &Change) {
        self.prompts.extend(change.prompt());
        match change {
            Change::Prompt {
                before: None,
                after: Some(state),
                ..
            } => {
                self.names.insert(state.name.to_string());
            }
            Change::VersionCreated(version) => {
                self.versions.insert(version.id);
            }
            Change::Environment { before, after, .. } => {
                self.versions.extend(before.iter().chain(after));
            }
            _ => self.add_others(),
        }
    }

    /// Returns whether the version's row or its environments may change.
    pub(in crate::storage::postgres) fn has_version(&self, id: VersionId) -> bool {
        self.has_others || self.versions.contains(&id)
    }

    /// Returns whether the body may become stored.
    pub(in crate::storage::postgres) fn has_body(&self, id: BlobId) -> bool {
        self.has_others || self.bodies.contains(&id)
    }

    /// Returns whether the prompt, its versions or its environments may change.
    pub(in crate::storage::postgres) fn has_prompt(&self, id: &PromptId) -> bool {
        self.has_others || self.prompts.contains(id)
    }

    /// Returns whether another prompt may be found by this reference.
    pub(in crate::storage::postgres) fn has_reference(&self, prompt: &PromptRef) -> bool {
        match prompt {
            PromptRef::Id(id) => self.has_prompt(id),
            PromptRef::Name(name) => self.has_others || self.names.contains(name.as_str()),
            PromptRef::IdOrName(id) => self.has_prompt(id) || self.names.contains(id.as_str()),
        }
    }
}
