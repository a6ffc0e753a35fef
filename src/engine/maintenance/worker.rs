//! The maintenance worker: the background thread of a store handle, its wakeups and its end.
//!
//! The [schedule](super::schedule) decides what is due, and the [tasks](super::tasks) do it.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};

use super::checkpoint::CheckpointSummary;
use super::schedule::{Schedule, Task};
use super::tasks::{IfIndexing, Tasks};
use crate::engine::read::bodies::BodyReader;
use crate::engine::search::FULL_BATCH_OPERATIONS;
use crate::engine::write::pending_work::PendingWork;
use crate::model::causes::with_causes;
use crate::model::clock::{self, Clock};
use crate::model::error::{ErrorKind, Result};
use crate::model::progress::Reporter;
use crate::storage::Index;
use crate::trace;

/// The interval between checks for index files that were moved or replaced.
///
/// The checks are made even if the handle answers from memory.
pub(crate) const LOCATION_CHECK_INTERVAL: Duration = Duration::from_secs(1);
/// The time that indexing takes at most before other work is considered.
const SEARCH_SLICE: Duration = Duration::from_secs(1);

/// The maintenance worker of one open store.
///
/// Its thread starts with the first commit or cached answer, and ends with the store handle.
#[derive(Debug)]
pub(crate) struct MaintenanceWorker {
    shared: Arc<WorkerShared>,
    thread: Mutex<Option<JoinHandle<()>>>,
    /// The process that started the thread.
    process: u32,
}

#[derive(Debug)]
struct WorkerShared {
    tasks: Tasks,
    schedule: Mutex<Schedule>,
    /// The last failure, and its time by the system's clock.
    last_failure: Mutex<Option<(DateTime<Utc>, ErrorKind, String)>>,
    wake: Condvar,
}

impl MaintenanceWorker {
    pub(crate) fn new(index: Arc<dyn Index>, bodies: Arc<BodyReader>, clock: Clock) -> Self {
        Self {
            shared: Arc::new(WorkerShared {
                tasks: Tasks::new(index, bodies, clock),
                schedule: Mutex::default(),
                last_failure: Mutex::default(),
                wake: Condvar::new(),
            }),
            thread: Mutex::default(),
            process: std::process::id(),
        }
    }

    /// Sets whether bodies may stay in the journal, so that no checkpoint is due.
    pub(crate) fn keeping_journal(self, keeps_journal: bool) -> Self {
        self.shared.schedule().keeps_journal = keeps_journal;
        self
    }

    /// Checkpoints everything now on the caller's thread, then maintains the index.
    ///
    /// A step is a body. The call can be cancelled after each batch.
    pub(crate) fn checkpoint(&self, progress: &mut Reporter<'_>) -> Result<CheckpointSummary> {
        if progress.is_watched() {
            progress.expect(self.shared.tasks.index.snapshot()?.waiting()?.bodies);
            progress.report()?;
        }
        let mut reported = Ok(());
        let checkpointed = self.shared.checkpoint(|sum| {
            reported = progress.at(sum.bodies);
            reported.is_ok()
        })?;
        reported?;
        self.run_all()?;
        Ok(checkpointed)
    }

    /// Returns the time, kind and message of the thread's last failure.
    pub(crate) fn last_failure(&self) -> Option<(DateTime<Utc>, ErrorKind, String)> {
        self.shared.failure().clone()
    }

    /// Runs all index maintenance now, on the caller's thread.
    pub(crate) fn run_all(&self) -> Result<()> {
        while self.shared.maintain(true, IfIndexing::Wait)? {}
        self.shared.schedule().begin_maintenance();
        Ok(())
    }

    /// Makes closing leave all unfinished work undone, because the store is about to be removed.
    pub(crate) fn abandon(&self) {
        self.shared.schedule().abandon();
    }

    /// Records a commit and the work that it leaves, and starts the thread if needed.
    pub(crate) fn committed(&self, added: PendingWork) {
        let must_signal = self.shared.schedule().add_commit(added, Instant::now());
        if must_signal {
            self.shared.wake.notify_one();
        }
        self.start();
    }

    /// Records a commit to a store in memory.
    ///
    /// It starts no thread: if many operations are unindexed, it indexes them on the caller's
    /// thread.
    pub(crate) fn committed_in_memory(&self, added: &PendingWork) {
        let is_tail_long = self.shared.schedule().add_unindexed(added);
        if is_tail_long {
            self.shared.index_documents(IfIndexing::Skip, |_| true);
        }
    }

    /// Schedules indexing, because many operations of any process are unindexed.
    pub(crate) fn request_indexing(&self) {
        self.shared.schedule().request_indexing(Instant::now());
        self.shared.wake.notify_one();
        self.start();
    }

    /// Starts the thread, which checks the index's location.
    ///
    /// Answers from memory do not read the files, so they do not notice a change.
    pub(crate) fn watch_location(&self) {
        self.start();
    }

    fn start(&self) {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let builder = std::thread::Builder::new().name("promptbook-worker".into());
            // If no thread can be started, the bodies stay in the journal, which is as safe.
            *thread = builder.spawn(move || shared.run()).ok();
        }
    }
}

impl Drop for MaintenanceWorker {
    fn drop(&mut self) {
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if self.process != std::process::id() {
            // A forked process does not have the thread. Dropping the handle would detach a thread
            // by an address that may be another thread's here.
            std::mem::forget(thread);
            return;
        }
        self.shared.schedule().close();
        self.shared.wake.notify_one();
        self.shared.tasks.close_soon();
        if let Some(thread) = thread {
            // The thread does not panic. If it did, the journal would still have the bodies that it
            // left.
            let _ = thread.join();
        }
    }
}

impl WorkerShared {
    fn failure(&self) -> MutexGuard<'_, Option<(DateTime<Utc>, ErrorKind, String)>> {
        self.last_failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs the tasks that are due, until the handle is closed.
    fn run(&self) {
        let mut last_check = Instant::now();
        loop {
            if last_check.elapsed() >= LOCATION_CHECK_INTERVAL {
                self.tasks.check_location();
                last_check = Instant::now();
            }
            let mut schedule = self.schedule();
            let now = Instant::now();
            let result = match schedule.next(now) {
                Task::Wait(time) => {
                    self.wait(schedule, time);
                    continue;
                }
                Task::WriteFiles => {
                    let ids = schedule.take_unwritten();
                    drop(schedule);
                    self.tasks.write_files(&ids)
                }
                Task::Checkpoint => {
                    drop(schedule);
                    self.checkpoint(|_| self.may_go_on())
                        .and_then(|_| self.maintain_in_turn())
                }
                Task::Index { is_urgent } => {
                    drop(schedule);
                    self.index_for_a_slice(is_urgent);
                    Ok(())
                }
                Task::Maintain => {
                    drop(schedule);
                    self.maintain_in_turn()
                }
                Task::ShortenLog => {
                    schedule.begin_shortening();
                    drop(schedule);
                    self.tasks.shorten_log()
                }
                Task::Pack => {
                    schedule.begin_packing(now);
                    drop(schedule);
                    self.tasks.pack_old_files(|| !self.is_closing())
                }
                Task::Close => {
                    if schedule.must_finish() {
                        let keeps_journal = schedule.keeps_journal;
                        let ids = schedule.take_all_unwritten();
                        drop(schedule);
                        // Work that fails here is left to the next handle.
                        let _ = self.tasks.close((!keeps_journal).then_some(&ids));
                    }
                    return;
                }
            };
            // A failure costs only time: readers find the bodies in the journal, and an explicit
            // checkpoint reports the error.
            self.schedule().finish_task(result.is_err(), Instant::now());
            if let Err(error) = result {
                trace::maintenance_failed(error.kind());
                let failure = (clock::system(), error.kind(), with_causes(&error));
                *self.failure() = Some(failure);
            }
        }
    }

    /// Waits for a signal, for this time at most, and not beyond the next location check.
    fn wait(&self, mut schedule: MutexGuard<'_, Schedule>, time: Option<Duration>) {
        let time = time.map_or(LOCATION_CHECK_INTERVAL, |time| {
            time.min(LOCATION_CHECK_INTERVAL)
        });
        schedule.waits_until(Instant::now() + time);
        let woken = self.wake.wait_timeout(schedule, time);
        drop(woken.unwrap_or_else(PoisonError::into_inner));
    }

    /// Checks between two batches whether to go on. Commits that arrive in the meantime go first.
    fn may_go_on(&self) -> bool {
        self.schedule().may_go_on(Instant::now())
    }

    fn is_closing(&self) -> bool {
        self.schedule().is_closing()
    }

    fn checkpoint(
        &self,
        mut go_on: impl FnMut(CheckpointSummary) -> bool,
    ) -> Result<CheckpointSummary> {
        let taken = self.schedule().take_journaled();
        let mut is_complete = true;
        let checkpointed = self.tasks.checkpoint(|sum| {
            is_complete = go_on(sum);
            is_complete
        });
        if checkpointed.as_ref().is_ok_and(|moved| moved.bodies > 0) && self.tasks.has_only_packs()
        {
            self.schedule().add_pack();
        }
        match &checkpointed {
            // Nothing is left, even if fewer bodies were moved than this handle counted: a body
            // that was stored already is not journaled, and other handles checkpoint too.
            Ok(_) if is_complete => {}
            Ok(checkpointed) => self.schedule().put_back(PendingWork {
                bodies: taken.bodies.saturating_sub(checkpointed.bodies),
                bytes: taken.bytes.saturating_sub(checkpointed.bytes),
                ..PendingWork::default()
            }),
            Err(_) => self.schedule().put_back(taken),
        }
        checkpointed
    }

    /// Does the work of a pause. Beside commits, indexing has its own turns.
    fn maintain_in_turn(&self) -> Result<()> {
        let is_idle = {
            let mut schedule = self.schedule();
            schedule.begin_maintenance();
            schedule.is_idle(Instant::now())
        };
        self.maintain(is_idle, IfIndexing::Skip).map(drop)
    }

    /// Indexes documents if no commits arrive, maintains the index, and joins packs.
    ///
    /// Returns whether there is more to do. Packs come last, because joining large ones takes long,
    /// and operations that are not archived meanwhile take up space.
    fn maintain(&self, is_idle: bool, if_indexing: IfIndexing) -> Result<bool> {
        if is_idle {
            let end = Instant::now() + SEARCH_SLICE;
            self.index_documents(if_indexing, |_| match if_indexing {
                IfIndexing::Wait => !self.is_closing(),
                IfIndexing::Skip => self.may_go_on() && Instant::now() < end,
            });
        }
        let has_more = self.tasks.maintain_index()?;
        if has_more {
            self.schedule().maintain_again();
        }
        let has_new_packs = self.schedule().take_new_packs();
        if has_new_packs && let Err(error) = self.tasks.join_packs() {
            self.schedule().add_pack();
            return Err(error);
        }
        Ok(has_more)
    }

    /// Indexes documents for a while, so that other work is considered in between.
    fn index_for_a_slice(&self, is_urgent: bool) {
        let end = Instant::now() + SEARCH_SLICE;
        self.index_documents(IfIndexing::Skip, |left| {
            let may_go_on = if is_urgent {
                left >= FULL_BATCH_OPERATIONS && !self.is_closing()
            } else {
                self.may_go_on()
            };
            may_go_on && Instant::now() < end
        });
    }

    /// Indexes documents as long as `go_on` returns true.
    fn index_documents(&self, if_indexing: IfIndexing, go_on: impl FnMut(u64) -> bool) {
        self.schedule().begin_indexing();
        let left = self.tasks.index_documents(if_indexing, go_on);
        if left > 0 {
            self.schedule().indexing_stopped(left);
        }
    }
}

#[cfg(test)]
#[path = "worker_tests.rs"]
mod tests;
