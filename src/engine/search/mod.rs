//! Full text search, and which prompts hang on a partial.
//!
//! A commit tells the index's search nothing: looking its words up would take longer than the commit itself. Instead
//! search looks into the operations that its index was not told of yet: the [tail](tail::Tail) is what they touched, and is read
//! as it is now. So an answer is of one moment and never stale, however far the index is behind. When the tail is
//! long the index is told, off the callers' path: [`catch_up`].

pub(crate) mod catch_up;
pub(crate) mod current;
pub(crate) mod dependents;
pub(crate) mod find;
pub(crate) mod merge;
pub(crate) mod query;
pub(crate) mod score;
pub(crate) mod snippet;
pub(crate) mod tail;
#[cfg(test)]
mod tests;
pub(crate) mod text;
pub(crate) mod verify;
pub(crate) mod words;

pub use find::{Matched, SearchHit};
pub use snippet::Snippet;

#[cfg(test)]
use catch_up::tail_length;
pub(crate) use catch_up::{LONG_TAIL, catch_up, tail_is_long};
pub(crate) use dependents::{PartialUsers, dependents};
pub(crate) use find::search;
pub(crate) use verify::Expected;
