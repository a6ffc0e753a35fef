//! Helicone mode: the results of the reference client, oddities included.

mod answer;
mod fill;
mod merge;

pub use answer::{MergeError, Merged, ValidationError};
pub use merge::{caller_body, merge, partial_texts, render_helicone};
