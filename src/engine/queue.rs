//! Where writers wait for their turn, and share a flush.
//!
//! Whoever comes while nobody writes leads: it makes one transaction of its own change and of those that others hand in
//! meanwhile, commits it, and tells each its own result. So a change that comes alone takes no detour, and under load a
//! flush serves many. A change that is refused is taken back by itself and leaves the others alone.
//!
//! All wait in one line, first come, first served: also whoever needs a transaction alone.

use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ThreadId};

use super::writer::{Place, Writer};
use crate::backend;
use crate::error::{Error, Result};

/// Changes that share a transaction at most, and the bytes of the bodies from which on no more join them.
const MOST: (usize, u64) = (64, 4 * 1024 * 1024);

/// The line of those who wait to write through one store.
#[derive(Default)]
pub(crate) struct WriteQueue {
    line: Mutex<Line>,
}

#[derive(Default)]
struct Line {
    waiting: VecDeque<Waiting>,
    /// Somebody writes, and sees to it that the next one does.
    is_led: bool,
    /// The thread that makes changes now: it must not wait for its own turn to end.
    writing: Option<ThreadId>,
}

struct Waiting {
    /// None for one who needs a transaction alone.
    change: Option<Change>,
    /// Makes the thread that waits the leader; false where it does not wait any more.
    make_leader: Box<dyn Fn() -> bool + Send>,
}

/// Makes a change in a transaction that is shared, or learns why there is none.
type Change = Box<dyn FnOnce(backend::Result<&mut Writer<'_>>) -> Made + Send>;

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
    fn begin(&self) -> backend::Result<Writer<'_>>;

    /// Commits, and sees to what is to be done after it.
    fn commit(&self, writer: Writer<'_>) -> backend::Result<()>;
}

impl WriteQueue {
    /// Makes a change, in a transaction that it may share.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        transactions: &dyn Transactions,
        change: impl FnOnce(&mut Writer<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.refuse_within()?;
        let (told, telling) = channel();
        let leader = told.clone();
        self.join(Waiting {
            change: Some(Box::new(move |writer| Made::of(writer, change, told))),
            make_leader: Box::new(move || leader.send(Told::Lead).is_ok()),
        });
        loop {
            match telling.recv() {
                Ok(Told::Lead) => self.lead(transactions),
                Ok(Told::Done(result)) => return result,
                // The leader panicked, in a clock of the caller's perhaps.
                Err(_) => return Err(lost().into()),
            }
        }
    }

    /// Does something while nobody else writes through this store.
    pub(crate) fn alone<T>(&self, work: impl FnOnce() -> Result<T>) -> Result<T> {
        self.refuse_within()?;
        let (told, telling): (Sender<()>, Receiver<()>) = channel();
        self.join(Waiting {
            change: None,
            make_leader: Box::new(move || told.send(()).is_ok()),
        });
        telling.recv().map_err(|_| lost())?;
        let _leading = Leading::begin(self);
        self.line().waiting.pop_front();
        work()
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

    fn join(&self, waiting: Waiting) {
        let mut line = self.line();
        line.waiting.push_back(waiting);
        if !line.is_led {
            line.pass_on();
        }
    }

    fn lead(&self, transactions: &dyn Transactions) {
        let leading = Leading::begin(self);
        let mut group = Group::new(transactions);
        while let Some(change) = self.next_for(&group) {
            group.add(change);
        }
        let committed = group.commit();
        // The next transaction need not wait until all are told of this one.
        drop(leading);
        group.tell(&committed);
    }

    /// The change that comes next, if it may join.
    fn next_for(&self, group: &Group<'_>) -> Option<Change> {
        if group.is_full() {
            return None;
        }
        let mut line = self.line();
        line.waiting.front()?.change.as_ref()?;
        line.waiting.pop_front()?.change
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
        while let Some(first) = self.waiting.front() {
            if (first.make_leader)() {
                self.is_led = true;
                return;
            }
            self.waiting.pop_front();
        }
        self.is_led = false;
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
    /// How many were tried, also in vain.
    tried: usize,
    made: Vec<(Made, Option<Place>)>,
}

impl<'a> Group<'a> {
    fn new(transactions: &'a dyn Transactions) -> Self {
        Self {
            transactions,
            writer: None,
            tried: 0,
            made: Vec::new(),
        }
    }

    fn is_full(&self) -> bool {
        let bytes = self.writer.as_ref().map_or(0, Writer::journaled_bytes);
        self.tried >= MOST.0 || bytes >= MOST.1
    }

    fn add(&mut self, change: Change) {
        self.tried += 1;
        let mut writer = match self
            .writer
            .take()
            .map_or_else(|| self.transactions.begin(), Ok)
        {
            Ok(writer) => writer,
            Err(error) => return change(Err(error)).tell(Ok(())),
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
    fn give_up(&mut self, error: &backend::Error) {
        for (made, _) in self.made.drain(..) {
            made.tell(Err(error.clone().into()));
        }
    }

    fn commit(&mut self) -> backend::Result<()> {
        match self.writer.take() {
            Some(writer) => self.transactions.commit(writer),
            None => Ok(()),
        }
    }

    fn tell(self, committed: &backend::Result<()>) {
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
        writer: backend::Result<&mut Writer<'_>>,
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
pub(crate) fn error_of(error: backend::Error, place: Option<Place>) -> Error {
    match place {
        Some((number, id)) if error.kind() == backend::ErrorKind::OutcomeUnknown => {
            Error::OutcomeUnknown {
                number,
                id,
                source: error,
            }
        }
        _ => error.into(),
    }
}

fn lost() -> backend::Error {
    let reason = "the thread that was to write this change has panicked";
    backend::Error::new(backend::ErrorKind::Other, reason)
}

#[cfg(test)]
mod tests;
