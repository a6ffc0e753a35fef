//! The write path: the queue of writers, the transaction with the rules, and one file for each kind of change.

pub(crate) mod breaking;
pub(crate) mod bulk_bodies;
pub(crate) mod commit;
pub(crate) mod context;
pub(crate) mod contracts;
pub(crate) mod environment;
pub(crate) mod environment_list;
pub(crate) mod heads;
pub(crate) mod import;
pub(crate) mod judge;
pub(crate) mod limits;
pub(crate) mod new_ids;
pub(crate) mod new_prompt;
pub(crate) mod new_version;
pub(crate) mod numbering;
pub(crate) mod pending_work;
pub(crate) mod prompt;
pub(crate) mod queue;
#[cfg(feature = "remote")]
pub(crate) mod replay;
pub(crate) mod writer;
