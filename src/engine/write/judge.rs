//! The contract check of a new version, outside the write lock if it may take long.
//!
//! A change blocks all other writers during its turn in the write queue. Small bodies are compared
//! during that turn, which costs less than a comparison in advance. For large bodies the turn is
//! given up, and the comparison runs beside the other writers. A second turn then uses its result
//! if that still holds.

use super::context::WriteContext;
use super::new_version::{EnsuredVersion, VersionDraft};
use super::writer::WriteTransaction;
use crate::engine::contract::{Breakage, breakages};
use crate::engine::read::bodies::BodyReader;
use crate::engine::read::partials::PartialTarget;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::record::Version;
use crate::model::work_counter;
use crate::storage::Snapshot;

/// The maximum size in bytes of bodies that are read and compared under the lock.
///
/// That takes a few milliseconds.
const MAX_BYTES_UNDER_LOCK: u64 = 64 * 1024;

/// The result of comparing a body with a base.
#[derive(Clone, Debug)]
pub(crate) struct Judgement {
    base: BlobId,
    /// The body that was compared with the base.
    new: BlobId,
    /// The bodies that the partials referred to, which the result depends on.
    targets: Vec<PartialTarget>,
    breakages: Vec<Breakage>,
}

/// The reason why a version was not committed in its turn.
pub(crate) enum CommitInterrupted {
    Failed(Error),
    /// The version must be compared with this base first.
    NeedsJudgement(Box<Version>),
}

/// The outcome of a commit's turn.
pub(crate) enum CommitAttempt {
    Committed(Box<EnsuredVersion>),
    NeedsJudgement(Box<Version>),
}

impl From<Error> for CommitInterrupted {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Judgement {
    /// Checks whether a body is large enough to be compared in advance, whatever its base is.
    pub(crate) fn is_large(new: &Body) -> bool {
        new.as_bytes().len() as u64 > MAX_BYTES_UNDER_LOCK
    }

    /// Compares a body with a base, with the partials as of a snapshot.
    pub(crate) fn of(
        snapshot: &dyn Snapshot,
        bodies: &BodyReader,
        context: &WriteContext,
        base: &Version,
        new: &Body,
    ) -> Result<Self> {
        let mut targets = Vec::new();
        let read = |id| bodies.read_once(snapshot, id);
        let mut contract = |body: &Body| {
            let contract = context.contract(snapshot, &read, body, u64::MAX, &mut targets)?;
            Ok::<_, Error>(contract.unwrap_or_else(|| context.contract_without_partials(body)))
        };
        let before = contract(&read(base.blob)?)?;
        let after = contract(new)?;
        Ok(Self {
            base: base.blob,
            new: new.id(),
            breakages: breakages(&before, &after),
            targets,
        })
    }

    /// Returns the breakages, if one of the results is for these bodies and still holds.
    pub(super) fn find(
        judged: &[Self],
        snapshot: &dyn Snapshot,
        base: BlobId,
        new: BlobId,
    ) -> Result<Option<Vec<Breakage>>> {
        for one in judged {
            if one.holds(snapshot, base, new)? {
                return Ok(Some(one.breakages.clone()));
            }
        }
        Ok(None)
    }

    /// Checks whether the result is for these bodies, and whether no partial has changed since.
    fn holds(&self, snapshot: &dyn Snapshot, base: BlobId, new: BlobId) -> Result<bool> {
        if self.base != base || self.new != new {
            return Ok(false);
        }
        for target in &self.targets {
            if !target.still_holds(snapshot)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl WriteTransaction<'_> {
    /// Commits a version, unless the comparison with its base takes long and is still to be done.
    pub(crate) fn commit_in_turn(
        &mut self,
        new: &VersionDraft,
        judged: &[Judgement],
    ) -> Result<CommitAttempt> {
        let committed = self.commit_judged(new, |writer, base| {
            let snapshot = writer.transaction.snapshot();
            if let Some(found) = Judgement::find(judged, snapshot, base.blob, new.body.id())? {
                return Ok(found);
            }
            let found = writer.breakages_within(base, new, MAX_BYTES_UNDER_LOCK)?;
            found.ok_or_else(|| CommitInterrupted::NeedsJudgement(Box::new(base.clone())))
        });
        match committed {
            Ok(ensured) => Ok(CommitAttempt::Committed(Box::new(ensured))),
            Err(CommitInterrupted::NeedsJudgement(base)) => Ok(CommitAttempt::NeedsJudgement(base)),
            Err(CommitInterrupted::Failed(error)) => Err(error),
        }
    }

    /// Returns how a new body breaks callers of a base.
    ///
    /// Returns `None` if the bodies, those of partials included, have more than `max_bytes` bytes.
    pub(crate) fn breakages_within(
        &self,
        base: &Version,
        new: &VersionDraft,
        max_bytes: u64,
    ) -> Result<Option<Vec<Breakage>>> {
        let contracts = &self.context.contracts;
        if contracts.are_compatible(base.contract, new.contract) {
            return Ok(Some(Vec::new()));
        }
        let size = base.size.saturating_add(new.body.as_bytes().len() as u64);
        let Some(max_bytes) = max_bytes.checked_sub(size) else {
            return Ok(None);
        };
        work_counter::step();
        let Some(before) = self.contract_of(base.blob, max_bytes)? else {
            return Ok(None);
        };
        let after = self.contract(&new.body, max_bytes)?;
        let digests = (base.contract, new.contract);
        Ok(after.map(|after| contracts.compare(digests, &before, &after)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EnvironmentUpdate, NewPrompt, NewVersion, PromptId, Store};

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

    fn in_turn(store: &Store, new: &VersionDraft, judged: &[Judgement]) -> CommitAttempt {
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
        assert!(is_committed(&in_turn(&store, &draft(&new), &[])));
    }

    /// This also applies if only the base is large, and to a minor as well as a major version.
    #[test]
    fn large_bodies_are_compared_in_advance() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &large("{{hc:name:string}}"));
        let new = NewVersion::new(id, small("Hello"));
        let CommitAttempt::NeedsJudgement(base) = in_turn(&store, &draft(&new), &[]) else {
            panic!("it was compared under the lock");
        };
        let judged = store.judge_for_test(&base, &draft(&new));
        assert_eq!(judged.breakages.len(), 1);
        let CommitAttempt::Committed(ensured) =
            in_turn(&store, &draft(&new), std::slice::from_ref(&judged))
        else {
            panic!("the judgement was not used");
        };
        assert_eq!(ensured.version.number.to_string(), "2.0");
        // The judgement does not apply to the next version.
        let next = NewVersion::new(id, large("{{hc:age:number}}"));
        assert!(!is_committed(&in_turn(
            &store,
            &draft(&next),
            std::slice::from_ref(&judged)
        )));
        assert_eq!(store.commit(next).unwrap().number.to_string(), "3.0");
    }

    #[test]
    fn large_bodies_with_one_digest_need_no_comparison() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &large("Hi {{hc:name:string}}"));
        let new = NewVersion::new(id, large("Hello {{hc:name:string}}"));
        assert!(is_committed(&in_turn(&store, &draft(&new), &[])));
    }

    #[test]
    fn a_partial_that_moved_meanwhile_is_compared_again() {
        let store = Store::in_memory().unwrap();
        let tone = made(&store, "tone", &large("warm"));
        let asking = NewVersion::new(tone, large("{{hc:tone:string}}"));
        store.commit(asking).unwrap();
        let id = made(&store, "greeting", &small("Hi"));
        let new = NewVersion::new(id, small(&format!("{{{{hcp:{tone}:0}}}}")));
        let CommitAttempt::NeedsJudgement(base) = in_turn(&store, &draft(&new), &[]) else {
            panic!("a large partial was read under the lock");
        };
        let judged = store.judge_for_test(&base, &draft(&new));
        assert!(judged.breakages.is_empty());
        let update = EnvironmentUpdate::set(tone, "production", "latest");
        store.update_environment(update.allow_breaking()).unwrap();
        assert!(!is_committed(&in_turn(
            &store,
            &draft(&new),
            std::slice::from_ref(&judged)
        )));
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
