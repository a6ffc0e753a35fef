//! File locks: shared and exclusive, fair between threads and processes, with a limit for each wait.

pub(crate) mod file_lock;
pub(crate) mod holders;
pub(crate) mod lock_file;
pub(crate) mod policy;
