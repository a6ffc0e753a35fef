//! Which version a spec names, and its body, from memory: for as long as nobody has changed its prompt.
//!
//! What is in memory was read from a snapshot that was taken after the index's change mark was read, and is answered under
//! an equal mark only: then it is what the index would answer. When the mark is another, the operations since tell which
//! prompts changed; the rest stays, under the new mark.
//!
//! Readers share no lock: what they look into is replaced as a whole, and never changed.

use std::borrow::Cow;
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use archery::ArcTK;
use rpds::HashTrieMap;
use serde::Deserialize;

use crate::engine::write::writer::Place;
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{OperationId, PromptId};
use crate::model::memory_size::{ENTRY, of_text};
use crate::model::record::Version;
use crate::model::version_number::{PromptRef, Spec};
use crate::storage::{ChangeMark, Snapshot};

/// A version and its body. Both are shared: resolving what is in memory copies neither.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The version.
    pub version: Arc<Version>,
    /// Its body, the bytes checked.
    pub body: Body,
}

/// What specs name, of one store.
#[derive(Debug, Default)]
pub(crate) struct ResolvedSpecs {
    current: ArcSwap<Answers>,
    /// Held while `current` is replaced.
    replacing: Mutex<()>,
}

type Map<K, V> = HashTrieMap<K, V, ArcTK, foldhash::fast::RandomState>;

/// What the index answered, all of it as of the operation `last`, and still so under `mark`.
#[derive(Clone, Debug)]
struct Answers {
    mark: Option<ChangeMark>,
    last: Place,
    answers: Map<Spec, Answer>,
    /// The specs whose answer an operation on this may change.
    hanging_on: Map<Cause, Map<Spec, ()>>,
    /// The memory that the answers take.
    bytes: usize,
}

/// Vouches for what a snapshot answers: the mark that was read before it was taken, and its last operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Vouched {
    mark: ChangeMark,
    last: Place,
}

/// Before the first operation.
const NONE: Place = (0, OperationId::ROOT);

#[derive(Clone, Debug)]
struct Answer {
    version: Arc<Version>,
    /// With the body, once somebody asked for it.
    resolved: Option<Arc<Resolved>>,
}

/// What an answer hangs on: the prompt it is of, and the name it was asked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Cause {
    Prompt(PromptId),
    Name(String),
}

/// Answers kept in memory, and the memory that they take; when there are more, all are forgotten.
const MOST: (usize, usize) = (16 * 1024, 64 * 1024 * 1024);

/// More operations than this are not looked through: all answers are forgotten.
const MOST_OPERATIONS: u64 = 64;

impl ResolvedSpecs {
    /// The version that a spec names, if that is known under the current mark.
    pub(crate) fn version(&self, mark: Option<ChangeMark>, spec: &Spec) -> Option<Arc<Version>> {
        self.get(mark, spec, |answer| Some(Arc::clone(&answer.version)))
    }

    /// The version that a spec names, with its body, if both are known under the current mark.
    pub(crate) fn resolved(&self, mark: Option<ChangeMark>, spec: &Spec) -> Option<Arc<Resolved>> {
        self.get(mark, spec, |answer| answer.resolved.clone())
    }

    fn get<T>(
        &self,
        mark: Option<ChangeMark>,
        spec: &Spec,
        part: impl FnOnce(&Answer) -> Option<T>,
    ) -> Option<T> {
        let current = self.current.load();
        match mark.is_some() && current.mark == mark {
            true => current.answers.get(spec).and_then(part),
            false => None,
        }
    }

    /// Makes what is in memory hold under a mark that was read before this snapshot was taken: forgets what was changed
    /// since. Answers what vouches for what the snapshot answers; without a mark nothing does.
    pub(crate) fn catch_up(
        &self,
        mark: Option<ChangeMark>,
        snapshot: &dyn Snapshot,
    ) -> Result<Option<Vouched>> {
        let Some(mark) = mark else { return Ok(None) };
        if self.current.load().mark == Some(mark) {
            let last = snapshot.last_operation()?.unwrap_or(NONE);
            return Ok(Some(Vouched { mark, last }));
        }
        let mut vouched = None;
        self.replace(|known| {
            // Somebody who came later was faster, perhaps: what is known is of a later moment than this snapshot.
            let Some(changed) = Changed::since(known.last, snapshot)? else {
                return Ok(None);
            };
            let last = changed.last;
            vouched = Some(Vouched { mark, last });
            let mut next = match &changed.causes {
                Some(causes) => known.without(causes),
                None => Answers::default(),
            };
            (next.mark, next.last) = (Some(mark), last);
            Ok(Some(next))
        })?;
        Ok(vouched)
    }

    /// Remembers what a spec named in a snapshot, if what is in memory is of the same moment.
    pub(crate) fn put_version(
        &self,
        vouched: Option<Vouched>,
        spec: &Spec,
        version: &Arc<Version>,
    ) {
        self.put(vouched, spec, |known| Answer {
            version: Arc::clone(version),
            resolved: known.and_then(|known| known.resolved.clone()),
        });
    }

    /// As [`put_version`](Self::put_version), with the body.
    pub(crate) fn put_resolved(
        &self,
        vouched: Option<Vouched>,
        spec: &Spec,
        resolved: &Arc<Resolved>,
    ) {
        self.put(vouched, spec, |_| Answer {
            version: Arc::clone(&resolved.version),
            resolved: Some(Arc::clone(resolved)),
        });
    }

    fn put(
        &self,
        vouched: Option<Vouched>,
        spec: &Spec,
        answer: impl FnOnce(Option<&Answer>) -> Answer,
    ) {
        let Some(Vouched { mark, last }) = vouched else {
            return;
        };
        // Never an error: this closure makes none.
        let _ = self.replace(|known| {
            // Two snapshots that were taken after a mark was read need not be the same.
            let same = known.mark == Some(mark) && known.last == last;
            Ok(same.then(|| known.with(spec, answer(known.answers.get(spec)))))
        });
    }

    fn replace(&self, next: impl FnOnce(&Answers) -> Result<Option<Answers>>) -> Result<()> {
        let replacing = self.replacing.lock();
        let _replacing = replacing.unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = next(&self.current.load())? {
            self.current.store(Arc::new(next));
        }
        Ok(())
    }
}

impl Default for Answers {
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

impl Answers {
    fn with(&self, spec: &Spec, answer: Answer) -> Self {
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

    fn without(&self, causes: &HashSet<Cause>) -> Self {
        let mut next = self.clone();
        for cause in causes {
            for spec in self.hanging_on.get(cause).into_iter().flat_map(Map::keys) {
                next.forget(spec);
            }
        }
        next
    }

    fn forget(&mut self, spec: &Spec) {
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

/// The memory that an answer takes.
fn weight(spec: &Spec, answer: &Answer) -> usize {
    // A spec is kept in three places; its texts, but for a long name, are of the entries' size.
    let name = match &spec.prompt {
        Some(PromptRef::Name(name)) => 3 * of_text(name.as_str()),
        _ => 0,
    };
    let body = answer.resolved.as_ref().map(|resolved| &resolved.body);
    4 * ENTRY + name + answer.version.weight() + body.map_or(0, Body::weight)
}

fn causes(spec: &Spec, answer: &Answer) -> impl Iterator<Item = Cause> {
    let name = match &spec.prompt {
        None | Some(PromptRef::Id(_)) => None,
        Some(PromptRef::Name(name)) => Some(name.as_str().to_owned()),
        Some(PromptRef::IdOrName(id)) => Some(id.as_str().to_owned()),
    };
    let prompt = Cause::Prompt(answer.version.prompt_id);
    [Some(prompt), name.map(Cause::Name)].into_iter().flatten()
}

/// What operations changed since those that are known.
struct Changed {
    /// The last of them, or of those that are known.
    last: Place,
    /// None where that is too much to tell, or another history.
    causes: Option<HashSet<Cause>>,
}

impl Changed {
    /// None in a snapshot of an earlier moment than what is known.
    fn since(known: Place, snapshot: &dyn Snapshot) -> Result<Option<Self>> {
        let mut last = None;
        let mut causes = Some(HashSet::new());
        // From the known one on: it tells whether this is the history that it is of.
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

/// Adds what an operation changed; false where that can't be told.
fn tell(content: &str, causes: &mut Option<HashSet<Cause>>) -> bool {
    match (causes, serde_json::from_str::<Told<'_>>(content)) {
        (Some(causes), Ok(told)) => {
            told.changes.iter().for_each(|change| change.add_to(causes));
            true
        }
        _ => false,
    }
}

/// Of an operation's content, what its changes are about. See [`OperationContent`](crate::OperationContent).
#[derive(Deserialize)]
struct Told<'a> {
    #[serde(borrow)]
    changes: Vec<ToldChange<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum ToldChange<'a> {
    Prompt {
        id: PromptId,
        #[serde(borrow)]
        after: Option<ToldState<'a>>,
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
struct ToldState<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

impl ToldChange<'_> {
    fn add_to(&self, causes: &mut HashSet<Cause>) {
        match self {
            Self::Prompt { id, after } => {
                causes.insert(Cause::Prompt(*id));
                // A spec that names another prompt so far may name this one too, by its name or by its id.
                causes.insert(Cause::Name(id.as_str().to_owned()));
                causes.extend(
                    after
                        .iter()
                        .map(|after| Cause::Name(after.name.to_string())),
                );
            }
            Self::VersionCreated { prompt_id: prompt }
            | Self::VersionDeleted { prompt }
            | Self::VersionRestored { prompt }
            | Self::Environment { prompt } => {
                causes.insert(Cause::Prompt(*prompt));
            }
        }
    }
}

#[cfg(test)]
#[path = "resolved_tests.rs"]
mod tests;
