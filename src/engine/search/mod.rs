//! Full text search, and lookup of the dependents of a partial.
//!
//! A commit does not update the search index, because that would take longer than the commit
//! itself. Instead, a search reads the operations that are not indexed yet. The prompts that they
//! touched form the [tail](tail::Tail), whose current state is searched directly. A result
//! therefore reflects one moment and is never stale, however far the index is behind. A long tail
//! is indexed in the background: see [`catch_up`].

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
