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

use super::writer::{LogPoint, WriteTransaction};
use crate::model::error::{Error, Result};
use crate::storage;
use crate::storage::{Deadline, StorageErrorKind};

/// The maximum number of changes in a transaction, and the size limit of their bodies.
///
/// Once the bodies have this number of bytes, no more changes join.
const MOST: (usize, u64) = (64, 4 * 1024 * 1024);

/// The queue of the writers of one store handle.
pub(crate) struct WriteQueue {
    line: Mutex<QueueState>,
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
    ticket: WaiterId,
    /// Whether it was made the leader, and cannot leave the queue any more.
    leads: bool,
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
    tell: Box<dyn FnOnce(Result<()>) + Send>,
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
            line: Mutex::default(),
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
        self.refuse_within()?;
        let (told, telling) = channel();
        let leader = told.clone();
        let ticket = self.join(
            Some(Box::new(move |writer| Applied::of(writer, change, told))),
            Box::new(move || leader.send(Wakeup::Lead).is_ok()),
        );
        if let Wakeup::Done(result) = self.wait(ticket, &telling)? {
            return result;
        }
        self.lead(transactions);
        match telling.recv() {
            Ok(Wakeup::Done(result)) => result,
            // A leader takes its own change first, so a result must have been sent.
            Ok(Wakeup::Lead) | Err(_) => Err(lost().into()),
        }
    }

    /// Runs `work` while no other writer of this store handle writes.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(Deadline) -> Result<T>) -> Result<T> {
        self.refuse_within()?;
        let (told, telling) = channel();
        let ticket = self.join(None, Box::new(move || told.send(()).is_ok()));
        self.wait(ticket, &telling)?;
        let _leading = LeaderGuard::begin(self);
        self.line().waiting.pop_front();
        work(ticket.deadline)
    }

    /// Fails if the current thread is the one that makes changes now, in a closure of its caller.
    ///
    /// Such a thread would wait forever for the end of its own turn.
    pub(crate) fn refuse_within(&self) -> Result<()> {
        let writing = self.line().writing;
        match writing.is_some_and(|writing| writing == thread::current().id()) {
            true => Err(Error::WithinBatch),
            false => Ok(()),
        }
    }

    fn join(&self, change: Option<QueuedChange>, make_leader: MakeLeader) -> WaiterId {
        let deadline = Deadline::after(self.limit);
        let mut line = self.line();
        line.number += 1;
        let ticket = WaiterId {
            number: line.number,
            deadline,
        };
        line.waiting.push_back(Waiter {
            ticket,
            leads: false,
            change,
            make_leader,
        });
        if !line.is_led {
            line.pass_on();
        }
        ticket
    }

    /// Waits for a message.
    ///
    /// Fails as busy if the deadline passes while the writer is still in the queue.
    fn wait<T>(&self, ticket: WaiterId, telling: &Receiver<T>) -> storage::StorageResult<T> {
        match telling.recv_timeout(ticket.deadline.remaining()) {
            Ok(told) => return Ok(told),
            // The leader panicked, for example in the caller's clock.
            Err(RecvTimeoutError::Disconnected) => return Err(lost()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        match self.line().leave(ticket) {
            true => Err(busy(self.limit)),
            // The writer leads already, or its change is being made.
            false => telling.recv().map_err(|_| lost()),
        }
    }

    fn lead(&self, transactions: &dyn Transactions) {
        let leading = LeaderGuard::begin(self);
        let mut group = CommitGroup::new(transactions);
        while let Some((change, deadline)) = self.next_for(&group) {
            group.add(change, deadline);
        }
        let committed = group.commit();
        // The next transaction need not wait until all results are sent.
        drop(leading);
        group.tell(&committed);
    }

    /// Takes the next change from the queue, if it may join the transaction.
    fn next_for(&self, group: &CommitGroup<'_>) -> Option<(QueuedChange, Deadline)> {
        if group.is_full() || group.has_none {
            return None;
        }
        let mut line = self.line();
        line.waiting.front()?.change.as_ref()?;
        let next = line.waiting.pop_front()?;
        Some((next.change?, next.ticket.deadline))
    }

    fn line(&self) -> MutexGuard<'_, QueueState> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for WriteQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let waiting = self.line().waiting.len();
        f.debug_struct("WriteQueue")
            .field("waiting", &waiting)
            .finish()
    }
}

impl QueueState {
    /// Makes the first writer in the queue the leader, if there is one.
    fn pass_on(&mut self) {
        while let Some(first) = self.waiting.front_mut() {
            if (first.make_leader)() {
                first.leads = true;
                self.is_led = true;
                return;
            }
            self.waiting.pop_front();
        }
        self.is_led = false;
    }

    /// Removes a writer that has not become the leader from the queue, and returns whether it did.
    fn leave(&mut self, ticket: WaiterId) -> bool {
        let before = self.waiting.len();
        self.waiting
            .retain(|waiting| waiting.ticket.number != ticket.number || waiting.leads);
        self.waiting.len() < before
    }
}

/// The role of the leader. When it is dropped, by a panic too, the next writer leads.
struct LeaderGuard<'a>(&'a WriteQueue);

impl<'a> LeaderGuard<'a> {
    fn begin(queue: &'a WriteQueue) -> Self {
        queue.line().writing = Some(thread::current().id());
        Self(queue)
    }
}

impl Drop for LeaderGuard<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.writing = None;
        line.pass_on();
    }
}

/// The changes of one transaction.
struct CommitGroup<'a> {
    transactions: &'a dyn Transactions,
    writer: Option<WriteTransaction<'a>>,
    /// Whether the transaction could not begin. Writers with more time left try again.
    has_none: bool,
    /// The number of changes that were tried, failed ones included.
    tried: usize,
    made: Vec<(Applied, Option<LogPoint>)>,
}

impl<'a> CommitGroup<'a> {
    fn new(transactions: &'a dyn Transactions) -> Self {
        Self {
            transactions,
            writer: None,
            has_none: false,
            tried: 0,
            made: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        let bytes = self
            .writer
            .as_ref()
            .map_or(0, WriteTransaction::journaled_bytes);
        self.tried >= MOST.0 || bytes >= MOST.1
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
                self.has_none = true;
                return change(Err(error)).tell(Ok(()));
            }
        };
        // The first change has no earlier one to preserve.
        let savepoint = match self.made.is_empty() {
            true => None,
            false => match writer.savepoint() {
                Ok(savepoint) => Some(savepoint),
                Err(error) => {
                    self.give_up(&error);
                    return change(Err(error)).tell(Ok(()));
                }
            },
        };
        let before = writer.place();
        let made = change(Ok(&mut writer));
        if made.is_made {
            let place = writer.place();
            self.made.push((made, (place != before).then_some(place)));
            self.writer = Some(writer);
            return;
        }
        if let Some(savepoint) = savepoint {
            match writer.roll_back(savepoint) {
                Ok(()) => self.writer = Some(writer),
                Err(error) => self.give_up(&error),
            }
        }
        made.tell(Ok(()));
    }

    /// Gives the transaction up, and sends the error to all writers whose changes it contained.
    fn give_up(&mut self, error: &storage::StorageError) {
        for (made, _) in self.made.drain(..) {
            made.tell(Err(error.clone().into()));
        }
    }

    fn commit(&mut self) -> storage::StorageResult<()> {
        match self.writer.take() {
            Some(writer) => self.transactions.commit(writer),
            None => Ok(()),
        }
    }

    fn tell(self, committed: &storage::StorageResult<()>) {
        for (made, place) in self.made {
            made.tell(match committed {
                Ok(()) => Ok(()),
                Err(error) => Err(error_of(error.clone(), place)),
            });
        }
    }
}

impl Applied {
    fn of<T: Send + 'static>(
        writer: storage::StorageResult<&mut WriteTransaction<'_>>,
        change: impl FnOnce(&mut WriteTransaction<'_>) -> Result<T>,
        told: Sender<Wakeup<T>>,
    ) -> Self {
        let result = writer.map_err(Error::from).and_then(change);
        Self {
            is_made: result.is_ok(),
            tell: Box::new(move |outcome| {
                let result = result.and_then(|done| outcome.map(|()| done));
                // The writer waits until it gets a result.
                let _ = told.send(Wakeup::Done(result));
            }),
        }
    }

    fn tell(self, outcome: Result<()>) {
        (self.tell)(outcome);
    }
}

/// Returns the error of a failed commit for the writer whose operation has this log position.
pub(crate) fn error_of(error: storage::StorageError, place: Option<LogPoint>) -> Error {
    match place {
        Some((number, id)) if error.kind() == storage::StorageErrorKind::OutcomeUnknown => {
            Error::OutcomeUnknown {
                number,
                id,
                source: error,
            }
        }
        _ => error.into(),
    }
}

fn busy(limit: Duration) -> storage::StorageError {
    let limit = limit.as_secs_f64();
    let reason =
        format!("waited {limit:.1} s for changes that other threads make through this handle");
    storage::StorageError::new(StorageErrorKind::Busy, reason)
}

fn lost() -> storage::StorageError {
    let reason = "the thread that was committing this change panicked";
    storage::StorageError::new(storage::StorageErrorKind::Other, reason)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
