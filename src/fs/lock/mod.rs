pub(crate) mod file_lock;
pub(crate) mod holders;
pub(crate) mod lock_file;
pub(crate) mod policy;
