//! The write transaction.

mod changes;
mod outcome;
mod state;
mod write;

pub(super) use self::state::PostgresTransaction;
