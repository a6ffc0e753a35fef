//! Templates: how a body's tags are found and checked (rest to come).

mod javascript;
mod place;
mod tag;
mod uses;
mod variable;

pub use place::Place;
pub(crate) use place::{Path, Step};
pub use uses::{PartialUse, Uses};
pub use variable::{Site, VariableType, VariableUse};
