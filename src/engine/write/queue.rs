//! Where writers wait for their turn, and share a flush.
//!
//! Whoever comes while nobody writes leads: it makes one transaction of its own change and of those that others hand in
//! meanwhile, commits it, and tells each its own result. So a change that comes alone takes no detour, and under load a
//! flush serves many. A change that is refused is taken back by itself and leaves the others alone.
//!
//! All wait in one line, first come, first served: also whoever needs a transaction alone. Each waits until its own
//! deadline, for the line and for the transaction together.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};
use std::time::Duration;

use super::writer::{Place, Writer};
use crate::model::error::{Error, Result};
use crate::storage;
use crate::storage::{Deadline, ErrorKind};

/// Changes that share a transaction at most, and the bytes of the bodies from which on no more join them.
const MOST: (usize, u64) = (64, 4 * 1024 * 1024);

/// The line of those who wait to write through one store.
pub(crate) struct WriteQueue {
    line: Mutex<Line>,
    /// How long each waits.
    limit: Duration,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Of the last one that joined.
    number: u64,
    /// Somebody writes, and sees to it that the next one does.
    is_led: bool,
    /// The thread that makes changes now: it must not wait for its own turn to end.
    writing: Option<ThreadId>,
}

struct Waiting {
    ticket: Ticket,
    /// It was made the leader, and can't leave any more.
    leads: bool,
    /// None for one who needs a transaction alone.
    change: Option<Change>,
    /// Makes the thread that waits the leader; false where it does not wait any more.
    make_leader: MakeLeader,
}

type MakeLeader = Box<dyn Fn() -> bool + Send>;

/// The place of one who waits.
#[derive(Clone, Copy)]
struct Ticket {
    number: u64,
    deadline: Deadline,
}

/// Makes a change in a transaction that is shared, or learns why there is none.
type Change = Box<dyn FnOnce(storage::Result<&mut Writer<'_>>) -> Made + Send>;

struct Made {
    /// Whether the transaction has the change.
    is_made: bool,
    /// Tells whoever waits: its result, if the transaction came about.
    tell: Box<dyn FnOnce(Result<()>) + Send>,
}

/// What a thread that waits is told.
enum Told<T> {
    Lead,
    Done(Result<T>),
}

/// What the transactions of a store are made of.
pub(crate) trait Transactions {
    /// Fails as busy if the deadline passes before.
    fn begin(&self, deadline: Deadline) -> storage::Result<Writer<'_>>;

    /// Commits, and sees to what is to be done after it.
    fn commit(&self, writer: Writer<'_>) -> storage::Result<()>;
}

impl WriteQueue {
    /// A line in which each waits no longer than this.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            line: Mutex::default(),
            limit,
        }
    }

    /// Makes a change, in a transaction that it may share.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        transactions: &dyn Transactions,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.refuse_within()?;
        let (told, telling) = channel();
        let leader = told.clone();
        let ticket = self.join(
            Some(Box::new(move |writer| Made::of(writer, change, told))),
            Box::new(move || leader.send(Told::Lead).is_ok()),
        );
        if let Told::Done(result) = self.wait(ticket, &telling)? {
            return result;
        }
        self.lead(transactions);
        match telling.recv() {
            Ok(Told::Done(result)) => result,
            // Its own change was the first that it made.
            Ok(Told::Lead) | Err(_) => Err(lost().into()),
        }
    }

    /// Does something while nobody else writes through this store.
    pub(crate) fn alone<T>(&self, work: impl FnOnce(Deadline) -> Result<T>) -> Result<T> {
        self.refuse_within()?;
        let (told, telling) = channel();
        let ticket = self.join(None, Box::new(move || told.send(()).is_ok()));
        self.wait(ticket, &telling)?;
        let _leading = Leading::begin(self);
        self.line().waiting.pop_front();
        work(ticket.deadline)
    }

    /// Fails on the thread that writes now, in what its caller gave it to do: what waits for the turn to end, or for
    /// another who waits for that, would wait forever.
    pub(crate) fn refuse_within(&self) -> Result<()> {
        let writing = self.line().writing;
        match writing.is_some_and(|writing| writing == thread::current().id()) {
            true => Err(Error::WithinBatch),
            false => Ok(()),
        }
    }

    fn join(&self, change: Option<Change>, make_leader: MakeLeader) -> Ticket {
        let deadline = Deadline::after(self.limit);
        let mut line = self.line();
        line.number += 1;
        let ticket = Ticket {
            number: line.number,
            deadline,
        };
        line.waiting.push_back(Waiting {
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

    /// Waits to be told something; fails as busy if the deadline passes while it is still in line.
    fn wait<T>(&self, ticket: Ticket, telling: &Receiver<T>) -> storage::Result<T> {
        match telling.recv_timeout(ticket.deadline.remaining()) {
            Ok(told) => return Ok(told),
            // The leader panicked, in a clock of the caller's perhaps.
            Err(RecvTimeoutError::Disconnected) => return Err(lost()),
            Err(RecvTimeoutError::Timeout) => {}
        }
        match self.line().leave(ticket) {
            true => Err(busy(self.limit)),
            // It leads, or its change is being made.
            false => telling.recv().map_err(|_| lost()),
        }
    }

    fn lead(&self, transactions: &dyn Transactions) {
        let leading = Leading::begin(self);
        let mut group = Group::new(transactions);
        while let Some((change, deadline)) = self.next_for(&group) {
            group.add(change, deadline);
        }
        let committed = group.commit();
        // The next transaction need not wait until all are told of this one.
        drop(leading);
        group.tell(&committed);
    }

    /// The change that comes next, if it may join.
    fn next_for(&self, group: &Group<'_>) -> Option<(Change, Deadline)> {
        if group.is_full() || group.has_none {
            return None;
        }
        let mut line = self.line();
        line.waiting.front()?.change.as_ref()?;
        let next = line.waiting.pop_front()?;
        Some((next.change?, next.ticket.deadline))
    }

    fn line(&self) -> MutexGuard<'_, Line> {
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

impl Line {
    /// Makes the first in line the leader, if there is any.
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

    /// Takes one out that waits for nothing but its turn; says whether it did.
    fn leave(&mut self, ticket: Ticket) -> bool {
        let before = self.waiting.len();
        self.waiting
            .retain(|waiting| waiting.ticket.number != ticket.number || waiting.leads);
        self.waiting.len() < before
    }
}

/// Leading the line. When it is over, also by a panic, the next one leads.
struct Leading<'a>(&'a WriteQueue);

impl<'a> Leading<'a> {
    fn begin(queue: &'a WriteQueue) -> Self {
        queue.line().writing = Some(thread::current().id());
        Self(queue)
    }
}

impl Drop for Leading<'_> {
    fn drop(&mut self) {
        let mut line = self.0.line();
        line.writing = None;
        line.pass_on();
    }
}

/// The changes of one transaction.
struct Group<'a> {
    transactions: &'a dyn Transactions,
    writer: Option<Writer<'a>>,
    /// The transaction was not to be had. Those who have more time try again.
    has_none: bool,
    /// How many were tried, also in vain.
    tried: usize,
    made: Vec<(Made, Option<Place>)>,
}

impl<'a> Group<'a> {
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
        let bytes = self.writer.as_ref().map_or(0, Writer::journaled_bytes);
        self.tried >= MOST.0 || bytes >= MOST.1
    }

    fn add(&mut self, change: Change, deadline: Deadline) {
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
        // The first one has nothing before it that must stay.
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

    /// The transaction is lost, and with it what was made in it.
    fn give_up(&mut self, error: &storage::Error) {
        for (made, _) in self.made.drain(..) {
            made.tell(Err(error.clone().into()));
        }
    }

    fn commit(&mut self) -> storage::Result<()> {
        match self.writer.take() {
            Some(writer) => self.transactions.commit(writer),
            None => Ok(()),
        }
    }

    fn tell(self, committed: &storage::Result<()>) {
        for (made, place) in self.made {
            made.tell(match committed {
                Ok(()) => Ok(()),
                Err(error) => Err(error_of(error.clone(), place)),
            });
        }
    }
}

impl Made {
    fn of<T: Send + 'static>(
        writer: storage::Result<&mut Writer<'_>>,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T>,
        told: Sender<Told<T>>,
    ) -> Self {
        let result = writer.map_err(Error::from).and_then(change);
        Self {
            is_made: result.is_ok(),
            tell: Box::new(move |outcome| {
                let result = result.and_then(|done| outcome.map(|()| done));
                // Whoever waits is there until it is told.
                let _ = told.send(Told::Done(result));
            }),
        }
    }

    fn tell(self, outcome: Result<()>) {
        (self.tell)(outcome);
    }
}

/// Why a commit failed, to whoever made the operation at this place in it.
pub(crate) fn error_of(error: storage::Error, place: Option<Place>) -> Error {
    match place {
        Some((number, id)) if error.kind() == storage::ErrorKind::OutcomeUnknown => {
            Error::OutcomeUnknown {
                number,
                id,
                source: error,
            }
        }
        _ => error.into(),
    }
}

fn busy(limit: Duration) -> storage::Error {
    let limit = limit.as_secs_f64();
    let reason =
        format!("waited {limit:.1} s for changes that other threads make through this handle");
    storage::Error::new(ErrorKind::Busy, reason)
}

fn lost() -> storage::Error {
    let reason = "the thread that was to write this change has panicked";
    storage::Error::new(storage::ErrorKind::Other, reason)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
