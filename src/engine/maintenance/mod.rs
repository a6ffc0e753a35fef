//! Maintenance: checkpoints, garbage collection, repacking, repair, and the worker that runs them.

mod body_lock;
pub(crate) mod checkpoint;
pub(crate) mod gc;
pub(crate) mod repack;
pub(crate) mod repair;
pub(crate) mod retention;
mod schedule;
mod tasks;
pub(crate) mod worker;

use body_lock::lock_bodies;
