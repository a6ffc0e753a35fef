//! The write queue: orders the writers of one handle, and commits for all that wait with one flush.
//!
//! A writer that arrives while no other writes becomes the leader. It makes its own change and
//! those of the writers that queue up in the meantime in one transaction, commits it, and sends
//! each writer its own result. So a change that arrives alone takes no detour, and under load one
//! flush serves many writers. A change that fails is rolled back to a savepoint, without effect on
//! the others.
//!
//! All writers wait in one queue in order of arrival, those that need a transaction of their own
//! included. Each waits until its own deadline, which covers both the queue and the transaction.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::writer::WriteTransaction;
use crate::model::error::{Error, Result};
use crate::model::log_position::LogPosition;
use crate::storage;
use crate::storage::{Deadline, StorageErrorKind};
use crate::trace::Span;

/// The maximum number of changes in a transaction.
const MAX_CHANGES: usize = 64;
/// The size of a transaction's bodies, in bytes, from which no more changes join it.
const MAX_BODY_BYTES: u64 = 4 * 1024 * 1024;

/// The queue of the writers of one store handle.
pub(crate) struct WriteQueue {
    state: Mutex<QueueState>,
    /// The time that each writer waits at most.
    limit: Duration,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Waiter>,
    /// The number of the last writer that joined.
    number: u64,
    /// Whether a leader writes, which makes the next writer the leader when it is done.
    is_led: bool,
    /// The thread that makes changes now, which must not wait for the end of its own turn.
    writing: Option<ThreadId>,
}

struct Waiter {
    id: WaiterId,
    /// Whether it was made the leader, and cannot leave the queue any more.
    is_leader: bool,
    /// The change; none for a writer that needs exclusive access.
    change: Option<QueuedChange>,
    /// Makes the waiting thread the leader; returns false if it no longer waits.
    make_leader: MakeLeader,
}

type MakeLeader = Box<dyn Fn() -> bool + Send>;

/// A writer's position in the queue, and its deadline.
#[derive(Clone, Copy)]
struct WaiterId {
    number: u64,
    deadline: Deadline,
}

/// Makes a change in a shared transaction, or takes the error if there is no transaction.
type QueuedChange =
    Box<dyn FnOnce(storage::StorageResult<&mut WriteTransaction<'_>>) -> Applied + Send>;

struct Applied {
    /// Whether the change was made in the transaction.
    is_made: bool,
    /// Sends the result to the waiting writer: its own, unless the transaction failed.
    send: Box<dyn FnOnce(Result<()>) + Send>,
}

/// A message to a waiting thread.
enum Wakeup<T> {
    Lead,
    Done(Result<T>),
}

/// The source of a store's write transactions.
pub(crate) trait Transactions {
    /// Begins a transaction; fails as busy if the deadline passes first.
    fn begin(&self, deadline: Deadline) -> storage::StorageResult<WriteTransaction<'_>>;

    /// Commits a transaction, and does what must follow a commit.
    fn commit(&self, writer: WriteTransaction<'_>) -> storage::StorageResult<()>;
}

impl WriteQueue {
    /// Creates a queue in which each writer waits no longer than `limit`.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            state: Mutex::default(),
            limit,
        }
    }

    /// Makes a change, in a transaction that it may share with others.
    ///
    /// If the change fails, or the transaction does, none of the change is stored. The exception is
    /// an error with an unknown outcome, whose transaction may have been committed.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        transactions: &dyn Transactions,
        change: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.check_not_reentrant()?;
        let (sender, receiver) = channel();
        let wakeup = sender.clone();
        let id = self.join(
            Some(Box::new(move |writer| Applied::of(writer, change, sender))),
            Box::new(move || wakeup.send(Wakeup::Lead).is_ok()),
        );
        if let Wakeup::Done(result) = self.wait(id, &receiver)? {
            return result;
        }
        self.lead(transactions);
        match receiver.recv() {
            Ok(Wakeup::Done(result)) => result,
            // A leader takes its own change first, so a result must have been sent.
            Ok(Wakeup::Lead) | Err(_) => Err(leader_panicked().into()),
        }
    }

    /// Runs `work` while no other writer of this store handle writes.
    pub(crate) fn exclusive<T>(&self, work: impl FnOnce(Deadline) -> Result<T>) -> Result<T> {
        self.check_not_reentrant()?;
        let (sender, receiver) = channel();
        let id = self.join(None, Box::new(move || sender.send(()).is_ok()));
        self.wait(id, &receiver)?;
        let _leading = LeaderGuard::begin(self);
        self.state().waiting.pop_front();
        work(id.deadline)
    }

    /// Fails if the current thread is the one that makes changes now, in a closure of its caller.
    ///
    /// Such a thread would wait forever for the end of its own turn.
    pub(crate) fn check_not_reentrant(&self) -> Result<()> {
        let writing = self.state().writing;
        if writing.is_some_and(|writing| writing == thread::current().id()) {
            return Err(Error::WithinBatch);
        }
        Ok(())
    }

    fn join(&self, change: Option<QueuedChange>, make_leader: MakeLeader) -> WaiterId {
        let deadline = Deadline::after(self.limit);
        let mut state = self.state();
        state.number += 1;
        let id = WaiterId {
            number: state.number,
            deadline,
        };
        state.waiting.push_back(Waiter {
            id,
            is_leader: false,
            change,
            make_leader,
        });
        if !state.is_led {
            state.promote_next();
        }
        id
    }

    /// Waits for a message.
    ///
    /// Fails as busy if the deadline passes while the writer is still in the queue.
    fn wait<T>(&self, id: WaiterId, receiver: &Receiver<T>) -> storage::StorageResult<T> {
        if let Ok(message) = receiver.try_recv() {
            return Ok(message);
        }
        let _span = Span::queue_wait();
        match receiver.recv_timeout(id.deadline.remaining()) {
            Ok(message) => return Ok(message),
            // The leader panicked, for example in the caller's clock.
            Err(RecvTimeoutError::Disconnected) => return Err(leader_panicked()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        // The lock on the queue must not be held during the wait below: the leader takes it too.
        let has_left = self.state().leave(id);
        if has_left {
            return Err(wait_timed_out(self.limit));
        }
        // The writer leads already, or its change is being made.
        receiver.recv().map_err(|_| leader_panicked())
    }

    fn lead(&self, transactions: &dyn Transactions) {
        let leader = LeaderGuard::begin(self);
        let mut group = CommitGroup::new(transactions);
        while let Some((change, deadline)) = self.next_for(&group) {
            group.add(change, deadline);
        }
        let committed = group.commit();
        // The next transaction need not wait until all results are sent.
        drop(leader);
        group.send_results(&committed);
    }

    /// Takes the next change from the queue, if it may join the transaction.
    fn next_for(&self, group: &CommitGroup<'_>) -> Option<(QueuedChange, Deadline)> {
        if group.is_full() || group.begin_failed {
            return None;
        }
        let mut state = self.state();
        state.waiting.front()?.change.as_ref()?;
        let next = state.waiting.pop_front()?;
        Some((next.change?, next.id.deadline))
    }

    fn state(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.state().waiting.len();
        f.debug_struct("WriteQueue")
            .field("waiting", &waiting)
            .finish()
    }
}

impl QueueState {
    /// Makes the first writer in the queue the leader, if there is one.
    fn promote_next(&mut self) {
        while let Some(first) = self.waiting.front_mut() {
            if (first.make_leader)() {
                first.is_leader = true;
                self.is_led = true;
                return;
            }
            self.waiting.pop_front();
        }
        self.is_led = false;
    }

    /// Removes a writer that has not become the leader from the queue, and returns whether it did.
    fn leave(&mut self, id: WaiterId) -> bool {
        let before = self.waiting.len();
        self.waiting
            .retain(|waiting| waiting.id.number != id.number || waiting.is_leader);
        self.waiting.len() < before
    }
}

/// The role of the leader. When it is dropped, by a panic too, the next writer leads.
struct LeaderGuard<'a>(&'a WriteQueue);

impl<'a> LeaderGuard<'a> {
    fn begin(queue: &'a WriteQueue) -> Self {
        queue.state().writing = Some(thread::current().id());
        Self(queue)
    }
}

impl Drop for LeaderGuard<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.writing = None;
        state.promote_next();
    }
}

/// The changes of one transaction.
struct CommitGroup<'a> {
    transactions: &'a dyn Transactions,
    writer: Option<WriteTransaction<'a>>,
    /// Whether the transaction could not begin. Writers with more time left try again.
    begin_failed: bool,
    /// The number of changes that were tried, failed ones included.
    tried: usize,
    applied_changes: Vec<(Applied, Option<LogPosition>)>,
}

impl<'a> CommitGroup<'a> {
    fn new(transactions: &'a dyn Transactions) -> Self {
        Self {
            transactions,
            writer: None,
            begin_failed: false,
            tried: 0,
            applied_changes: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        let bytes = self
            .writer
            .as_ref()
            .map_or(0, WriteTransaction::journaled_bytes);
        self.tried >= MAX_CHANGES || bytes >= MAX_BODY_BYTES
    }

    fn add(&mut self, change: QueuedChange, deadline: Deadline) {
        self.tried += 1;
        let mut writer = match self
            .writer
            .take()
            .map_or_else(|| self.transactions.begin(deadline), Ok)
        {
            Ok(writer) => writer,
            Err(error) => {
                self.begin_failed = true;
                return change(Err(error)).send(Ok(()));
            }
        };
        // The first change has no earlier one to preserve.
        let savepoint = if self.applied_changes.is_empty() {
            None
        } else {
            match writer.savepoint() {
                Ok(savepoint) => Some(savepoint),
                Err(error) => {
                    self.abort(&error);
                    return change(Err(error)).send(Ok(()));
                }
            }
        };
        let before = writer.position();
        let applied = change(Ok(&mut writer));
        if applied.is_made {
            let position = writer.position();
            let appended = (position != before).then_some(position);
            self.applied_changes.push((applied, appended));
            self.writer = Some(writer);
            return;
        }
        if let Some(savepoint) = savepoint {
            match writer.roll_back(savepoint) {
                Ok(()) => self.writer = Some(writer),
                Err(error) => self.abort(&error),
            }
        }
        applied.send(Ok(()));
    }

    /// Gives the transaction up, and sends the error to all writers whose changes it contained.
    fn abort(&mut self, error: &storage::StorageError) {
        for (applied, _) in self.applied_changes.drain(..) {
            applied.send(Err(error.clone().into()));
        }
    }

    fn commit(&mut self) -> storage::StorageResult<()> {
        match self.writer.take() {
            Some(writer) => self.transactions.commit(writer),
            None => Ok(()),
        }
    }

    fn send_results(self, committed: &storage::StorageResult<()>) {
        for (applied, position) in self.applied_changes {
            applied.send(match committed {
                Ok(()) => Ok(()),
                Err(error) => Err(error_of(error.clone(), position)),
            });
        }
    }
}

impl Applied {
    fn of<T: Send + 'static>(
        writer: storage::StorageResult<&mut WriteTransaction<'_>>,
        change: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T>,
        sender: Sender<Wakeup<T>>,
    ) -> Self {
        let result = writer.map_err(Error::from).and_then(change);
        Self {
            is_made: result.is_ok(),
            send: Box::new(move |outcome| {
                let result = result.and_then(|done| outcome.map(|()| done));
                // The writer waits until it gets a result.
                let _ = sender.send(Wakeup::Done(result));
            }),
        }
    }

    fn send(self, outcome: Result<()>) {
        (self.send)(outcome);
    }
}

/// Returns the error of a failed commit for the writer whose operation has this log position.
pub(crate) fn error_of(error: storage::StorageError, position: Option<LogPosition>) -> Error {
    match position {
        Some(LogPosition { number, id })
            if error.kind() == storage::StorageErrorKind::OutcomeUnknown =>
        {
            Error::OutcomeUnknown {
                number,
                id,
                source: error,
            }
        }
        _ => error.into(),
    }
}

fn wait_timed_out(limit: Duration) -> storage::StorageError {
    let limit = limit.as_secs_f64();
    let reason =
        format!("waited {limit:.1} s for changes that other threads make through this handle");
    storage::StorageError::new(StorageErrorKind::Busy, reason)
}

fn leader_panicked() -> storage::StorageError {
    let reason = "the thread that was committing this change panicked";
    storage::StorageError::new(storage::StorageErrorKind::Other, reason)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
