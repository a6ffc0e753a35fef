//! Full text search, and which prompts hang on a partial.
//!
//! A commit tells the index's search nothing: looking its words up would take longer than the commit itself. Instead
//! search looks into the operations that its index was not told of yet: the [tail](tail::Tail) is what they touched, and is read
//! as it is now. So an answer is of one moment and never stale, however far the index is behind. When the tail is
//! long the index is told, off the callers' path: [`catch_up`].

mod check;
mod current;
mod dependents;
mod find;
mod query;
mod runs;
mod score;
mod snippet;
mod tail;
#[cfg(test)]
mod tests;
mod text;
mod upkeep;
mod words;

pub use find::{Matched, SearchHit};
pub use snippet::Snippet;

pub(crate) use check::Expected;
pub(crate) use dependents::{PartialUsers, dependents};
pub(crate) use find::search;
#[cfg(test)]
use upkeep::tail_length;
pub(crate) use upkeep::{LONG_TAIL, catch_up, tail_is_long};
