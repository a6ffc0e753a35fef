//! The operations as history: the store as of an earlier moment, operations taken back, who held a pointer when.

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
