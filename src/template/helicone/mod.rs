//! Helicone mode: the answers of the reference client, its oddities included.

mod answer;
mod fill;
mod merge;

pub use answer::{MergeError, Merged, ValidationError};
pub use merge::{caller_body, merge, render_helicone};
