//! The write transaction.

mod added;
mod changes;
mod concerned;
mod guarded;
mod move_statements;
mod outcome;
mod pending;
mod run;
mod state;
mod write;

pub(super) use self::concerned::Concerned;
pub(super) use self::pending::PendingWrites;
pub(super) use self::state::PostgresTransaction;
