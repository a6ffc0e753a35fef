//! The reads of a snapshot, by group.

mod bodies;
mod log;
mod lookups;
mod prompts;
mod reads;
mod unused;
mod versions;
mod whole;

pub(super) use self::reads::PostgresSnapshot;
pub(super) use self::unused::UnusedIds;
