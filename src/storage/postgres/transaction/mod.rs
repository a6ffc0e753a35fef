//! The write transaction.

mod added;
mod changes;
mod outcome;
mod pending;
mod run;
mod state;
mod write;

pub(super) use self::pending::PendingWrites;
pub(super) use self::state::PostgresTransaction;
