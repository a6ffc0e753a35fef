//! The versions that use environments of a prompt as partials, and that break if those are removed.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use crate::cli::error::CommandResult;
use crate::cli::{json, text};
use crate::{EnvironmentName, PromptId, Store, Version, VersionId};

/// The current versions whose bodies contain a partial of some environments.
pub(super) struct Users {
    /// The names of the prompts, which must not be looked up after the change.
    names: HashMap<PromptId, String>,
    uses: Vec<Use>,
}

struct Use {
    environment: EnvironmentName,
    version: Version,
}

impl Users {
    pub(super) fn of<'a>(
        store: &Store,
        prompt: PromptId,
        environments: impl IntoIterator<Item = &'a EnvironmentName>,
    ) -> CommandResult<Self> {
        let mut users = Self {
            names: HashMap::new(),
            uses: Vec::new(),
        };
        for environment in environments {
            for version in store.dependents(prompt, environment)? {
                let id = version.prompt_id;
                if let Entry::Vacant(place) = users.names.entry(id) {
                    let name = store.prompt(id)?.name;
                    place.insert(text::name(name.as_str()));
                }
                users.uses.push(Use {
                    environment: environment.clone(),
                    version,
                });
            }
        }
        Ok(users)
    }

    /// Leaves out the versions of a prompt, because they are deleted too.
    pub(super) fn without(mut self, prompt: PromptId) -> Self {
        self.uses.retain(|one| one.version.prompt_id != prompt);
        self
    }

    /// Leaves out a version, because it is deleted too.
    pub(super) fn without_version(mut self, version: VersionId) -> Self {
        self.uses.retain(|one| one.version.id != version);
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.uses.is_empty()
    }

    /// Returns a sentence for each use.
    pub(super) fn consequences(&self) -> Vec<String> {
        let sentence = |one: &Use| {
            let name = &self.names[&one.version.prompt_id];
            let environment = text::line(one.environment.as_str());
            let number = one.version.number;
            format!(
                "{name}@{number} uses {environment} as a partial, and cannot be rendered without it"
            )
        };
        self.uses.iter().map(sentence).collect()
    }

    /// Returns the uses as lines of a report.
    pub(super) fn text(&self) -> String {
        let lines = self.consequences();
        lines.iter().map(|line| format!("  {line}\n")).collect()
    }

    pub(super) fn json(&self) -> Value {
        self.uses
            .iter()
            .map(|one| json::version(&one.version))
            .collect()
    }
}
