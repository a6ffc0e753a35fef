//! Trust in the frames of a log: whether they are on the disk as they are in the file.
//!
//! After a failed flush, Linux treats the pages of a file as written although they never reached
//! the disk, and a later flush does not write them. The frames of the commit that failed are still
//! in the file. A connection that recovers the log takes them for committed, and commits behind
//! them; a power cut would then lose them, and every commit behind them. A WAL checkpoint would
//! even copy pages to the database that the log on the disk does not contain.
//!
//! So frames whose flush may have failed are written again and flushed before a writer relies on
//! them: before its first commit, and before a WAL checkpoint. Whether that is necessary is decided
//! as follows:
//!
//! - While a connection has the log open, the frames of a failed commit are not committed, and the
//!   next commit overwrites them. They become committed only if the log is recovered from its file.
//!   The WAL index counts commits from there, so a count of zero shows such a log.
//! - A handle that is closed leaves a note of the log's state, under the write lock. A log that
//!   equals the note contains nothing that failed. So an orderly close costs the next writer
//!   nothing.
//! - A handle whose flush fails leaves a note of that. Relaxed commits before the failure are
//!   committed without a flush, so every handle looks for this note before its first commit.
//!   Handles that had the log open during the failure get the error from their own next flush.
//!
//! The note need not be durable: after a power cut, the file contains what is on the disk.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;

use super::connection;
use super::error::{SqliteContext as _, SqliteResult};
use super::index::SqliteIndex;
use super::paths::beside;
use super::wal_index::{WalHeader, has_wal};
use super::write_lock::WriteLock;
use crate::fs::lock::guard::FileLockGuard;
use crate::fs::rewrite::rewrite_durably;
use crate::storage::Deadline;

/// The note on the log, in the file of the write lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LogNote {
    /// No note, or one that cannot be read.
    None,
    /// Everything up to this state of the log was flushed, or will be by the next flush.
    Sound([u32; 5]),
    /// A flush failed, and nothing was written again since.
    Failed,
}

impl LogNote {
    fn read(lock: &FileLockGuard<'_>) -> Self {
        // Without a note, a recovered log is written again, which is always right.
        let note = lock.note().unwrap_or_default();
        match note.split_once(' ') {
            Some(("sound", state)) => {
                let words = state.split(' ').map(|word| u32::from_str_radix(word, 16));
                let words: Result<Vec<u32>, _> = words.collect();
                let state = words.ok().and_then(|words| words.try_into().ok());
                state.map_or(Self::None, Self::Sound)
            }
            None if note == "failed" => Self::Failed,
            _ => Self::None,
        }
    }

    /// Writes the note. If this fails, the previous one stays.
    fn write(self, lock: &FileLockGuard<'_>) {
        let text = match self {
            Self::None => String::new(),
            Self::Sound([a, b, c, d, e]) => {
                format!("sound {a:08x} {b:08x} {c:08x} {d:08x} {e:08x}")
            }
            Self::Failed => "failed".into(),
        };
        let _ = lock.set_note(&text);
    }
}

impl SqliteIndex {
    /// Makes sure that every frame of the log is on the disk, or will be with the next flush.
    ///
    /// If the frames have to be written again and this fails, nothing was changed, and the next
    /// write tries it again.
    pub(super) fn trust_log(&self, write_lock: &WriteLock<'_>) -> SqliteResult<()> {
        let connection = &write_lock.tables().connection;
        let is_note_read = &self.is_log_note_read;
        // Another program may have turned the log off.
        if !is_note_read.load(Ordering::Relaxed) && !has_wal(connection) {
            return Ok(());
        }
        let header = WalHeader::of(connection);
        if is_note_read.load(Ordering::Relaxed) && header.is_some_and(WalHeader::has_commits) {
            return Ok(());
        }
        let note = LogNote::read(&write_lock.lock);
        if !header.is_some_and(|header| is_sound(header, note)) {
            // Within a transaction, so that no program that does not use the write lock changes the
            // log, and so that the header is valid.
            write_lock.begin()?;
            // If the header cannot be read, nothing shows whether the log was recovered.
            let trusted = match WalHeader::of(connection) {
                Some(header) if !is_sound(header, note) => self.rewrite_log(header, write_lock),
                _ => Ok(()),
            };
            connection::run(connection, "ROLLBACK").context("checking the log")?;
            trusted?;
        }
        is_note_read.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn rewrite_log(&self, header: WalHeader, write_lock: &WriteLock<'_>) -> SqliteResult<()> {
        // SQLite has no locks on the log itself, so another descriptor of it may be closed.
        let rewritten = rewrite_durably(&beside(&self.path, "-wal"), header.log_bytes());
        let note = match &rewritten {
            Ok(()) => LogNote::Sound(header.log_state()),
            Err(_) => LogNote::Failed,
        };
        note.write(&write_lock.lock);
        rewritten
    }

    /// Leaves a note that a flush of the log failed, for the writers that follow.
    ///
    /// The caller holds the write lock.
    pub(super) fn note_failed_flush(&self, write_lock: &WriteLock<'_>) {
        LogNote::Failed.write(&write_lock.lock);
        // This handle looks for the note, too, if it is still usable.
        self.is_log_note_read.store(false, Ordering::Relaxed);
    }

    /// Leaves a note of the log's state when the handle is closed after it has written.
    ///
    /// If another process writes at this moment, it will leave a later one.
    pub(super) fn note_sound_log(&self, connection: &Connection) {
        let Ok(lock) = self.lock.lock(Deadline::after(Duration::ZERO)) else {
            return;
        };
        let Some(header) = WalHeader::of(connection) else {
            return;
        };
        let (note, now) = (LogNote::read(&lock), LogNote::Sound(header.log_state()));
        // Without a commit since the log was recovered, this handle has not relied on it.
        let is_known = self.is_log_note_read.load(Ordering::Relaxed) && header.has_commits();
        if is_known && note != LogNote::Failed && note != now {
            now.write(&lock);
        }
    }
}

/// Checks whether a note and the header show that no frame of the log was lost.
fn is_sound(header: WalHeader, note: LogNote) -> bool {
    match note {
        LogNote::Failed => header.log_bytes() == 0,
        LogNote::Sound(state) if state == header.log_state() => true,
        LogNote::Sound(_) | LogNote::None => header.has_commits() || header.log_bytes() == 0,
    }
}

#[cfg(test)]
#[path = "recovered_log_tests.rs"]
mod tests;
