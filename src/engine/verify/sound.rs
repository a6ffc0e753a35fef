//! Verification of a store that is expected to be sound, in little memory and on several threads.
//!
//! Instead of maps of all bodies and versions, it compares sums of their hashes. These show whether
//! the store is sound, but not what is wrong. If anything is, the store is verified again step by
//! step, which names each violation.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::thread::{Builder, Scope, ScopedJoinHandle};
use std::time::Duration;

use super::bodies::{BodyCheck, BodyUses, check_packs};
use super::chain_replay::{ChainReplay, ReplayLimits};
use super::report::{Depth, VerifyReport, damage};
use super::rows::check_prompts;
use crate::engine::search::{ExpectedSums, FoundSums, PartialSums};
use crate::model::error::{Error, Result};
use crate::model::id::{BlobId, OperationId};
use crate::model::multiset_sum::{MultisetSum, SumKeys};
use crate::model::progress::{Progress, Reporter};
use crate::storage::{Blobs, Index, PromptTable, Snapshot, StorageResult};

/// How often the check begins again because its threads read different states.
const MAX_ATTEMPTS: u32 = 10;

/// The interval at which progress is reported while only other threads work.
const REPORT_INTERVAL: Duration = Duration::from_millis(5);

/// What identifies the state of a snapshot for this verification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SnapshotState {
    last: Option<(u64, OperationId)>,
    indexed_through: u64,
}

impl SnapshotState {
    fn of(snapshot: &dyn Snapshot) -> StorageResult<Self> {
        Ok(Self {
            last: snapshot.last_operation()?,
            indexed_through: snapshot.indexed_through()?,
        })
    }
}

/// A verification in progress, which its threads share.
struct SoundCheck<'a> {
    index: &'a dyn Index,
    blobs: &'a dyn Blobs,
    keys: SumKeys,
    state: SnapshotState,
    /// The number of bodies that were checked.
    bodies: AtomicU64,
    /// Whether the result is not needed any more.
    is_stopped: AtomicBool,
    /// Whether the snapshots show different states.
    has_mixed_states: AtomicBool,
}

/// The bodies of a store, as sums.
struct BodySums<'a> {
    keys: &'a SumKeys,
    live: MultisetSum,
    partials: PartialSums,
}

impl BodyUses for BodySums<'_> {
    fn row(&mut self, id: BlobId, counted: u64) -> Option<String> {
        self.live.add(self.keys.of(id), counted);
        None
    }

    fn wants(&self, _id: BlobId) -> bool {
        true
    }

    fn body(&mut self, id: BlobId, bytes: &[u8]) {
        self.partials.body(self.keys, id, bytes);
    }

    fn without_row(&mut self) -> Vec<BlobId> {
        Vec::new()
    }
}

/// The result of a check for soundness.
enum SoundAnswer {
    Sound(VerifyReport),
    /// Something is wrong, or the check cannot show that nothing is.
    Unknown,
    /// A commit came between the snapshots of the threads.
    MixedStates,
}

/// Verifies a store in full. Returns `None` if it is not sound, or if that cannot be shown this way.
///
/// The threads have snapshots of their own. If these show different states, because of a commit or
/// because of indexing in the background, the check begins again.
pub(super) fn verify_sound(
    index: &dyn Index,
    blobs: &dyn Blobs,
    pins: &[OperationId],
    progress: &mut Reporter<'_>,
) -> Result<Option<VerifyReport>> {
    for _ in 0..MAX_ATTEMPTS {
        match check_sound(index, blobs, pins, progress)? {
            SoundAnswer::Sound(report) => return Ok(Some(report)),
            SoundAnswer::Unknown => return Ok(None),
            SoundAnswer::MixedStates => (),
        }
    }
    Ok(None)
}

fn check_sound(
    index: &dyn Index,
    blobs: &dyn Blobs,
    pins: &[OperationId],
    progress: &mut Reporter<'_>,
) -> Result<SoundAnswer> {
    let snapshot = &*index.snapshot()?;
    let state = SnapshotState::of(snapshot).map(Some).map_err(Error::from);
    let Some(state) = unless_damaged(state)? else {
        return Ok(SoundAnswer::Unknown);
    };
    let check = SoundCheck {
        index,
        blobs,
        keys: SumKeys::default(),
        state,
        bodies: AtomicU64::new(0),
        is_stopped: AtomicBool::new(false),
        has_mixed_states: AtomicBool::new(false),
    };
    let report = check.run(snapshot, pins, progress);
    let has_mixed_states = check.has_mixed_states.into_inner() || !snapshot.is_consistent();
    match report {
        Err(Error::Cancelled) => Err(Error::Cancelled),
        _ if has_mixed_states => Ok(SoundAnswer::MixedStates),
        Ok(Some(report)) => Ok(SoundAnswer::Sound(report)),
        Ok(None) => Ok(SoundAnswer::Unknown),
        Err(error) => Err(error),
    }
}

/// Returns nothing instead of an error that is caused by damage.
fn unless_damaged<T>(result: Result<Option<T>>) -> Result<Option<T>> {
    result.or_else(|error| damage(error).map(|_| None))
}

/// The sound operations and prompts.
struct CheckedRows {
    report: VerifyReport,
    /// The bodies of live versions.
    live: MultisetSum,
    search: ExpectedSums,
}

/// The sound bodies.
struct CheckedBodies<'a> {
    report: VerifyReport,
    sums: BodySums<'a>,
}

impl SoundCheck<'_> {
    /// Checks everything, on the caller's thread and on two others.
    fn run(
        &self,
        snapshot: &dyn Snapshot,
        pins: &[OperationId],
        progress: &mut Reporter<'_>,
    ) -> Result<Option<VerifyReport>> {
        thread::scope(|scope| {
            let of_index = self.start(scope, || self.index());
            let of_bodies = self.start(scope, || self.bodies());
            let (Some(of_index), Some(of_bodies)) = (of_index, of_bodies) else {
                // The system has no more threads.
                return Ok(None);
            };
            let mut rows = self.rows(snapshot, pins, progress);
            if let Ok(Some(_)) = rows {
                let is_done = || of_index.is_finished() && of_bodies.is_finished();
                if let Err(error) = self.wait(is_done, progress) {
                    rows = Err(error);
                }
            }
            self.is_stopped.store(true, Ordering::Relaxed);
            // A thread that was stopped has no result. A panic is repeated step by step.
            let (of_index, of_bodies) = (of_index.join(), of_bodies.join());
            let Some(rows) = rows? else {
                return Ok(None);
            };
            let (Ok(of_index), Ok(of_bodies)) = (of_index, of_bodies) else {
                return Ok(None);
            };
            let (Some(found), Some(bodies)) = (of_index?, of_bodies?) else {
                return Ok(None);
            };
            let is_sound =
                rows.live == bodies.sums.live && rows.search.is_met(&bodies.sums.partials, &found);
            let report = VerifyReport {
                bodies: bodies.report.bodies,
                bytes: bodies.report.bytes,
                ..rows.report
            };
            Ok(is_sound.then_some(report))
        })
    }

    /// Starts a check in a thread. If that finds something wrong, the others stop.
    fn start<'scope, T: Send + 'scope>(
        &'scope self,
        scope: &'scope Scope<'scope, '_>,
        check: impl FnOnce() -> Result<Option<T>> + Send + 'scope,
    ) -> Option<ScopedJoinHandle<'scope, Result<Option<T>>>> {
        let run = move || {
            let checked = unless_damaged(check());
            if !matches!(checked, Ok(Some(_))) {
                self.is_stopped.store(true, Ordering::Relaxed);
            }
            checked
        };
        let named = Builder::new().name("promptbook-verify".into());
        named.spawn_scoped(scope, run).ok()
    }

    /// Runs a check with a snapshot of the same state.
    fn with_snapshot<T>(
        &self,
        check: impl FnOnce(&dyn Snapshot) -> Result<Option<T>>,
    ) -> Result<Option<T>> {
        let snapshot = self.index.snapshot()?;
        if SnapshotState::of(&*snapshot)? != self.state {
            self.has_mixed_states.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        let checked = check(&*snapshot);
        if !snapshot.is_consistent() {
            self.has_mixed_states.store(true, Ordering::Relaxed);
            return Ok(None);
        }
        checked
    }

    /// Checks the index itself, and reads what it contains for search.
    fn index(&self) -> Result<Option<FoundSums>> {
        self.with_snapshot(|snapshot| {
            if !snapshot.self_check()?.is_empty() {
                return Ok(None);
            }
            FoundSums::of(snapshot, &self.keys).map(Some)
        })
    }

    /// Checks the packs and all bodies.
    fn bodies(&self) -> Result<Option<CheckedBodies<'_>>> {
        self.with_snapshot(|snapshot| {
            let mut report = VerifyReport::default();
            check_packs(self.blobs, Depth::Full, &mut report)?;
            let mut sums = BodySums {
                keys: &self.keys,
                live: MultisetSum::default(),
                partials: PartialSums::default(),
            };
            if report.is_clean() {
                let mut progress = Reporter::new(|progress: Progress| {
                    self.bodies.store(progress.done, Ordering::Relaxed);
                    self.unless_stopped()
                });
                let bodies = BodyCheck {
                    index: self.index,
                    blobs: self.blobs,
                    depth: Depth::Full,
                };
                match bodies.check(snapshot, &mut sums, &mut report, &mut progress) {
                    Err(Error::Cancelled) => return Ok(None),
                    checked => checked?,
                }
            }
            let is_clean = report.is_clean();
            Ok(is_clean.then_some(CheckedBodies { report, sums }))
        })
    }

    /// Checks the operations, and the rows of prompts against them, on the caller's thread.
    fn rows(
        &self,
        snapshot: &dyn Snapshot,
        pins: &[OperationId],
        progress: &mut Reporter<'_>,
    ) -> Result<Option<CheckedRows>> {
        let mut failed = None;
        let mut inner =
            Reporter::new(
                |_: Progress| match progress.at(self.bodies.load(Ordering::Relaxed)) {
                    Ok(()) => self.unless_stopped(),
                    Err(error) => {
                        failed = Some(error);
                        ControlFlow::Break(())
                    }
                },
            );
        let checked = self.checked_rows(snapshot, pins, &mut inner);
        drop(inner);
        match (failed, checked) {
            (Some(error), _) => Err(error),
            (None, Err(Error::Cancelled)) => Ok(None),
            (None, checked) => unless_damaged(checked),
        }
    }

    fn checked_rows(
        &self,
        snapshot: &dyn Snapshot,
        pins: &[OperationId],
        progress: &mut Reporter<'_>,
    ) -> Result<Option<CheckedRows>> {
        let mut rows = CheckedRows {
            report: VerifyReport::default(),
            live: MultisetSum::default(),
            search: ExpectedSums::new(snapshot, &self.keys)?,
        };
        let mut replay = ChainReplay::new(snapshot, pins, ReplayLimits::default());
        let mut add = |table: &PromptTable| {
            for version in table.live() {
                rows.live.add(self.keys.of(version.blob), 1);
            }
            rows.search.prompt(table);
        };
        check_prompts(snapshot, &mut replay, &mut add, &mut rows.report, progress)?;
        progress.report()?;
        let are_all_taken = replay.end(&mut rows.report, progress)?;
        progress.report()?;
        Ok((are_all_taken && rows.report.is_clean()).then_some(rows))
    }

    fn unless_stopped(&self) -> ControlFlow<()> {
        if self.is_stopped.load(Ordering::Relaxed) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }

    /// Reports progress until the other threads are done.
    fn wait(&self, is_done: impl Fn() -> bool, progress: &mut Reporter<'_>) -> Result<()> {
        while !is_done() {
            thread::sleep(REPORT_INTERVAL);
            progress.at(self.bodies.load(Ordering::Relaxed))?;
        }
        progress.at(self.bodies.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
#[path = "sound_tests.rs"]
mod tests;
