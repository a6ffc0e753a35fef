//! Templates: the tags of a body, what they ask for, and how they are filled.

mod expand;
mod javascript;
mod partials;
mod place;
mod problem;
mod tag;
mod uses;
mod variable;

pub use expand::{Expanded, expand};
pub use partials::{Partials, message_text};
pub use place::Place;
pub use problem::Problem;
pub use uses::{PartialUse, Uses};
pub use variable::{Site, VariableType, VariableUse};
