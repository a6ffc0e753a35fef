//! Verification of the search index.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::current::named_in;
use super::tail::UnindexedTail;
use super::words::words_of;
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::storage::{IndexedItem, PromptTable, Snapshot};
use crate::template::{Uses, may_have_tags};

/// The expected contents of the search index, collected while a store is verified.
///
/// A prompt in the tail is not checked, because search does not use what is indexed of it.
#[derive(Debug)]
pub(crate) struct ExpectedIndex {
    tail: UnindexedTail,
    recent: HashSet<VersionId>,
    /// The current versions of live prompts, with their bodies.
    current: HashMap<PromptId, Vec<(VersionId, BlobId)>>,
    /// The versions whose messages contain words.
    messages: HashSet<VersionId>,
    bodies: HashSet<BlobId>,
    /// The partials of the bodies that have any.
    partials: HashMap<BlobId, Vec<(PromptId, EnvironmentName)>>,
}

impl ExpectedIndex {
    pub(crate) fn new(snapshot: &dyn Snapshot) -> Result<Self> {
        let tail = UnindexedTail::of(snapshot)?;
        Ok(Self {
            recent: tail.created.iter().map(|(id, _)| *id).collect(),
            tail,
            current: HashMap::new(),
            messages: HashSet::new(),
            bodies: HashSet::new(),
            partials: HashMap::new(),
        })
    }

    /// Adds a prompt.
    pub(crate) fn prompt(&mut self, table: &PromptTable) {
        for row in &table.versions {
            let version = &row.version;
            if !self.recent.contains(&version.id) && !words_of(&version.message).is_empty() {
                self.messages.insert(version.id);
            }
        }
        if table.state.is_none() || self.tail.touched(table.id) {
            return;
        }
        let highest = table.live().max_by_key(|version| version.number);
        let pointed: HashSet<VersionId> = table.environments.values().map(|to| to.0).collect();
        let in_environments = table.live().filter(|version| pointed.contains(&version.id));
        let mut current: Vec<_> = highest
            .into_iter()
            .chain(in_environments)
            .map(|version| (version.id, version.blob))
            .collect();
        current.sort();
        current.dedup();
        self.bodies.extend(current.iter().map(|(_, blob)| *blob));
        self.current.insert(table.id, current);
    }

    /// Returns whether the check needs a body.
    pub(crate) fn wants(&self, id: BlobId) -> bool {
        self.bodies.contains(&id)
    }

    /// Adds a body, whose bytes must have been verified.
    pub(crate) fn body(&mut self, id: BlobId, bytes: &[u8]) {
        if self.wants(id)
            && std::str::from_utf8(bytes).is_ok_and(may_have_tags)
            && let Ok(json) = serde_json::from_slice::<Value>(bytes)
        {
            let named = named_in(&Uses::of(&json));
            if !named.is_empty() {
                self.partials.insert(id, named);
            }
        }
    }

    /// Compares the index with the expected contents, and returns one line for each difference.
    pub(crate) fn compare(mut self, snapshot: &dyn Snapshot) -> Result<Vec<String>> {
        let mut wrong = Vec::new();
        visit::searchable(snapshot, |item| {
            match item {
                IndexedItem::Message(id) if self.messages.remove(&id) => {}
                IndexedItem::Message(id) => {
                    wrong.push(format!("the message of {id} is indexed, but should not be"))
                }
                IndexedItem::Prompt(id, _) if self.tail.touched(id) => {}
                IndexedItem::Prompt(id, mut found) => {
                    found.sort();
                    let current = self.current.remove(&id).unwrap_or_default();
                    let expected = current.into_iter().map(|(version, blob)| {
                        (
                            version,
                            self.partials.get(&blob).cloned().unwrap_or_default(),
                        )
                    });
                    let expected: Vec<_> = expected.collect();
                    if found != expected {
                        wrong.push(format!(
                            "prompt {id} is indexed with the versions and partials {found:?} instead of {expected:?}"
                        ));
                    }
                }
            }
            Ok(())
        })?;
        let prompts = self.current.keys();
        wrong.extend(prompts.map(|id| format!("prompt {id} is not indexed")));
        let messages = self.messages.iter();
        wrong.extend(messages.map(|id| format!("the message of {id} is not indexed")));
        Ok(wrong)
    }
}
