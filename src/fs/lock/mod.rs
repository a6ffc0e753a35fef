//! File locks: shared and exclusive, fair between threads and processes, with a limit for each wait.

mod caller_queue;
pub(crate) mod file_lock;
pub(crate) mod guard;
pub(crate) mod holders;
pub(crate) mod lock_file;
pub(crate) mod policy;
mod shared_lock;
mod turn;
