//! A store watched: what changes, by whichever thread or process.

use std::thread;
use std::time::{Duration, Instant};

use super::handle::Store;
use crate::engine::history::watch;
use crate::engine::history::watch::{Cursor, Event};
use crate::model::error::Result;

/// How often a waiting thread looks whether anybody has committed: for as good as nothing, see
/// [`Index::change_mark`](crate::storage::Index::change_mark).
const LOOK: Duration = Duration::from_millis(10);

impl Store {
    /// Where the history ends now: what is committed later comes behind it.
    ///
    /// # Errors
    ///
    /// [`Backend`](crate::Error::Backend).
    pub fn cursor(&self) -> Result<Cursor> {
        self.look(watch::end)
    }

    /// What changed behind a place in the history, in order, `limit` operations at most: by any thread or process, none
    /// left out, none twice. The last one's cursor is where to go on.
    ///
    /// ```
    /// use promptbook::{Cursor, NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let here = store.cursor()?;
    /// assert_eq!(here, Cursor::START);
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
    /// let events = store.changes_since(here, 100)?;
    /// assert_eq!(events[0].operation.number, 1);
    /// assert!(store.changes_since(events[0].cursor, 100)?.is_empty());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`CursorNotFound`](crate::Error::CursorNotFound) for a place that is not in this store's history;
    /// [`Backend`](crate::Error::Backend).
    pub fn changes_since(&self, cursor: Cursor, limit: usize) -> Result<Vec<Event>> {
        self.look(|snapshot| watch::events_since(snapshot, &self.inner.bodies, cursor, limit))
    }

    /// As [`changes_since`](Self::changes_since), but waits until there is something, for so long at most; then there is
    /// nothing. A limit of 0 waits for nothing. A change of another process is noticed in some 10 ms; the thread sleeps in between.
    ///
    /// # Errors
    ///
    /// As there; [`WithinBatch`](crate::Error::WithinBatch) inside a batch of this store, which keeps all changes waiting.
    pub fn wait_for_changes(
        &self,
        cursor: Cursor,
        limit: usize,
        timeout: Duration,
    ) -> Result<Vec<Event>> {
        // None for a time that no clock comes to.
        let deadline = Instant::now().checked_add(timeout);
        loop {
            // Before the look, so that what is committed after it changes the mark.
            let mark = self.inner.index.change_mark();
            let events = self.changes_since(cursor, limit)?;
            if !events.is_empty() || limit == 0 {
                return Ok(events);
            }
            self.inner.queue.refuse_within()?;
            loop {
                let left =
                    deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
                if left.is_some_and(|left| left.is_zero()) {
                    return Ok(events);
                }
                thread::sleep(left.map_or(LOOK, |left| left.min(LOOK)));
                let now = self.inner.index.change_mark();
                if now.is_none() || now != mark {
                    break;
                }
            }
        }
    }
}
