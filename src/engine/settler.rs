//! The thread that settles bodies off the callers' path.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::settle::{Settled, settle, write_out};
use super::writer::Journaled;
use crate::backend::{Blobs, Index};
use crate::error::Result;

/// Work waits until nobody has committed for this long: it shares the disk with commits.
const PAUSE: Duration = Duration::from_millis(5);
/// At a pause, a batch is worth its flush at this many bodies or bytes;
const BATCH: Journaled = Journaled {
    bodies: 64,
    bytes: 1024 * 1024,
};
/// at this many, commits must bear it;
const FULL: Journaled = Journaled {
    bodies: 1024,
    bytes: 16 * 1024 * 1024,
};
/// and after this long without a commit any is.
const IDLE: Duration = Duration::from_secs(1);
/// So many commits, with bodies or without, may make a log that is long.
const COMMITS: u64 = 1024;
/// After a failure nothing is tried for this long: the disk may be full.
const RETRY: Duration = Duration::from_secs(30);

/// Settles the bodies of one open store. The thread starts with the first commit and ends with the store.
#[derive(Debug)]
pub(crate) struct Settler {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
struct Shared {
    index: Arc<dyn Index>,
    blobs: Arc<dyn Blobs>,
    state: Mutex<State>,
    wake: Condvar,
    /// One settling at a time: a second would write the same files.
    settling: Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Committed and not yet written to its place.
    unwritten: u64,
    /// In the journal, as far as this handle put it there.
    journaled: Journaled,
    /// Since the index was last maintained.
    commits: u64,
    last_commit: Option<Instant>,
    /// When a body could not be written or flushed: it stays in the journal, to be tried again later.
    failed: Option<Instant>,
    closing: bool,
}

enum Work {
    WriteOut,
    Settle,
    Maintain,
    Close,
}

impl Settler {
    pub(crate) fn new(index: Arc<dyn Index>, blobs: Arc<dyn Blobs>) -> Self {
        Self {
            shared: Arc::new(Shared {
                index,
                blobs,
                state: Mutex::default(),
                wake: Condvar::new(),
                settling: Mutex::default(),
            }),
            thread: Mutex::default(),
        }
    }

    /// Settles everything now, and waits for it.
    pub(crate) fn settle(&self, moved: impl FnMut(Settled)) -> Result<Settled> {
        self.shared.settle(moved)
    }

    /// Tells of a commit, and of what it put in the journal.
    pub(crate) fn journaled(&self, added: Journaled) {
        let mut state = self.shared.state();
        state.commits += 1;
        state.unwritten += added.bodies;
        state.journaled.bodies += added.bodies;
        state.journaled.bytes += added.bytes;
        state.last_commit = Some(Instant::now());
        drop(state);
        self.shared.wake.notify_one();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = Arc::clone(&self.shared);
            let named = std::thread::Builder::new().name("promptbook-settler".into());
            // Without a thread the bodies stay in the journal, which is as safe, until the store is closed.
            *thread = named.spawn(move || shared.work()).ok();
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        self.shared.state().closing = true;
        self.shared.wake.notify_one();
        let thread = self
            .thread
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take() {
            // It does not panic; if it did, the journal would have what it left.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        let mut written = 0;
        loop {
            let work = self.next();
            let done = match work {
                Work::WriteOut => self.write_out(&mut written),
                Work::Settle => self.settle(|_| ()).map(drop),
                Work::Maintain => self.maintain(),
                Work::Close => {
                    let _ = self.close(&mut written);
                    return;
                }
            };
            // Costs nothing but time: the bodies are in the journal, where every reader finds them, and an
            // explicit `settle` tries anew at once and says what is wrong.
            if done.is_err() {
                let mut state = self.state();
                state.failed = Some(Instant::now());
                state.journaled.bodies += 1;
            }
        }
    }

    /// Waits for something to do.
    fn next(&self) -> Work {
        let mut state = self.state();
        loop {
            if state.closing {
                return Work::Close;
            }
            let quiet = state.last_commit.map_or(IDLE, |last| last.elapsed());
            let journaled = state.journaled;
            let failed = state.failed.map(|failed| failed.elapsed());
            let wait = if let Some(since) = failed.filter(|since| *since < RETRY) {
                Some(RETRY - since)
            } else if journaled.bodies == 0 && state.commits == 0 {
                None
            } else if journaled.reaches(FULL) || journaled.bodies > 0 && quiet >= IDLE {
                return Work::Settle;
            } else if state.commits >= COMMITS || quiet >= IDLE {
                return Work::Maintain;
            } else if journaled.bodies == 0 {
                Some(IDLE - quiet)
            } else if quiet < PAUSE {
                Some(PAUSE - quiet)
            } else if journaled.reaches(BATCH) {
                return Work::Settle;
            } else if state.unwritten > 0 {
                return Work::WriteOut;
            } else {
                Some(IDLE - quiet)
            };
            state = match wait {
                None => self
                    .wake
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(wait) => {
                    let waited = self.wake.wait_timeout(state, wait);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    fn write_out(&self, written: &mut u64) -> Result<()> {
        self.state().unwritten = 0;
        *written = write_out(&*self.index, &*self.blobs, *written)?;
        Ok(())
    }

    fn settle(&self, moved: impl FnMut(Settled)) -> Result<Settled> {
        let _alone = self.settling.lock().unwrap_or_else(PoisonError::into_inner);
        {
            let mut state = self.state();
            (state.unwritten, state.journaled) = (0, Journaled::default());
        }
        let settled = settle(&*self.index, &*self.blobs, moved)?;
        self.maintain()?;
        self.state().failed = None;
        Ok(settled)
    }

    fn maintain(&self) -> Result<()> {
        self.state().commits = 0;
        Ok(self.index.maintain()?)
    }

    /// Leaves every body a file, and flushes no more than a batch that is full and a log that is long.
    fn close(&self, written: &mut u64) -> Result<()> {
        if self.state().failed.is_some() {
            return Ok(());
        }
        let waiting = self.index.snapshot()?.waiting()?;
        let waiting = Journaled {
            bodies: waiting.bodies,
            bytes: waiting.bytes,
        };
        if waiting.reaches(BATCH) {
            settle(&*self.index, &*self.blobs, |_| ())?;
        } else if self.state().unwritten > 0 {
            self.write_out(written)?;
        }
        Ok(self.index.maintain()?)
    }
}
