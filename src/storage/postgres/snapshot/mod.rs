//! The reads of a snapshot, by group.

mod bodies;
mod log;
mod lookups;
mod prompts;
mod reads;
mod versions;
mod whole;

pub(super) use self::reads::PostgresSnapshot;
