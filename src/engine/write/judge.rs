//! How a new body breaks callers of its base, found out before its turn to write if that may take long.
//!
//! In its turn a change keeps all others waiting. So small bodies are compared there, which costs less than a look ahead;
//! of large ones the turn is given back, the two are compared beside the other writers, and what was found is used in
//! another turn if it still holds then.

use std::sync::Arc;

use super::commit::NewVersion;
use super::writer::{Context, Writer};
use crate::engine::contract::{Breakage, Contract, breakages};
use crate::engine::read::bodies::Bodies;
use crate::engine::read::partials::{Pointed, gather};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::record::Version;
use crate::model::work_counter;
use crate::storage::Snapshot;

/// Bytes of bodies that are read and compared under the lock: they take a few milliseconds.
const MOST_UNDER_LOCK: u64 = 64 * 1024;

/// What comparing a body with a base found.
#[derive(Debug)]
pub(crate) struct Judgement {
    base: BlobId,
    /// What it hangs on: the bodies that their partials named.
    pointed: Vec<Pointed>,
    breakages: Vec<Breakage>,
}

/// Why a version was not committed in its turn.
pub(crate) enum Pause {
    Failed(Error),
    /// It is to be compared with this base first.
    Unjudged(Box<Version>),
}

/// What became of a change in its turn.
pub(crate) enum Attempt {
    Committed(Box<Version>),
    Unjudged(Box<Version>),
}

impl From<Error> for Pause {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

impl Judgement {
    /// Whether comparing a body of this size is worth a look ahead, whatever its base is.
    pub(crate) fn takes_long(new: &Body) -> bool {
        new.as_bytes().len() as u64 > MOST_UNDER_LOCK
    }

    /// Compares a body with a base, as things stand in a snapshot.
    pub(crate) fn of(
        snapshot: &dyn Snapshot,
        bodies: &Bodies,
        context: &Context,
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

    /// Whether it is of this base, and no partial changed since.
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

/// What a body asks of its callers, with its partials as they are in a snapshot; nothing if those have more bytes than
/// `most`. Adds what that hangs on.
pub(crate) fn contract(
    snapshot: &dyn Snapshot,
    read: &dyn Fn(BlobId) -> Result<Body>,
    context: &Context,
    body: &Body,
    most: u64,
    pointed: &mut Vec<Pointed>,
) -> Result<Option<Arc<Contract>>> {
    let alone = context.contract_without_partials(body);
    if alone.partials.is_empty() {
        return Ok(Some(alone));
    }
    // Partials follow pointers, so a contract with them holds for this moment only.
    let partials = gather(snapshot, read, alone.partials.clone(), most, pointed)?;
    Ok(partials.map(|partials| {
        let contract = body.look(|json| Contract::of_text(body.text(), json, &partials));
        Arc::new(contract)
    }))
}

impl Writer<'_> {
    /// Commits a version in its turn, unless it takes long to compare it with its base and that was not done before.
    pub(crate) fn commit_in_turn(
        &mut self,
        new: &NewVersion,
        judged: Option<&Judgement>,
    ) -> Result<Attempt> {
        let committed = self.commit_judged(new, |writer, base| {
            if let Some(judged) = judged
                && judged.holds(&*writer.transaction, base)?
            {
                return Ok(judged.breakages.clone());
            }
            let found = writer.breakages_within(base, new, MOST_UNDER_LOCK)?;
            found.ok_or_else(|| Pause::Unjudged(Box::new(base.clone())))
        });
        match committed {
            Ok(version) => Ok(Attempt::Committed(Box::new(version))),
            Err(Pause::Unjudged(base)) => Ok(Attempt::Unjudged(base)),
            Err(Pause::Failed(error)) => Err(error),
        }
    }

    /// How a new body breaks callers of a base; nothing if more bytes than `most` would have to be read for that.
    pub(crate) fn breakages_within(
        &self,
        base: &Version,
        new: &NewVersion,
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
    use crate::{Expected, NewPrompt, PromptId, Store};

    /// A body of more bytes than are compared under the lock.
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
        let new = NewPrompt::new(name, body).unwrap();
        store.create_prompt(new).unwrap().prompt.id
    }

    fn in_turn(store: &Store, new: &NewVersion, judged: Option<&Judgement>) -> Attempt {
        store
            .change_for_test(|writer| writer.commit_in_turn(new, judged))
            .unwrap()
    }

    fn is_committed(attempt: &Attempt) -> bool {
        matches!(attempt, Attempt::Committed(_))
    }

    #[test]
    fn small_bodies_are_compared_in_their_turn() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &small("Hi"));
        let new = NewVersion::new(id, small("Hello")).unwrap();
        assert!(is_committed(&in_turn(&store, &new, None)));
    }

    /// Also if the base alone is large, and whatever that makes of the new one.
    #[test]
    fn large_bodies_are_compared_before() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &large("{{hc:name:string}}"));
        let new = NewVersion::new(id, small("Hello")).unwrap();
        let Attempt::Unjudged(base) = in_turn(&store, &new, None) else {
            panic!("it was compared under the lock");
        };
        let judged = store.judge_for_test(&base, &new);
        assert_eq!(judged.breakages.len(), 1);
        let Attempt::Committed(version) = in_turn(&store, &new, Some(&judged)) else {
            panic!("what was found is not used");
        };
        assert_eq!(version.number.to_string(), "2.0");
        // Of the next version it says nothing.
        let next = NewVersion::new(id, large("Hello")).unwrap();
        assert!(!is_committed(&in_turn(&store, &next, Some(&judged))));
        assert_eq!(store.commit(next).unwrap().number.to_string(), "2.1");
    }

    #[test]
    fn a_partial_that_moved_meanwhile_is_compared_again() {
        let store = Store::in_memory().unwrap();
        let tone = made(&store, "tone", &large("warm"));
        let asking = NewVersion::new(tone, large("{{hc:tone:string}}")).unwrap();
        store.commit(asking).unwrap();
        let id = made(&store, "greeting", &small("Hi"));
        let new = NewVersion::new(id, small(&format!("{{{{hcp:{tone}:0}}}}"))).unwrap();
        let Attempt::Unjudged(base) = in_turn(&store, &new, None) else {
            panic!("a large partial was read under the lock");
        };
        let judged = store.judge_for_test(&base, &new);
        assert!(judged.breakages.is_empty());
        let moved = store.set_environment(tone, "production", "latest", Expected::Any);
        moved.unwrap();
        assert!(!is_committed(&in_turn(&store, &new, Some(&judged))));
        assert_eq!(store.commit(new).unwrap().number.to_string(), "2.0");
    }

    /// In a batch nobody waits for less than the whole.
    #[test]
    fn a_batch_compares_large_bodies_itself() {
        let store = Store::in_memory().unwrap();
        let id = made(&store, "greeting", &large("{{hc:name:string}}"));
        let new = NewVersion::new(id, large("Hello")).unwrap();
        let version = store.batch(|batch| batch.commit(new)).unwrap();
        assert_eq!(version.number.to_string(), "2.0");
    }
}
