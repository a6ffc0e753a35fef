//! Watching of a store: the changes by any thread or process.

use std::time::{Duration, Instant};

use super::handle::Store;
use super::waiting::{StopSignal, WaitEnd};
use crate::engine::history::watch;
use crate::engine::history::watch::Event;
use crate::model::error::Result;
use crate::model::log_position::LogPosition;

impl Store {
    /// Returns the current end of the history. Everything that is committed later comes after it.
    ///
    /// # Errors
    ///
    /// [`Storage`](crate::Error::Storage) if the index failed.
    pub fn position(&self) -> Result<LogPosition> {
        self.as_view().look(watch::end)
    }

    /// Returns the changes after a log position, in order: at most `limit` operations.
    ///
    /// It contains the operations of every thread and process, each of them exactly once. To
    /// continue, pass the position of the last event.
    ///
    /// ```
    /// use promptbook::history::LogPosition;
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let here = store.position()?;
    /// assert_eq!(here, LogPosition::START);
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let events = store.changes_since(here, 100)?;
    /// assert_eq!(events[0].operation.number, 1);
    /// assert!(store.changes_since(events[0].position, 100)?.is_empty());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`PositionNotFound`](crate::Error::PositionNotFound) if the log position is not in this
    /// store's history; [`Storage`](crate::Error::Storage) if the index failed.
    pub fn changes_since(&self, position: LogPosition, limit: usize) -> Result<Vec<Event>> {
        self.as_view()
            .look(|snapshot| watch::events_since(snapshot, &self.shared().bodies, position, limit))
    }

    /// Waits for changes after a log position, and returns them.
    ///
    /// The result is that of [`changes_since`](Self::changes_since).
    ///
    /// If there is no change within `timeout`, the list is empty. With a `limit` of 0, the call
    /// does not wait. A change by another process is noticed within about 10 ms; the thread sleeps
    /// in between, on Linux until another process writes.
    ///
    /// # Errors
    ///
    /// As [`changes_since`](Self::changes_since); [`WithinBatch`](crate::Error::WithinBatch) inside
    /// a batch of this store, because no change can happen during the batch.
    pub fn wait_for_changes(
        &self,
        position: LogPosition,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<Event>> {
        self.wait_for_changes_until(position, limit, timeout, &StopSignal::new())
    }

    /// Waits as [`wait_for_changes`](Self::wait_for_changes) does, until a signal stops the wait.
    ///
    /// If the signal stops it before there is a change, the list is empty.
    ///
    /// ```
    /// use std::time::Duration;
    /// use promptbook::Store;
    /// use promptbook::history::{LogPosition, StopSignal};
    ///
    /// let store = Store::in_memory()?;
    /// let stop = StopSignal::new();
    /// std::thread::scope(|scope| {
    ///     let waiting = scope.spawn(|| {
    ///         store.wait_for_changes_until(LogPosition::START, 100, Duration::MAX, &stop)
    ///     });
    ///     stop.stop();
    ///     assert!(waiting.join().unwrap()?.is_empty());
    ///     Ok::<(), promptbook::Error>(())
    /// })?;
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`wait_for_changes`](Self::wait_for_changes).
    pub fn wait_for_changes_until(
        &self,
        position: LogPosition,
        limit: usize,
        timeout: Duration,
        stop: &StopSignal,
    ) -> Result<Vec<Event>> {
        // None if the time is beyond the range of the clock.
        let deadline = Instant::now().checked_add(timeout);
        let shared = self.shared();
        loop {
            // The mark is read before the changes, so that every later commit changes it.
            let mark = shared.index.change_mark();
            let events = self.changes_since(position, limit)?;
            if !events.is_empty() || limit == 0 {
                return Ok(events);
            }
            shared.queue.check_not_reentrant()?;
            match shared.waiters.wait(&*shared.index, mark, deadline, stop)? {
                WaitEnd::Changed => {}
                WaitEnd::TimedOut | WaitEnd::Stopped => return Ok(events),
            }
        }
    }
}
