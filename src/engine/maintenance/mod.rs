//! Maintenance: checkpoints, garbage collection, repacking, repair, and the worker that runs them.

pub(crate) mod checkpoint;
pub(crate) mod gc;
pub(crate) mod repack;
pub(crate) mod repair;
pub(crate) mod retention;
mod schedule;
mod tasks;
pub(crate) mod worker;
