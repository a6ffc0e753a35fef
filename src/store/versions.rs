//! Commits of versions, creation of prompts on demand, and reads of recorded inputs.

use std::sync::Arc;

use super::handle::Store;
use super::shared::StoreShared;
use crate::engine::{
    CommitAttempt, EnsuredPrompt, EnsuredVersion, Judgement, NewPrompt, NewVersion, VersionDraft,
    find_prompt, find_version, prompt_named, version_label,
};
use crate::model::error::{Error, Result};
use crate::model::id::VersionId;
use crate::model::record::{RecordedInputs, Version};
use crate::model::version_number::Bump;
use crate::model::version_spec::VersionSpec;

/// The number of times that a commit leaves the write lock to be compared with its base, or with
/// the version that its environment points to.
const TURNS: usize = 4;

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
    /// - **[`Full`]**: the disk is full. Nothing changed, and the handle works again once there
    ///   is space. Then repeat the call. An exhausted quota can make the handle unusable until the
    ///   store is reopened, because SQLite reports it as an I/O error.
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
    ///   damaged body of the base ([`CorruptBody`](Error::CorruptBody)): nothing changed.
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
    /// - [`BreakingMove`](Error::BreakingMove) if the version would break callers of the one that
    ///   its environment points to, unless [`allow_breaking`](NewVersion::allow_breaking()) was
    ///   called or a major version was requested.
    /// - [`Conflict`](Error::Conflict) if the highest version is not the
    ///   [expected](NewVersion::expect_head()) one.
    /// - [`NoBase`](Error::NoBase), [`VersionNotFound`](Error::VersionNotFound),
    ///   [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    ///   [`MismatchedVersion`](Error::MismatchedVersion) if the base does not exist.
    /// - [`InvalidBody`](Error::InvalidBody) if the body has more than
    ///   [`Body::MAX_TEMPLATE_TAGS`](crate::Body::MAX_TEMPLATE_TAGS) template tags.
    /// - [`InvalidArgument`](Error::InvalidArgument) if the message has more than 64 KiB.
    /// - [`NumbersExhausted`](Error::NumbersExhausted) if no number is left.
    /// - Those of [`prompt`](crate::View::prompt) if the prompt does not exist, or its name is
    ///   ambiguous.
    pub fn commit(&self, new: NewVersion) -> Result<Version> {
        Ok(self.commit_draft(new.finish()?)?.version)
    }

    /// Commits a version if its body differs from its base's, and says whether it did.
    ///
    /// If the base, which is the prompt's highest version unless [`base`](NewVersion::base()) names
    /// another, has the same body byte for byte, the base is returned and no version is made. An
    /// [`environment`](NewVersion::environment()) then moves to the base, unless it points there.
    /// The comparison is part of the transaction: of several processes that commit the same body at
    /// the same time, one makes the version.
    ///
    /// ```
    /// use promptbook::{NewPrompt, NewVersion, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.ensure_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let new = NewVersion::new("greeting", r#"{"messages": [], "seed": 1}"#);
    /// assert!(store.commit_if_changed(new.clone())?.created);
    /// assert!(!store.commit_if_changed(new)?.created);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`commit`](Self::commit).
    pub fn commit_if_changed(&self, new: NewVersion) -> Result<EnsuredVersion> {
        let mut new = new.finish()?;
        new.only_if_changed = true;
        self.commit_draft(new)
    }

    fn commit_draft(&self, new: VersionDraft) -> Result<EnsuredVersion> {
        if new.bump == Bump::Major {
            return self.write(move |writer| writer.commit_version(&new));
        }
        // Expensive work is done before the transaction, so that no other writer waits for it.
        if new.contract.is_none() {
            self.shared().context.contract_without_partials(&new.body);
        }
        let new = Arc::new(new);
        let mut judged: Vec<Judgement> = Vec::new();
        if Judgement::is_large(&new.body) {
            judged.extend(self.judge_ahead(&new));
        }
        for _ in 0..TURNS {
            let (new_here, judged_here) = (Arc::clone(&new), judged.clone());
            let attempt =
                self.write(move |writer| writer.commit_in_turn(&new_here, &judged_here))?;
            match attempt {
                CommitAttempt::Committed(ensured) => return Ok(*ensured),
                CommitAttempt::NeedsJudgement(base) => judged.extend(self.judge(&base, &new)),
            }
        }
        // Each time, the base or a partial had changed in the meantime.
        self.write(move |writer| writer.commit_version(&new))
    }

    /// Returns the live prompt with a name, whatever its body is, or creates it if there is none.
    ///
    /// Programs that bring their own prompts can call this at each start, in any number of
    /// processes at the same time: one of them creates the prompt. If the prompt exists, nothing
    /// changes, and this also succeeds on a store that is opened for reading only.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let new = NewPrompt::new("greeting", r#"{"messages": []}"#);
    /// assert!(store.ensure_prompt(new.clone())?.created);
    /// assert!(!store.ensure_prompt(new)?.created);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`AmbiguousPrompt`](Error::AmbiguousPrompt) if several live prompts have the name; otherwise
    /// as [`create_prompt`](Self::create_prompt), except for [`NameTaken`](Error::NameTaken).
    pub fn ensure_prompt(&self, new: NewPrompt) -> Result<EnsuredPrompt> {
        let new = new.finish()?;
        match self
            .as_view()
            .look(|snapshot| prompt_named(snapshot, &new.name))?
        {
            Some(prompt) => Ok(EnsuredPrompt {
                prompt,
                created: false,
            }),
            None => self.write(move |writer| writer.ensure(&new)),
        }
    }

    /// Compares a new version with its current base, outside of a transaction.
    fn judge_ahead(&self, new: &VersionDraft) -> Option<Judgement> {
        let base = self.as_view().look(|snapshot| {
            let prompt = find_prompt(snapshot, &new.prompt)?;
            find_version(snapshot, &VersionSpec::new(prompt, new.base.clone()))
        });
        let base = base.ok()?;
        let contracts = &self.shared().context.contracts;
        if contracts.are_compatible(base.contract, new.contract) {
            return None;
        }
        self.judge(&base, new)
    }

    /// Compares a new version with a base. If this fails, the transaction finds the reason again.
    fn judge(&self, base: &Version, new: &VersionDraft) -> Option<Judgement> {
        let StoreShared {
            bodies, context, ..
        } = self.shared();
        let judged = self
            .as_view()
            .look(|snapshot| Judgement::of(snapshot, bodies, context, base, &new.body));
        judged.ok()
    }

    /// Returns the inputs that a request passed to a version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound) if there is no such version;
    /// [`InputsNotFound`](Error::InputsNotFound) if no inputs were recorded;
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn inputs(&self, version: VersionId, request_id: &str) -> Result<RecordedInputs> {
        self.as_view().look(|snapshot| {
            if let Some(inputs) = snapshot.inputs(version, request_id)? {
                return Ok(inputs);
            }
            let version = find_version(snapshot, &version.into())?;
            Err(Error::InputsNotFound {
                version: version_label(snapshot, &version)?,
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

    pub(crate) fn judge_for_test(&self, base: &Version, new: &VersionDraft) -> Judgement {
        self.judge(base, new).expect("both bodies are there")
    }
}
