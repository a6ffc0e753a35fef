//! Descriptions of changes as text.

use std::collections::HashMap;

use crate::cli::text;
use crate::history::{Change, PromptState};
use crate::{EnvironmentName, PromptId, Version, VersionId, View};

/// Describes changes, with names and numbers instead of ids if they can still be found.
pub(crate) struct PlainWords<'a> {
    store: &'a View,
    prompts: HashMap<PromptId, String>,
    versions: HashMap<VersionId, String>,
}

impl<'a> PlainWords<'a> {
    pub(crate) fn of(store: &'a View) -> Self {
        Self {
            store,
            prompts: HashMap::new(),
            versions: HashMap::new(),
        }
    }

    /// Names the subject of a change: the prompt, or what it changes of the store.
    pub(crate) fn subject(&mut self, change: &Change) -> String {
        match change.prompt() {
            Some(prompt) => self.prompt(prompt),
            None => "environment list".into(),
        }
    }

    pub(crate) fn prompt(&mut self, id: PromptId) -> String {
        let store = self.store;
        let name = self
            .prompts
            .entry(id)
            .or_insert_with(|| match store.prompt(id) {
                Ok(prompt) => text::name(prompt.name.as_str()),
                Err(_) => id.to_string(),
            });
        name.clone()
    }

    /// Forgets a prompt's name, so that the next use looks it up again.
    pub(crate) fn forget(&mut self, id: PromptId) {
        self.prompts.remove(&id);
    }

    fn version(&mut self, prompt: PromptId, id: VersionId) -> String {
        if !self.versions.contains_key(&id) {
            match self.store.version(id) {
                Ok(version) => self.learn(&version),
                Err(_) => self.learn_all(prompt),
            }
        }
        self.versions
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    fn learn(&mut self, version: &Version) {
        self.versions.insert(version.id, version.number.to_string());
    }

    /// Learns the numbers of all versions that a prompt ever had.
    ///
    /// Only the history contains the numbers of deleted versions.
    fn learn_all(&mut self, prompt: PromptId) {
        let history = self
            .store
            .operations()
            .prompt(prompt)
            .page(None, usize::MAX)
            .unwrap_or_default();
        for change in history
            .iter()
            .flat_map(|operation| &operation.content.changes)
        {
            if let Change::VersionCreated(version) = change {
                self.learn(version);
            }
        }
    }

    pub(crate) fn change(&mut self, change: &Change) -> String {
        match change {
            Change::Prompt { before, after, .. } => state_change(before.as_ref(), after.as_ref()),
            Change::VersionCreated(version) => {
                self.learn(version);
                format!(
                    "{} {}",
                    version.number,
                    quoted(&text::summary(&version.message))
                )
            }
            Change::VersionDeleted { prompt, id } => {
                format!("{} deleted", self.version(*prompt, *id))
            }
            Change::VersionRestored { prompt, id } => {
                format!("{} restored", self.version(*prompt, *id))
            }
            Change::Environment {
                prompt,
                name,
                before,
                after,
                reason,
            } => {
                let mut held = |id: &Option<VersionId>| {
                    id.map_or_else(|| "none".into(), |id| self.version(*prompt, id))
                };
                let (before, after) = (held(before), held(after));
                let why = reason
                    .as_deref()
                    .map(text::summary)
                    .map_or_else(String::new, |why| format!(" {}", quoted(&why)));
                format!("{}: {before} → {after}{why}", text::line(name.as_str()))
            }
            Change::EnvironmentList { before, after } => {
                let (before, after) = (name_list(before.as_deref()), name_list(after.as_deref()));
                format!("{before} → {after}")
            }
        }
    }
}

/// Returns an environment list as text.
pub(super) fn name_list(list: Option<&[EnvironmentName]>) -> String {
    let Some(names) = list else {
        return "any".into();
    };
    let names: Vec<String> = names.iter().map(|name| text::line(name.as_str())).collect();
    format!("[{}]", names.join(", "))
}

fn state_change(before: Option<&PromptState>, after: Option<&PromptState>) -> String {
    let named = |state: &PromptState| text::quoted(state.name.as_str());
    match (before, after) {
        (None, Some(after)) => format!("{} created", named(after)),
        (Some(before), None) => format!("{} deleted", named(before)),
        (Some(before), Some(after)) if before.name != after.name => {
            format!("{} → {}", named(before), named(after))
        }
        (_, Some(after)) => {
            let tags: Vec<String> = after.tags.iter().map(|tag| text::quoted(tag)).collect();
            format!("tags [{}]", tags.join(", "))
        }
        (None, None) => String::new(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
