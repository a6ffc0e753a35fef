//! Histories of stores: the attempt that each operation belongs to, and the state that a replay of
//! all operations gives.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use promptbook::history::{Change, Operation, OperationKind, PromptState};
use promptbook::{EnvironmentName, PromptId, Result, Store, Version, VersionId};

use crate::ledger::Made;

/// Returns all operations of a store, oldest first.
pub fn operations(store: &Store) -> Result<Vec<Operation>> {
    let mut operations = store.operations().page(None, usize::MAX)?;
    operations.reverse();
    Ok(operations)
}

/// Returns the token of the attempt that made an operation. An author with a `#` makes one attempt
/// only. For other authors, a text or an id in the operation distinguishes attempts.
pub fn token(operation: &Operation) -> String {
    let content = &operation.content;
    let author = &content.author;
    if author.contains('#') {
        return author.clone();
    }
    // The operations of a batch have the same token, followed by a slash and a part.
    let whole = |text: &str| text.split('/').next().unwrap_or_default().to_owned();
    let numbers = |numbers: &[u64]| {
        let texts: Vec<String> = numbers.iter().map(u64::to_string).collect();
        texts.join(".")
    };
    let first = content
        .changes
        .iter()
        .find_map(|change| match (content.kind, change) {
            (_, Change::VersionCreated(version)) => Some(whole(&version.message)),
            (OperationKind::Move, Change::Environment { reason, .. }) => {
                reason.as_deref().map(whole)
            }
            (OperationKind::Rename, Change::Prompt { after, .. }) => {
                after.as_ref().map(|state| whole(state.name.as_str()))
            }
            (OperationKind::Tag, Change::Prompt { after, .. }) => after
                .as_ref()
                .and_then(|state| state.tags.first().map(|tag| whole(tag))),
            (OperationKind::DeleteVersion, Change::VersionDeleted { id, .. }) => {
                Some(deletion(author, id))
            }
            (OperationKind::DeletePrompt, Change::Prompt { id, .. }) => Some(deletion(author, id)),
            _ => None,
        });
    match (first, content.kind) {
        (_, OperationKind::Undo) => undoing(author, numbers(&content.undoes)),
        (Some(token), _) => token,
        (None, kind) => format!("{author}/{}/{}", kind.as_str(), operation.number),
    }
}

/// Returns the token of an attempt to delete something.
pub fn deletion(author: &str, id: impl std::fmt::Display) -> String {
    format!("{author}/delete/{id}")
}

/// Returns the token of an attempt to undo an operation.
pub fn undoing(author: &str, operation: impl std::fmt::Display) -> String {
    format!("{author}/undo/{operation}")
}

/// Returns the versions that an operation created.
pub fn made(operation: &Operation) -> Vec<Made> {
    created(operation).map(Made::from).collect()
}

pub fn created(operation: &Operation) -> impl Iterator<Item = &Version> {
    operation
        .content
        .changes
        .iter()
        .filter_map(|change| match change {
            Change::VersionCreated(version) => Some(&**version),
            _ => None,
        })
}

/// The state that the operations produce.
#[derive(Default)]
pub struct Replay {
    prompts: BTreeMap<PromptId, PromptState>,
    versions: HashMap<VersionId, Replayed>,
    numbers: BTreeSet<(PromptId, promptbook::VersionNumber)>,
    environments: BTreeMap<(PromptId, EnvironmentName), VersionId>,
    /// Operations that contradict earlier ones.
    pub wrong: Vec<String>,
}

struct Replayed {
    version: Made,
    prompt: PromptId,
    is_live: bool,
}

impl Replay {
    pub fn of(operations: &[Operation]) -> Self {
        let mut replay = Self::default();
        for (place, operation) in operations.iter().enumerate() {
            if operation.number != place as u64 + 1 {
                replay.wrong.push(format!(
                    "operation {} is the history's {}. one",
                    operation.number,
                    place + 1
                ));
            }
            for change in &operation.content.changes {
                if let Err(why) = replay.apply(change) {
                    replay
                        .wrong
                        .push(format!("operation {}: {why}", operation.number));
                }
            }
        }
        replay
    }

    fn apply(&mut self, change: &Change) -> Result<(), String> {
        match change {
            Change::Prompt { id, before, after } => {
                if self.prompts.get(id) != before.as_ref() {
                    return Err(format!("prompt {id} had another state before"));
                }
                match after {
                    Some(after) => drop(self.prompts.insert(*id, after.clone())),
                    None => {
                        self.prompts.remove(id);
                        let versions = self.versions.values_mut();
                        versions
                            .filter(|one| one.prompt == *id)
                            .for_each(|one| one.is_live = false);
                    }
                }
            }
            Change::VersionCreated(version) => {
                let prompt = version.prompt_id;
                if !self.numbers.insert((prompt, version.number)) {
                    return Err(format!("{prompt} has number {} twice", version.number));
                }
                if version
                    .base
                    .is_some_and(|base| !self.versions.contains_key(&base))
                {
                    return Err(format!("the base of version {} does not exist", version.id));
                }
                let replayed = Replayed {
                    version: Made::from(&**version),
                    prompt,
                    is_live: true,
                };
                if self.versions.insert(version.id, replayed).is_some() {
                    return Err(format!("version {} was created twice", version.id));
                }
            }
            Change::VersionDeleted { id, .. } => self.set_live(*id, false)?,
            Change::VersionRestored { id, .. } => self.set_live(*id, true)?,
            Change::Environment {
                prompt,
                name,
                before,
                after,
                ..
            } => {
                let key = (*prompt, name.clone());
                if self.environments.get(&key) != before.as_ref() {
                    return Err(format!(
                        "{name} of {prompt} pointed to another version before"
                    ));
                }
                match after {
                    Some(after) => drop(self.environments.insert(key, *after)),
                    None => drop(self.environments.remove(&key)),
                }
            }
            _ => return Err("an unknown change".into()),
        }
        Ok(())
    }

    fn set_live(&mut self, id: VersionId, is_live: bool) -> Result<(), String> {
        let version = self.versions.get_mut(&id);
        let version = version.ok_or_else(|| format!("version {id} never existed"))?;
        if std::mem::replace(&mut version.is_live, is_live) == is_live {
            Err(format!("version {id} already had this state"))
        } else {
            Ok(())
        }
    }

    /// Returns the differences between the replayed state and the store's answers.
    pub fn differences(&self, store: &Store) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        let mut live: HashMap<PromptId, Vec<Made>> = HashMap::new();
        for replayed in self.versions.values().filter(|one| one.is_live) {
            live.entry(replayed.prompt)
                .or_default()
                .push(replayed.version);
        }
        let prompts = store.prompts().page(None, usize::MAX)?;
        if prompts.len() != self.prompts.len() {
            wrong.push(format!(
                "{} prompts instead of {}",
                prompts.len(),
                self.prompts.len()
            ));
        }
        for prompt in prompts {
            let id = prompt.id;
            let state = self.prompts.get(&id);
            if state.is_none_or(|state| state.name != prompt.name || state.tags != prompt.tags) {
                wrong.push(format!("prompt {id} is {:?}, not {state:?}", prompt.name));
            }
            let mut expected = live.remove(&id).unwrap_or_default();
            expected.sort_by_key(|version| version.number);
            let versions = store.versions(id).page(None, usize::MAX)?;
            let mut found: Vec<Made> = versions.iter().map(Made::from).collect();
            found.sort_by_key(|version| version.number);
            if found != expected {
                wrong.push(format!(
                    "versions of {id}: {found:?} instead of {expected:?}"
                ));
            }
            let pointers = store.environments(id)?;
            let found: BTreeMap<_, _> = pointers
                .into_iter()
                .map(|one| (one.name, one.version_id))
                .collect();
            let range = self
                .environments
                .iter()
                .filter(|((prompt, _), _)| *prompt == id);
            let expected: BTreeMap<_, _> = range
                .map(|((_, name), version)| (name.clone(), *version))
                .collect();
            if found != expected {
                wrong.push(format!(
                    "environments of {id}: {found:?} instead of {expected:?}"
                ));
            }
        }
        Ok(wrong)
    }
}
