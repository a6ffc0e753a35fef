//! The operations as history: the store as of an earlier moment, operations taken back, who held a pointer when.

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
