//! The operations as history: historical snapshots, undo, and the environment log.

mod holders;
mod moment;
mod past;
mod standing;
mod undo;

pub use holders::Holding;
pub use moment::{Moment, OperationRef};

pub(crate) use holders::holders;
pub(crate) use moment::find_moment;
pub(crate) use past::{Past, PastPrompts};
pub(crate) use standing::{Fact, Footing};
