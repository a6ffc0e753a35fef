//! The contract check of a new version, outside the write lock if it may take long.
//!
//! A change blocks all other writers during its turn in the write queue. Small bodies are compared
//! during that turn, which costs less than a comparison in advance. For large bodies the turn is
//! given up, and the comparison runs beside the other writers. A second turn then uses its result
//! if that still holds.

use std::sync::Arc;

use super::new_version::{EnsuredVersion, VersionDraft};
use super::writer::{WriteContext, WriteTransaction};
use crate::engine::contract::{Breakage, Contract, breakages};
use crate::engine::read::bodies::BodyReader;
use crate::engine::read::partials::{PartialTarget, gather};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::record::Version;
use crate::model::work_counter;
use crate::storage::Snapshot;

/// The maximum size in bytes of bodies that are read and compared under the lock.
///
/// That takes a few milliseconds.
const MOST_UNDER_LOCK: u64 = 64 * 1024;

/// The result of comparing a body with a base.
#[derive(Debug)]
pub(crate) struct Judgement {
    base: BlobId,
    /// The bodies that the partials referred to, which the result depends on.
    pointed: Vec<PartialTarget>,
    breakages: Vec<Breakage>,
}

/// The reason why a version was not committed in its turn.
pub(crate) enum CommitInterrupted {
    Failed(Error),
    /// The version must be compared with this base first.
    Unjudged(Box<Version>),
}

/// The outcome of a commit's turn.
pub(crate) enum CommitAttempt {
    Committed(Box<EnsuredVersion>),
    Unjudged(Box<Version>),
}

impl From<Error> for CommitInterrupted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Judgement {
    /// Checks whether a body is large enough to be compared in advance, whatever its base is.
    pub(crate) fn takes_long(new: &Body) -> bool {
        new.as_bytes().len() as u64 > MOST_UNDER_LOCK
    }

    /// Compares a body with a base, with the partials as of a snapshot.
    pub(crate) fn of(
        snapshot: &dyn Snapshot,
        bodies: &BodyReader,
        context: &WriteContext,
        base: &Version,
        new: &Body,
    ) -> Result<Self> {
        let mut pointed = Vec::new();
        let read = |id| bodies.read_once(snapshot, id);
        let mut contract = |body: &Body| {
            let contract = contract(snapshot, &read, context, body, u64::MAX, &mut pointed)?;
            Ok::<_, Error>(contract.unwrap_or_else(|| context.contract_without_partials(body)))
        };
        let before = contract(&read(base.blob)?)?;
        let after = contract(new)?;
        Ok(Self {
            base: base.blob,
            breakages: breakages(&before, &after),
            pointed,
        })
    }

    /// Checks whether the result is for this base, and whether no partial has changed since.
    fn holds(&self, snapshot: &dyn Snapshot, base: &Version) -> Result<bool> {
        if self.base != base.blob {
            return Ok(false);
        }
        for pointed in &self.pointed {
            if !pointed.is_so(snapshot)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Returns the contract of a body, with its partials as of a snapshot.
///
/// Returns `None` if the partials have more than `most` bytes. Adds the bodies that the contract
/// depends on to `pointed`.
pub(crate) fn contract(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    context: &WriteContext,
    body: &Body,
    most: u64,
    pointed: &mut Vec<PartialTarget>,
) -> Result<Option<Arc<Contract>>> {
    let alone = context.contract_without_partials(body);
    if alone.partials.is_empty() {
        return Ok(Some(alone));
    }
    // Partials follow environments, so a contract that includes them holds for this snapshot only.
    let partials = gather(snapshot, read, alone.partials.clone(), most, pointed)?;
    Ok(partials.map(|partials| {
        let contract = body.look(|json| Contract::of_text(body.text(), json, &partials));
        Arc::new(contract)
    }))
}

impl WriteTransaction<'_> {
    /// Commits a version, unless the comparison with its base takes long and is still to be done.
    pub(crate) fn commit_in_turn(
        &mut self,
        new: &VersionDraft,
        judged: Option<&Judgement>,
    ) -> Result<CommitAttempt> {
        let committed = self.commit_judged(new, |writer, base| {
            if let Some(judged) = judged
                && judged.holds(&*writer.transaction, base)?
            {
                return Ok(judged.breakages.clone());
            }
            let found = writer.breakages_within(base, new, MOST_UNDER_LOCK)?;
            found.ok_or_else(|| CommitInterrupted::Unjudged(Box::new(base.clone())))
        });
        match committed {
            Ok(ensured) => Ok(CommitAttempt::Committed(Box::new(ensured))),
            Err(CommitInterrupted::Unjudged(base)) => Ok(CommitAttempt::Unjudged(base)),
            Err(CommitInterrupted::Failed(error)) => Err(error),
        }
    }

    /// Returns how a new body breaks callers of a base.
    ///
    /// Returns `None` if the bodies, those of partials included, have more than `most` bytes.
    pub(crate) fn breakages_within(
        &self,
        base: &Version,
        new: &VersionDraft,
        most: u64,
    ) -> Result<Option<Vec<Breakage>>> {
        let size = base.size.saturating_add(new.body.as_bytes().len() as u64);
        let Some(most) = most.checked_sub(size) else {
            return Ok(None);
        };
        work_counter::step();
        let Some(before) = self.contract_of(base, most)? else {
            return Ok(None);
        };
        let after = self.contract(&new.body, most)?;
        Ok(after.map(|after| breakages(&before, &after)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewPrompt, NewVersion, PromptId, Store};

    /// Returns a body that is too large to be compared under the lock.
    fn large(text: &str) -> String {
        let padding = "x".repeat(70_000);
        format!(
            r#"{{"messages": [{{"role": "user", "content": "{text}"}}], "padding": "{padding}"}}"#
        )
    }

    fn small(text: &str) -> String {
        format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#)
    }

    fn made(store: &Store, name: &str, body: &str) -> PromptId {
        let new = NewPrompt::new(name, body);
        store.create_prompt(new).unwrap().prompt.id
    }

    fn draft(new: &NewVersion) -> VersionDraft {
        new.clone().finish().unwrap()
    }

    fn in_turn(store: &Store, new: &VersionDraft, judged: Option<&Judgement>) -> CommitAttempt {
        store
            .change_for_test(|writer| writer.commit_in_turn(new, judged))
            .unwrap()
    }

    fn is_committed(attempt: &CommitAttempt) -> bool {
        matches!(attempt, CommitAttempt::Committed(_))
    }

    #[test]
    fn small_bodies_are_compared_under_the_lock() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &small("Hi"));
        let new = NewVersion::new(id, small("Hello"));
        assert!(is_committed(&in_turn(&store, &draft(&new), None)));
    }

    /// This also applies if only the base is large, and to a minor as well as a major version.
    #[test]
    fn large_bodies_are_compared_in_advance() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &large("{{hc:name:string}}"));
        let new = NewVersion::new(id, small("Hello"));
        let CommitAttempt::Unjudged(base) = in_turn(&store, &draft(&new), None) else {
            panic!("it was compared under the lock");
        };
        let judged = store.judge_for_test(&base, &draft(&new));
        assert_eq!(judged.breakages.len(), 1);
        let CommitAttempt::Committed(ensured) = in_turn(&store, &draft(&new), Some(&judged)) else {
            panic!("the judgement was not used");
        };
        assert_eq!(ensured.version.number.to_string(), "2.0");
        // The judgement does not apply to the next version.
        let next = NewVersion::new(id, large("Hello"));
        assert!(!is_committed(&in_turn(
            &store,
            &draft(&next),
            Some(&judged)
        )));
        assert_eq!(store.commit(next).unwrap().number.to_string(), "2.1");
    }

    #[test]
    fn a_partial_that_moved_meanwhile_is_compared_again() {
        let store = Store::in_memory().unwrap();
        let tone = made(&store, "tone", &large("warm"));
        let asking = NewVersion::new(tone, large("{{hc:tone:string}}"));
        store.commit(asking).unwrap();
        let id = made(&store, "greeting", &small("Hi"));
        let new = NewVersion::new(id, small(&format!("{{{{hcp:{tone}:0}}}}")));
        let CommitAttempt::Unjudged(base) = in_turn(&store, &draft(&new), None) else {
            panic!("a large partial was read under the lock");
        };
        let judged = store.judge_for_test(&base, &draft(&new));
        assert!(judged.breakages.is_empty());
        let moved = store.set_environment(tone, "production", "latest");
        moved.unwrap();
        assert!(!is_committed(&in_turn(&store, &draft(&new), Some(&judged))));
        assert_eq!(store.commit(new).unwrap().number.to_string(), "2.0");
    }

    /// A batch cannot give up its turn, so it compares large bodies under the lock.
    #[test]
    fn a_batch_compares_large_bodies_under_the_lock() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &large("{{hc:name:string}}"));
        let new = NewVersion::new(id, large("Hello"));
        let version = store.batch(|batch| batch.commit(new)).unwrap();
        assert_eq!(version.number.to_string(), "2.0");
    }
}
