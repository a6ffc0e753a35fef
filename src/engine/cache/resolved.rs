//! The resolution cache: the versions and bodies of specs that were resolved before.
//!
//! Each cached answer was read from a snapshot that was taken after the index's change mark was
//! read. It is returned only while the mark is the same: then the index would return the same
//! answer. When the mark differs, the operations since then show which prompts changed. The answers
//! about other prompts stay valid under the new mark.
//!
//! Readers share no lock: they load the whole state, which is immutable and is replaced as a whole.

use std::collections::HashSet;
use std::hash::BuildHasher;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use archery::ArcTK;
use rpds::HashTrieMap;

use crate::engine::visit;
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{PromptId, PromptName};
use crate::model::log_position::LogPosition;
use crate::model::memory_size::{ENTRY, of_text};
use crate::model::operation_text::{self, ChangedItem};
use crate::model::record::Version;
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::{ChangeMark, Snapshot};

/// A version and its body.
///
/// Both are shared: resolving a cached spec copies neither.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The name of the version's prompt, if the spec selected it by name.
    pub(crate) prompt_name: Option<PromptName>,
    /// The version.
    pub version: Arc<Version>,
    /// Its body, with the hash verified.
    pub body: Body,
}

/// The versions that the specs of one store select.
#[derive(Debug, Default)]
pub(crate) struct ResolvedSpecs {
    current: ArcSwap<CacheState>,
    /// Locked while `current` is replaced.
    replacing: Mutex<()>,
}

type Map<K, V> = HashTrieMap<K, V, ArcTK, foldhash::fast::RandomState>;

/// Answers of the index, read at the operation `last`, and still valid under `mark`.
#[derive(Clone, Debug)]
struct CacheState {
    mark: Option<ChangeMark>,
    last: LogPosition,
    answers: Map<VersionSpec, CachedAnswer>,
    /// The specs whose answer an operation on the prompt or name may change.
    dependents: Map<Dependency, Map<VersionSpec, ()>>,
    /// The memory that the answers take, in bytes.
    bytes: usize,
}

/// The state that an answer was read at: the change mark, and the snapshot's last operation.
///
/// The mark was read before the snapshot was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotStamp {
    mark: ChangeMark,
    last: LogPosition,
}

#[derive(Clone, Debug)]
struct CachedAnswer {
    version: Arc<Version>,
    /// The version with its body, once the body was requested.
    resolved: Option<Arc<Resolved>>,
}

/// What an answer depends on: the prompt that it is about, and the name that selected it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Dependency {
    Prompt(PromptId),
    Name(String),
}

/// The maximum number of answers. When it would be exceeded, some are removed.
const MAX_ANSWERS: usize = 16 * 1024;
/// The maximum memory that the answers take, in bytes. When it would be exceeded, some are removed.
///
/// Each body counts with its values, which take several times the memory of its text. They exist
/// only if the caller has asked for them, so a full cache usually takes a fraction of this.
const MAX_BYTES: usize = 192 * 1024 * 1024;
/// The part of the answers that is removed at once: one in this number.
const REMOVED_PART: usize = 32;

/// If more operations than this must be read to catch up, the cache is cleared instead.
const MAX_CATCH_UP_OPERATIONS: u64 = 64;

impl ResolvedSpecs {
    /// Returns the version that a spec selects, if it is cached under the current mark.
    pub(crate) fn version(
        &self,
        mark: Option<ChangeMark>,
        spec: &VersionSpec,
    ) -> Option<Arc<Version>> {
        self.get(mark, spec, |answer| Some(Arc::clone(&answer.version)))
    }

    /// Returns the version of a spec and its body, if both are cached under the current mark.
    pub(crate) fn resolved(
        &self,
        mark: Option<ChangeMark>,
        spec: &VersionSpec,
    ) -> Option<Arc<Resolved>> {
        self.get(mark, spec, |answer| answer.resolved.clone())
    }

    fn get<T>(
        &self,
        mark: Option<ChangeMark>,
        spec: &VersionSpec,
        part: impl FnOnce(&CachedAnswer) -> Option<T>,
    ) -> Option<T> {
        let current = self.current.load();
        if mark.is_none() || current.mark != mark {
            return None;
        }
        current.answers.get(spec).and_then(part)
    }

    /// Removes the answers that operations up to this snapshot changed, and marks the others valid.
    ///
    /// They are then valid under `mark`, which was read before the snapshot was taken. If there is
    /// nothing to remove, the snapshot is not read.
    pub(crate) fn catch_up(&self, mark: Option<ChangeMark>, snapshot: &dyn Snapshot) -> Result<()> {
        let current = self.current.load();
        if mark.is_none() || current.mark == mark || current.answers.is_empty() {
            return Ok(());
        }
        self.replace(|known| {
            // Another thread may have caught up with a later snapshot in the meantime.
            let Some(changes) = ChangesSince::since(known.last, snapshot)? else {
                return Ok(None);
            };
            let mut next = match &changes.changed {
                Some(changed) => known.without(changed),
                None => CacheState::default(),
            };
            (next.mark, next.last) = (mark, changes.last);
            Ok(Some(next))
        })
    }

    /// Returns the stamp for answers from a snapshot with this last operation.
    ///
    /// Returns `None` if there is no mark. Answers are cached only if the cache has caught up with
    /// this snapshot.
    pub(crate) fn stamp(
        &self,
        mark: Option<ChangeMark>,
        last: LogPosition,
    ) -> Option<SnapshotStamp> {
        let mark = mark?;
        let current = self.current.load();
        if current.answers.is_empty() && (current.mark, current.last) != (Some(mark), last) {
            // The closure returns no error.
            let _ = self.replace(|known| {
                let begins = known.answers.is_empty() && known.last.number <= last.number;
                Ok(begins.then(|| CacheState {
                    mark: Some(mark),
                    last,
                    ..CacheState::default()
                }))
            });
        }
        Some(SnapshotStamp { mark, last })
    }

    /// Caches the version that a spec selected in a snapshot.
    ///
    /// Does nothing if the cache is of another mark or log position than the snapshot.
    pub(crate) fn put_version(
        &self,
        stamp: Option<SnapshotStamp>,
        spec: &VersionSpec,
        version: &Arc<Version>,
    ) {
        self.put(stamp, spec, |known| CachedAnswer {
            version: Arc::clone(version),
            resolved: known.and_then(|known| known.resolved.clone()),
        });
    }

    /// Caches as [`put_version`](Self::put_version) does, with the body.
    pub(crate) fn put_resolved(
        &self,
        stamp: Option<SnapshotStamp>,
        spec: &VersionSpec,
        resolved: &Arc<Resolved>,
    ) {
        self.put(stamp, spec, |_| CachedAnswer {
            version: Arc::clone(&resolved.version),
            resolved: Some(Arc::clone(resolved)),
        });
    }

    fn put(
        &self,
        stamp: Option<SnapshotStamp>,
        spec: &VersionSpec,
        answer: impl FnOnce(Option<&CachedAnswer>) -> CachedAnswer,
    ) {
        let Some(SnapshotStamp { mark, last }) = stamp else {
            return;
        };
        // The closure returns no error.
        let _ = self.replace(|known| {
            // Two snapshots that were taken after the same mark was read need not be the same.
            let same = known.mark == Some(mark) && known.last == last;
            Ok(same.then(|| known.with(spec, answer(known.answers.get(spec)))))
        });
    }

    fn replace(&self, next: impl FnOnce(&CacheState) -> Result<Option<CacheState>>) -> Result<()> {
        let replacing = self.replacing.lock();
        let _replacing = replacing.unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next(&self.current.load())? {
            self.current.store(Arc::new(next));
        }
        Ok(())
    }
}

impl Default for CacheState {
    fn default() -> Self {
        Self {
            mark: None,
            last: LogPosition::START,
            answers: Map::default(),
            dependents: Map::default(),
            bytes: 0,
        }
    }
}

impl CacheState {
    fn with(&self, spec: &VersionSpec, answer: CachedAnswer) -> Self {
        let bytes = weight(spec, &answer);
        if bytes > MAX_BYTES {
            return self.clone();
        }
        let mut next = self.clone();
        next.forget(spec);
        if next.answers.size() >= MAX_ANSWERS || next.bytes + bytes > MAX_BYTES {
            next.make_room(spec, bytes);
        }
        for dependency in dependencies(spec, &answer) {
            let mut specs = next
                .dependents
                .get(&dependency)
                .cloned()
                .unwrap_or_default();
            specs.insert_mut(spec.clone(), ());
            next.dependents.insert_mut(dependency, specs);
        }
        next.bytes += bytes;
        next.answers.insert_mut(spec.clone(), answer);
        next
    }

    /// Forgets some answers, so that one about `spec` of this weight fits.
    ///
    /// They are consecutive in the order of the map, from a random place on.
    fn make_room(&mut self, spec: &VersionSpec, bytes: usize) {
        let answers = self.answers.clone();
        let most = MAX_ANSWERS - MAX_ANSWERS / REMOVED_PART;
        let most_bytes = (MAX_BYTES - MAX_BYTES / REMOVED_PART).min(MAX_BYTES - bytes);
        let random = foldhash::fast::RandomState::default().hash_one(spec) as usize;
        let start = random.checked_rem(answers.size()).unwrap_or(0);
        for old in answers.keys().skip(start).chain(answers.keys().take(start)) {
            if self.answers.size() <= most && self.bytes <= most_bytes {
                break;
            }
            self.forget(old);
        }
    }

    fn without(&self, changed: &HashSet<Dependency>) -> Self {
        let mut next = self.clone();
        for dependency in changed {
            for spec in self
                .dependents
                .get(dependency)
                .into_iter()
                .flat_map(Map::keys)
            {
                next.forget(spec);
            }
        }
        next
    }

    fn forget(&mut self, spec: &VersionSpec) {
        let Some(answer) = self.answers.get(spec) else {
            return;
        };
        self.bytes -= weight(spec, answer);
        for dependency in dependencies(spec, answer) {
            let Some(mut rest) = self.dependents.get(&dependency).cloned() else {
                continue;
            };
            rest.remove_mut(spec);
            if rest.is_empty() {
                self.dependents.remove_mut(&dependency);
            } else {
                self.dependents.insert_mut(dependency, rest);
            }
        }
        self.answers.remove_mut(spec);
    }
}

/// Returns the memory that an answer takes, in bytes.
fn weight(spec: &VersionSpec, answer: &CachedAnswer) -> usize {
    // A spec is stored in three places. Its texts fit in the entries' size, except for a long name.
    let name = match &spec.prompt {
        Some(PromptRef::Name(name)) => 3 * of_text(name.as_str()),
        _ => 0,
    };
    let resolved = answer.resolved.as_ref().map_or(0, |resolved| {
        let name = resolved.prompt_name.as_ref();
        name.map_or(0, |name| of_text(name.as_str())) + Body::weight(&resolved.body)
    });
    4 * ENTRY + name + answer.version.weight() + resolved
}

fn dependencies(spec: &VersionSpec, answer: &CachedAnswer) -> impl Iterator<Item = Dependency> {
    let name = match &spec.prompt {
        None | Some(PromptRef::Id(_)) => None,
        Some(PromptRef::Name(name)) => Some(name.as_str().to_owned()),
        Some(PromptRef::IdOrName(id)) => Some(id.as_str().to_owned()),
    };
    let prompt = Dependency::Prompt(answer.version.prompt_id);
    [Some(prompt), name.map(Dependency::Name)]
        .into_iter()
        .flatten()
}

/// The effects of the operations since a log position.
struct ChangesSince {
    /// The position of the last operation of the snapshot.
    last: LogPosition,
    /// None if there are too many operations, one cannot be parsed, or the history is another one.
    changed: Option<HashSet<Dependency>>,
}

impl ChangesSince {
    /// Reads the operations since `known`.
    ///
    /// Returns `None` if the snapshot is of an earlier position.
    fn since(known: LogPosition, snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let mut last = None;
        let mut changed = Some(HashSet::new());
        // The read begins with the known operation, which shows whether the snapshot has the same
        // history.
        visit::operations(
            snapshot,
            known.number.saturating_sub(1),
            |number, id, content| {
                last = Some(LogPosition { number, id });
                if number == known.number {
                    changed = changed.take().filter(|_| id == known.id);
                } else if number - known.number > MAX_CATCH_UP_OPERATIONS
                    || !add_changed(content, &mut changed)
                {
                    changed = None;
                }
                Ok(match changed {
                    Some(_) => ControlFlow::Continue(()),
                    None => ControlFlow::Break(()),
                })
            },
        )?;
        if changed.is_none() {
            let operation = snapshot.last_operation()?;
            last = operation.map(|(number, id)| LogPosition { number, id });
        }
        let start = (known == LogPosition::START).then_some(known);
        Ok(last.or(start).map(|last| Self { last, changed }))
    }
}

/// Adds the changed that an operation affects; returns false if its content cannot be parsed.
fn add_changed(content: &str, changed: &mut Option<HashSet<Dependency>>) -> bool {
    match (changed, operation_text::changed_items(content)) {
        (Some(changed), Ok(items)) => {
            for item in &items {
                changed.extend(affected(item));
            }
            true
        }
        _ => false,
    }
}

/// Returns what the cached answers that a change affects depend on.
///
/// No answer depends on the store itself.
fn affected(item: &ChangedItem<'_>) -> impl Iterator<Item = Dependency> {
    let prompt = item.prompt();
    // A spec that selected another prompt before may select this one now, by its name or by its id.
    let id = prompt.filter(|_| item.is_of_prompt());
    let id = id.map(|prompt| prompt.as_str().to_owned());
    let name = item.name_after().map(str::to_owned);
    let names = [id, name].into_iter().flatten().map(Dependency::Name);
    prompt.map(Dependency::Prompt).into_iter().chain(names)
}

#[cfg(test)]
#[path = "resolved_tests.rs"]
mod tests;
