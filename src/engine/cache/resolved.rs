//! The resolution cache: the versions and bodies of specs that were resolved before.
//!
//! Each cached answer was read from a snapshot that was taken after the index's change mark was
//! read. It is returned only while the mark is the same: then the index would return the same
//! answer. When the mark differs, the operations since then show which prompts changed. The answers
//! about other prompts stay valid under the new mark.
//!
//! Readers share no lock: they load the whole state, which is immutable and is replaced as a whole.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use archery::ArcTK;
use rpds::HashTrieMap;
use serde::Deserialize;

use crate::engine::write::writer::LogPoint;
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{OperationId, PromptId};
use crate::model::memory_size::{ENTRY, of_text};
use crate::model::record::Version;
use crate::model::version_number::{PromptRef, VersionSpec};
use crate::storage::{ChangeMark, Snapshot};

/// A version and its body.
///
/// Both are shared: resolving a cached spec copies neither.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
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
    last: LogPoint,
    answers: Map<VersionSpec, CachedAnswer>,
    /// The specs whose answer an operation on the prompt or name may change.
    hanging_on: Map<Dependency, Map<VersionSpec, ()>>,
    /// The memory that the answers take, in bytes.
    bytes: usize,
}

/// The state that an answer was read at: the change mark, and the snapshot's last operation.
///
/// The mark was read before the snapshot was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SnapshotStamp {
    mark: ChangeMark,
    last: LogPoint,
}

/// The log position before the first operation.
const NONE: LogPoint = (0, OperationId::ROOT);

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

/// The maximum number of answers, and the maximum memory that they take in bytes.
///
/// When either would be exceeded, the cache is cleared.
const MOST: (usize, usize) = (16 * 1024, 64 * 1024 * 1024);

/// If more operations than this must be read to catch up, the cache is cleared instead.
const MOST_OPERATIONS: u64 = 64;

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
        match mark.is_some() && current.mark == mark {
            true => current.answers.get(spec).and_then(part),
            false => None,
        }
    }

    /// Removes the answers that operations up to this snapshot changed, and marks the others valid.
    ///
    /// They are then valid under `mark`, which was read before the snapshot was taken. Returns the
    /// stamp for answers from the snapshot; none if there is no mark, or if the cache is ahead of
    /// the snapshot.
    pub(crate) fn catch_up(
        &self,
        mark: Option<ChangeMark>,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<SnapshotStamp>> {
        let Some(mark) = mark else { return Ok(None) };
        if self.current.load().mark == Some(mark) {
            let last = snapshot.last_operation()?.unwrap_or(NONE);
            return Ok(Some(SnapshotStamp { mark, last }));
        }
        let mut vouched = None;
        self.replace(|known| {
            // Another thread may have caught up with a later snapshot in the meantime.
            let Some(changed) = ChangesSince::since(known.last, snapshot)? else {
                return Ok(None);
            };
            let last = changed.last;
            vouched = Some(SnapshotStamp { mark, last });
            let mut next = match &changed.causes {
                Some(causes) => known.without(causes),
                None => CacheState::default(),
            };
            (next.mark, next.last) = (Some(mark), last);
            Ok(Some(next))
        })?;
        Ok(vouched)
    }

    /// Caches the version that a spec selected in a snapshot.
    ///
    /// Does nothing if the cache is of another mark or log position than the snapshot.
    pub(crate) fn put_version(
        &self,
        vouched: Option<SnapshotStamp>,
        spec: &VersionSpec,
        version: &Arc<Version>,
    ) {
        self.put(vouched, spec, |known| CachedAnswer {
            version: Arc::clone(version),
            resolved: known.and_then(|known| known.resolved.clone()),
        });
    }

    /// Caches as [`put_version`](Self::put_version) does, with the body.
    pub(crate) fn put_resolved(
        &self,
        vouched: Option<SnapshotStamp>,
        spec: &VersionSpec,
        resolved: &Arc<Resolved>,
    ) {
        self.put(vouched, spec, |_| CachedAnswer {
            version: Arc::clone(&resolved.version),
            resolved: Some(Arc::clone(resolved)),
        });
    }

    fn put(
        &self,
        vouched: Option<SnapshotStamp>,
        spec: &VersionSpec,
        answer: impl FnOnce(Option<&CachedAnswer>) -> CachedAnswer,
    ) {
        let Some(SnapshotStamp { mark, last }) = vouched else {
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
            last: NONE,
            answers: Map::default(),
            hanging_on: Map::default(),
            bytes: 0,
        }
    }
}

impl CacheState {
    fn with(&self, spec: &VersionSpec, answer: CachedAnswer) -> Self {
        let bytes = weight(spec, &answer);
        if bytes > MOST.1 {
            return self.clone();
        }
        let full = self.answers.size() >= MOST.0 || self.bytes + bytes > MOST.1;
        let mut next = match full {
            true => Self {
                mark: self.mark,
                last: self.last,
                ..Self::default()
            },
            false => self.clone(),
        };
        next.forget(spec);
        for cause in causes(spec, &answer) {
            let mut specs = next.hanging_on.get(&cause).cloned().unwrap_or_default();
            specs.insert_mut(spec.clone(), ());
            next.hanging_on.insert_mut(cause, specs);
        }
        next.bytes += bytes;
        next.answers.insert_mut(spec.clone(), answer);
        next
    }

    fn without(&self, causes: &HashSet<Dependency>) -> Self {
        let mut next = self.clone();
        for cause in causes {
            for spec in self.hanging_on.get(cause).into_iter().flat_map(Map::keys) {
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
        for cause in causes(spec, answer) {
            let Some(mut rest) = self.hanging_on.get(&cause).cloned() else {
                continue;
            };
            rest.remove_mut(spec);
            match rest.is_empty() {
                true => {
                    self.hanging_on.remove_mut(&cause);
                }
                false => self.hanging_on.insert_mut(cause, rest),
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
    let body = answer.resolved.as_ref().map(|resolved| &resolved.body);
    4 * ENTRY + name + answer.version.weight() + body.map_or(0, Body::weight)
}

fn causes(spec: &VersionSpec, answer: &CachedAnswer) -> impl Iterator<Item = Dependency> {
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
    last: LogPoint,
    /// None if there are too many operations, one cannot be parsed, or the history is another one.
    causes: Option<HashSet<Dependency>>,
}

impl ChangesSince {
    /// Reads the operations since `known`.
    ///
    /// Returns `None` if the snapshot is of an earlier position.
    fn since(known: LogPoint, snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let mut last = None;
        let mut causes = Some(HashSet::new());
        // The read begins with the known operation, which shows whether the snapshot has the same
        // history.
        snapshot.each_operation(known.0.saturating_sub(1), &mut |number, id, content| {
            last = Some((number, id));
            if number == known.0 {
                causes = causes.take().filter(|_| id == known.1);
            } else if number - known.0 > MOST_OPERATIONS || !tell(content, &mut causes) {
                causes = None;
            }
            Ok(match causes {
                Some(_) => ControlFlow::Continue(()),
                None => ControlFlow::Break(()),
            })
        })?;
        if causes.is_none() {
            last = snapshot.last_operation()?;
        }
        let start = (known == NONE).then_some(known);
        Ok(last.or(start).map(|last| Self { last, causes }))
    }
}

/// Adds the causes that an operation affects; returns false if its content cannot be parsed.
fn tell(content: &str, causes: &mut Option<HashSet<Dependency>>) -> bool {
    match (causes, serde_json::from_str::<ChangedItem<'_>>(content)) {
        (Some(causes), Ok(told)) => {
            told.changes.iter().for_each(|change| change.add_to(causes));
            true
        }
        _ => false,
    }
}

/// The part of an operation's content that its changes are about.
///
/// See [`OperationContent`](crate::history::OperationContent).
#[derive(Deserialize)]
struct ChangedItem<'a> {
    #[serde(borrow)]
    changes: Vec<ChangeText<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChangeText<'a> {
    Prompt {
        id: PromptId,
        #[serde(borrow)]
        after: Option<StateText<'a>>,
    },
    VersionCreated {
        prompt_id: PromptId,
    },
    VersionDeleted {
        prompt: PromptId,
    },
    VersionRestored {
        prompt: PromptId,
    },
    Environment {
        prompt: PromptId,
    },
}

#[derive(Deserialize)]
struct StateText<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl ChangeText<'_> {
    fn add_to(&self, causes: &mut HashSet<Dependency>) {
        match self {
            Self::Prompt { id, after } => {
                causes.insert(Dependency::Prompt(*id));
                // A spec that selected another prompt before may select this one now, by its name
                // or by its id.
                causes.insert(Dependency::Name(id.as_str().to_owned()));
                causes.extend(
                    after
                        .iter()
                        .map(|after| Dependency::Name(after.name.to_string())),
                );
            }
            Self::VersionCreated { prompt_id: prompt }
            | Self::VersionDeleted { prompt }
            | Self::VersionRestored { prompt }
            | Self::Environment { prompt } => {
                causes.insert(Dependency::Prompt(*prompt));
            }
        }
    }
}

#[cfg(test)]
#[path = "resolved_tests.rs"]
mod tests;
