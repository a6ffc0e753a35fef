//! The operations as history: historical snapshots, undo, and the environment log.

mod deleted_versions;
pub(crate) mod dependencies;
pub(crate) mod environment_log;
pub(crate) mod historical;
pub(crate) mod moment;
pub(crate) mod undo;
pub(crate) mod watch;

pub use environment_log::EnvironmentLogEntry;
pub use moment::{Moment, OperationRef};

pub(crate) use dependencies::{EffectKey, Effects};
pub(crate) use environment_log::{environment_log, has_pointed_to};
pub(crate) use historical::{HistoricalSnapshot, ReplayCache};
pub(crate) use moment::find_moment;
