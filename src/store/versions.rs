//! Versions committed and deleted, and the inputs that are recorded beside them, through a store.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::handle::{Inner, Store};
use crate::engine::{Attempt, Judgement, NewVersion, find_prompt, find_version};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, VersionId};
use crate::model::record::{RecordedInputs, Version};
use crate::model::version_number::{Bump, Spec};

/// How often a commit gives its turn back to be compared with its base.
const TURNS: usize = 3;

impl Store {
    /// Commits a version: numbers it, checks it against the bump rules, moves an environment to it if asked.
    ///
    /// # Errors
    ///
    /// [`Breaking`](Error::Breaking) with every reason, where a minor is asked for that is none;
    /// [`Conflict`](Error::Conflict) where the highest version is not the expected one; [`NoBase`](Error::NoBase),
    /// [`VersionNotFound`](Error::VersionNotFound) or [`ForeignVersion`](Error::ForeignVersion) for a base that is not
    /// there; [`InvalidBody`](Error::InvalidBody) for more than [`Body::MAX_TAGS`](crate::Body::MAX_TAGS) template tags; as
    /// [`prompt`](crate::View::prompt).
    pub fn commit(&self, new: NewVersion) -> Result<Version> {
        new.check()?;
        if new.bump == Bump::Major {
            return self.write(move |writer| writer.commit_version(&new));
        }
        // What takes long is done before it is this one's turn, so that nobody waits for it.
        self.inner.context.contract_without_partials(&new.body);
        let new = Arc::new(new);
        let mut judged = match Judgement::takes_long(&new.body) {
            true => self.judge_ahead(&new),
            false => None,
        };
        for _ in 0..TURNS {
            let (new_here, judged_here) = (Arc::clone(&new), judged.take());
            let attempt =
                self.write(move |writer| writer.commit_in_turn(&new_here, judged_here.as_ref()))?;
            match attempt {
                Attempt::Committed(version) => return Ok(*version),
                Attempt::Unjudged(base) => judged = self.judge(&base, &new),
            }
        }
        // The base, or a partial, was another each time.
        self.write(move |writer| writer.commit_version(&new))
    }

    /// Compares a new version with the base that it has by now.
    fn judge_ahead(&self, new: &NewVersion) -> Option<Judgement> {
        let base = self.look(|snapshot| {
            let prompt = find_prompt(snapshot, &new.prompt)?;
            find_version(snapshot, &Spec::new(prompt, new.base.clone()))
        });
        self.judge(&base.ok()?, new)
    }

    /// Compares a new version with a base. Why that fails is found again in its turn.
    fn judge(&self, base: &Version, new: &NewVersion) -> Option<Judgement> {
        let Inner {
            bodies, context, ..
        } = &*self.inner;
        let judged =
            self.look(|snapshot| Judgement::of(snapshot, bodies, context, base, &new.body));
        judged.ok()
    }

    /// Deletes a version, and the environments that point to it. Its number and id stay taken.
    ///
    /// # Errors
    ///
    /// As [`version`](crate::View::version).
    pub fn delete_version<S>(&self, spec: S) -> Result<Version>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        self.write(move |writer| writer.delete_version(&spec))
    }

    /// Records the inputs that a request gave to a version; those it gave before are replaced. This is a log
    /// beside the history: it has no operation, and goes with its version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound).
    pub fn record_inputs(
        &self,
        version: VersionId,
        request_id: impl Into<String>,
        inputs: Map<String, Value>,
        environment: Option<EnvironmentName>,
    ) -> Result<RecordedInputs> {
        let recorded = RecordedInputs {
            request_id: request_id.into(),
            version_id: version,
            inputs,
            environment,
            recorded_at: self.inner.context.now(),
        };
        self.write(move |writer| writer.record_inputs(&recorded).map(|()| recorded))
    }

    /// The inputs that a request gave to a version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound); [`InputsNotFound`](Error::InputsNotFound) where none were recorded.
    pub fn inputs(&self, version: VersionId, request_id: &str) -> Result<RecordedInputs> {
        self.look(|snapshot| {
            if let Some(inputs) = snapshot.inputs(version, request_id)? {
                return Ok(inputs);
            }
            find_version(snapshot, &version.into())?;
            Err(Error::InputsNotFound {
                version,
                request: request_id.to_owned(),
            })
        })
    }
}

/// What the tests of the engine do in a turn and before it.
#[cfg(test)]
impl Store {
    pub(crate) fn change_for_test<T>(
        &self,
        change: impl FnOnce(&mut crate::engine::Writer<'_>) -> Result<T>,
    ) -> Result<T> {
        self.batch(|batch| change(batch.writer()))
    }

    pub(crate) fn judge_for_test(&self, base: &Version, new: &NewVersion) -> Judgement {
        self.judge(base, new).expect("both bodies are there")
    }
}
