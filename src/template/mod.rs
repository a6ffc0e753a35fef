//! Templates: the tags of a body, what they ask for, and how they are filled.

mod budget;
mod expand;
mod helicone;
mod javascript;
mod partials;
mod place;
mod problem;
mod tag;
mod uses;
mod variable;

pub use expand::{Expanded, expand};
pub use helicone::{MergeError, Merged, ValidationError, caller_body, merge, render_helicone};
pub use partials::{Partials, message_text};
pub use place::Place;
pub use problem::Problem;
pub use uses::{PartialUse, Uses};
pub use variable::{Site, VariableType, VariableUse};
