//! Verification of the search index.

use std::collections::{HashMap, HashSet};

use memchr::memmem;
use serde_json::Value;

use super::current::named_in;
use super::tail::UnindexedTail;
use super::words::words_of;
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{BlobId, EnvironmentName, PromptId, VersionId};
use crate::model::multiset_sum::{MultisetSum, SumKeys};
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
        self.messages.extend(indexed_messages(table, &self.recent));
        if let Some(current) = indexed_versions(table, &self.tail) {
            self.bodies.extend(current.iter().map(|(_, blob)| *blob));
            self.current.insert(table.id, current);
        }
    }

    /// Returns whether the check needs a body.
    pub(crate) fn wants(&self, id: BlobId) -> bool {
        self.bodies.contains(&id)
    }

    /// Adds a body, whose bytes must have been verified.
    pub(crate) fn body(&mut self, id: BlobId, bytes: &[u8]) {
        if self.wants(id) {
            let named = partials_in(bytes);
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

/// Returns the versions of a prompt whose messages are indexed.
fn indexed_messages(
    table: &PromptTable,
    recent: &HashSet<VersionId>,
) -> impl Iterator<Item = VersionId> {
    let versions = table.versions.iter().map(|row| &row.version);
    versions
        .filter(|version| !recent.contains(&version.id) && !words_of(&version.message).is_empty())
        .map(|version| version.id)
}

/// Returns the versions with which a prompt is indexed, with their bodies, sorted.
///
/// `None` if the prompt is not indexed, or if it is in the tail.
fn indexed_versions(table: &PromptTable, tail: &UnindexedTail) -> Option<Vec<(VersionId, BlobId)>> {
    if table.state.is_none() || tail.touched(table.id) {
        return None;
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
    Some(current)
}

/// Returns the partials in a body, each once, sorted.
fn partials_in(bytes: &[u8]) -> Vec<(PromptId, EnvironmentName)> {
    // Most bodies have no tags, and are not parsed.
    if !std::str::from_utf8(bytes).is_ok_and(may_have_tags) {
        return Vec::new();
    }
    let json = serde_json::from_slice::<Value>(bytes);
    json.map_or_else(|_| Vec::new(), |json| named_in(&Uses::of(&json)))
}

/// Returns whether a body may contain a partial; if not, it contains none.
pub(crate) fn may_name_partials(bytes: &[u8]) -> bool {
    [&b"hcp"[..], b"\\u"]
        .iter()
        .any(|part| memmem::find(bytes, part).is_some())
}

/// The sums of the expected contents of the search index, in little memory.
///
/// They show whether the index has these contents, but not how it differs.
#[derive(Debug)]
pub(crate) struct ExpectedSums {
    keys: SumKeys,
    tail: UnindexedTail,
    recent: HashSet<VersionId>,
    items: MultisetSum,
    /// The beginning of the address of each current version's body, and the sum of the version.
    current: Vec<(u64, MultisetSum)>,
}

/// The sums of the partials in bodies, by the beginnings of the bodies' addresses.
#[derive(Debug, Default)]
pub(crate) struct PartialSums(HashMap<u64, MultisetSum>);

/// The sums of what the search index contains.
#[derive(Debug, Default)]
pub(crate) struct FoundSums {
    items: MultisetSum,
    uses: MultisetSum,
}

fn beginning(id: BlobId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl ExpectedSums {
    pub(crate) fn new(snapshot: &dyn Snapshot, keys: &SumKeys) -> Result<Self> {
        let tail = UnindexedTail::of(snapshot)?;
        Ok(Self {
            keys: keys.clone(),
            recent: tail.created.iter().map(|(id, _)| *id).collect(),
            tail,
            items: MultisetSum::default(),
            current: Vec::new(),
        })
    }

    /// Adds a prompt.
    pub(crate) fn prompt(&mut self, table: &PromptTable) {
        for id in indexed_messages(table, &self.recent) {
            self.items.add(self.keys.of(id), 1);
        }
        let Some(current) = indexed_versions(table, &self.tail) else {
            return;
        };
        self.items.add(self.keys.of(table.id), 1);
        for (version, blob) in current {
            self.items.add(self.keys.of((table.id, version)), 1);
            self.current.push((beginning(blob), self.keys.of(version)));
        }
    }

    /// Returns whether the index has the expected contents.
    pub(crate) fn is_met(&self, partials: &PartialSums, found: &FoundSums) -> bool {
        let mut uses = MultisetSum::default();
        for (blob, version) in &self.current {
            if let Some(partials) = partials.0.get(blob) {
                uses.add(version.pairs(*partials), 1);
            }
        }
        (self.items, uses) == (found.items, found.uses)
    }
}

impl PartialSums {
    /// Adds a body, whose bytes must have been verified.
    pub(crate) fn body(&mut self, keys: &SumKeys, id: BlobId, bytes: &[u8]) {
        for partial in partials_in(bytes) {
            let sum = self.0.entry(beginning(id)).or_default();
            sum.add(keys.of(partial), 1);
        }
    }
}

impl FoundSums {
    /// Reads the search index.
    pub(crate) fn of(snapshot: &dyn Snapshot, keys: &SumKeys) -> Result<Self> {
        let tail = UnindexedTail::of(snapshot)?;
        let mut sums = Self::default();
        visit::searchable(snapshot, |item| {
            match item {
                IndexedItem::Message(id) => sums.items.add(keys.of(id), 1),
                IndexedItem::Prompt(id, _) if tail.touched(id) => {}
                IndexedItem::Prompt(id, versions) => {
                    sums.items.add(keys.of(id), 1);
                    for (version, partials) in versions {
                        sums.items.add(keys.of((id, version)), 1);
                        for partial in partials {
                            sums.uses.add(keys.of(version).pairs(keys.of(partial)), 1);
                        }
                    }
                }
            }
            Ok(())
        })?;
        Ok(sums)
    }
}
