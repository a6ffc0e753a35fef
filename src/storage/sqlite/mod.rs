//! The index on SQLite. This folder contains every SQL statement of the crate.
//!
//! One connection writes, several read. Threads and processes queue for the writer on a lock file
//! instead of SQLite's own lock: SQLite's busy handler polls, and starves some of those that wait.

#![expect(
    clippy::disallowed_types,
    reason = "this module knows SQL, and defines a backend"
)]

mod archive;
mod backend;
mod begin;
pub(crate) mod body_locks;
mod change_counter;
mod check;
mod check_history;
mod columns;
mod connect;
mod connection;
mod copy;
mod environment_list;
mod error;
mod files;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod frame_buffer;
mod ids;
mod index;
mod index_directory;
mod index_file;
mod indexed_messages;
mod interned;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod log_file;
mod lookups;
mod maintenance;
mod objects;
mod open_mode;
mod opening;
mod operations;
mod paths;
mod pool;
mod prompts;
mod read_connection;
mod recovered_log;
mod row_operations;
mod schema;
mod schema_text;
mod search;
mod snapshot;
mod transaction;
mod version_list;
mod version_parts;
mod version_summaries;
mod versions;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod vfs;
mod wal_checkpoint;
mod wal_index;
mod write_connection;
mod write_lock;

pub(crate) use self::connection::{MINIMUM_VERSION, linked_version};
pub(crate) use self::index::SqliteIndex;
pub(crate) use self::index_file::{IndexFile, Probe};
pub(crate) use self::open_mode::OpenMode;
pub(crate) use self::schema::FORMAT;
