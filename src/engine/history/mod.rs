//! The operations as history: historical snapshots, undo, and the environment log.

pub(crate) mod dependencies;
pub(crate) mod environment_log;
pub(crate) mod historical;
pub(crate) mod moment;
pub(crate) mod undo;
pub(crate) mod watch;

pub use environment_log::Holding;
pub use moment::{Moment, OperationRef};

pub(crate) use dependencies::{Fact, Footing};
pub(crate) use environment_log::holders;
pub(crate) use historical::{Past, PastPrompts};
pub(crate) use moment::find_moment;
