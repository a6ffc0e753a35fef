//! Commits and deletions of versions, and their recorded inputs.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::handle::{Store, StoreShared};
use crate::engine::{CommitAttempt, Judgement, NewVersion, find_prompt, find_version};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, VersionId};
use crate::model::record::{RecordedInputs, Version};
use crate::model::version_number::{Bump, VersionSpec};

/// The number of times that a commit leaves the write lock to be compared with its base.
const TURNS: usize = 3;

impl Store {
    /// Commits a version, and returns it with its number.
    ///
    /// The version gets the next minor number of its base if the bump rules allow it, otherwise the
    /// next major number; [`bump`](NewVersion::bump()) requests one of the two. If an
    /// [`environment`](NewVersion::environment()) is given, it moves to the version in the same
    /// operation. Changes of other threads may share the transaction and its flush.
    ///
    /// # Outcomes
    ///
    /// These are the outcomes of every method that makes an operation.
    ///
    /// - **`Ok`**: the change is committed. Every later read on this machine sees it. It is
    ///   durable: it survives the end of the process, and power loss. A new body is in the index's
    ///   journal, or in a pack if it was one of many in a [batch](Self::batch). A later checkpoint
    ///   moves it from the journal to the blob store, which changes none of this.
    /// - **`Ok` with [`Durability::Relaxed`](crate::Durability::Relaxed)**: the change is committed
    ///   and visible, and survives the end of the process. Power loss may remove the last
    ///   operations, newest first and each of them entirely; what remains is a consistent store.
    ///   The next change that is committed with full durability makes the ones before it durable
    ///   too.
    /// - **A store in memory**: the change exists until the last clone of the store is dropped.
    /// - **Refusal** (the kinds [`Refused`], [`Conflict`], [`NotFound`], [`Ambiguous`] and
    ///   [`Invalid`]): nothing changed, and no number was used up. The same call fails again until
    ///   its arguments or the store change. After a conflict, read the store again before deciding
    ///   what to do.
    /// - **[`Busy`]**: another thread or process held a lock for longer than
    ///   [`StoreOptions::busy_timeout`](crate::StoreOptions::busy_timeout). Nothing changed. Repeat
    ///   the call.
    /// - **[`Full`]**: the disk or a quota is full. Nothing changed, and the handle works again
    ///   once there is space. Then repeat the call.
    /// - **[`OutcomeUnknown`](Error::OutcomeUnknown)**: the flush failed, or the files were
    ///   replaced during the commit. The change may or may not have taken place, entirely or not at
    ///   all, and the handle refuses all further work. Do not repeat the call yet. Open the store
    ///   again and look for the operation's `id`: if [`at`](crate::View::at) with this id succeeds,
    ///   the operation took place, although the failed flush does not prove that it survives power
    ///   loss. If it fails with [`OperationNotFound`](Error::OperationNotFound), the operation did
    ///   not take place, and the call can be repeated. A change that is not an operation, which is
    ///   only [`record_inputs`](Self::record_inputs), returns [`Storage`](Error::Storage) of this
    ///   kind instead, and can be repeated without a check.
    /// - **[`Poisoned`](Error::Poisoned)**, or another error of the kind [`Unavailable`]: this
    ///   handle can no longer be used, because an earlier flush failed, its files were moved or
    ///   replaced, or the process is a fork of the one that opened it. This call changed nothing.
    ///   Changes that were acknowledged before are as durable as described above. Open the store
    ///   again and repeat the call.
    /// - **[`ReadOnly`](Error::ReadOnly)**: the handle only reads. Nothing changed.
    /// - **[`WithinBatch`](Error::WithinBatch)**: the call was made inside a [batch](Self::batch)
    ///   of this store. Nothing changed. Use the batch itself.
    /// - **Any other error**, such as a failed read or write ([`Storage`](Error::Storage)) or a
    ///   damaged body of the base ([`Damaged`](Error::CorruptBody)): nothing changed.
    ///   [`verify`](Self::verify) reports damage.
    ///
    /// [`Refused`]: crate::ErrorKind::Refused
    /// [`Conflict`]: crate::ErrorKind::Conflict
    /// [`NotFound`]: crate::ErrorKind::NotFound
    /// [`Ambiguous`]: crate::ErrorKind::Ambiguous
    /// [`Invalid`]: crate::ErrorKind::Invalid
    /// [`Busy`]: crate::ErrorKind::Busy
    /// [`Full`]: crate::ErrorKind::Full
    /// [`Unavailable`]: crate::ErrorKind::Unavailable
    ///
    /// # Errors
    ///
    /// The refusals of a commit are:
    ///
    /// - [`Breaking`](Error::Breaking) if a minor version was requested that would break callers of
    ///   its base. The error lists every reason.
    /// - [`Conflict`](Error::Conflict) if the highest version is not the
    ///   [expected](NewVersion::expected_head()) one.
    /// - [`NoBase`](Error::NoBase), [`VersionNotFound`](Error::VersionNotFound),
    ///   [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    ///   [`ForeignVersion`](Error::MismatchedVersion) if the base does not exist.
    /// - [`InvalidBody`](Error::InvalidBody) if the body has more than
    ///   [`Body::MAX_TAGS`](crate::Body::MAX_TAGS) template tags.
    /// - [`InvalidArgument`](Error::InvalidArgument) if the message has more than 64 KiB.
    /// - [`NumbersExhausted`](Error::NumbersExhausted) if no number is left.
    /// - Those of [`prompt`](crate::View::prompt) if the prompt does not exist, or its name is
    ///   ambiguous.
    pub fn commit(&self, new: NewVersion) -> Result<Version> {
        new.check()?;
        if new.bump == Bump::Major {
            return self.write(move |writer| writer.commit_version(&new));
        }
        // Expensive work is done before the transaction, so that no other writer waits for it.
        self.inner.context.contract_without_partials(&new.body);
        let new = Arc::new(new);
        let mut judged = match Judgement::is_large(&new.body) {
            true => self.judge_ahead(&new),
            false => None,
        };
        for _ in 0..TURNS {
            let (new_here, judged_here) = (Arc::clone(&new), judged.take());
            let attempt =
                self.write(move |writer| writer.commit_in_turn(&new_here, judged_here.as_ref()))?;
            match attempt {
                CommitAttempt::Committed(version) => return Ok(*version),
                CommitAttempt::NeedsJudgement(base) => judged = self.judge(&base, &new),
            }
        }
        // Each time, the base or a partial had changed in the meantime.
        self.write(move |writer| writer.commit_version(&new))
    }

    /// Compares a new version with its current base, outside of a transaction.
    fn judge_ahead(&self, new: &NewVersion) -> Option<Judgement> {
        let base = self.look(|snapshot| {
            let prompt = find_prompt(snapshot, &new.prompt)?;
            find_version(snapshot, &VersionSpec::new(prompt, new.base.clone()))
        });
        self.judge(&base.ok()?, new)
    }

    /// Compares a new version with a base. If this fails, the transaction finds the reason again.
    fn judge(&self, base: &Version, new: &NewVersion) -> Option<Judgement> {
        let StoreShared {
            bodies, context, ..
        } = &*self.inner;
        let judged =
            self.look(|snapshot| Judgement::of(snapshot, bodies, context, base, &new.body));
        judged.ok()
    }

    /// Deletes a version and the environments that point to it, and returns the version as it was.
    ///
    /// Its number and id are not used again. [`undo`](Self::undo) restores the version.
    ///
    /// # Errors
    ///
    /// As [`version`](crate::View::version); those of the transaction, see "Outcomes" of
    /// [`commit`](Self::commit). A refused deletion changes nothing.
    pub fn delete_version<S>(&self, spec: S) -> Result<Version>
    where
        S: TryInto<VersionSpec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        self.write(move |writer| writer.delete_version(&spec))
    }

    /// Records the inputs that a request passed to a version.
    ///
    /// Earlier inputs of the same request are replaced.
    ///
    /// The inputs are not part of the history: recording them is not an operation, and they are
    /// removed together with their version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound) if there is no such version; those of the
    /// transaction, see "Outcomes" of [`commit`](Self::commit).
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

    /// Returns the inputs that a request passed to a version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound) if there is no such version;
    /// [`InputsNotFound`](Error::InputsNotFound) if no inputs were recorded;
    /// [`Storage`](Error::Storage) if the index failed.
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

/// Access for the engine's tests: changes inside a transaction, and comparisons before it.
#[cfg(test)]
impl Store {
    pub(crate) fn change_for_test<T>(
        &self,
        change: impl FnOnce(&mut crate::engine::WriteTransaction<'_>) -> Result<T>,
    ) -> Result<T> {
        self.batch(|batch| change(batch.writer()))
    }

    pub(crate) fn judge_for_test(&self, base: &Version, new: &NewVersion) -> Judgement {
        self.judge(base, new).expect("both bodies are there")
    }
}
