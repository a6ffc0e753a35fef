//! Full text search, and lookup of the dependents of a partial.
//!
//! A commit does not update the search index, because that would take longer than the commit
//! itself. Instead, a search reads the operations that are not indexed yet. The prompts that they
//! touched form the [tail](tail::UnindexedTail), whose current state is searched directly. A result
//! therefore reflects one moment and is never stale, however far the index is behind. A long tail
//! is indexed in the background: see [`catch_up`](mod@catch_up).

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

pub use find::{MatchedIn, SearchHit};
pub use query::has_word;
pub use snippet::Snippet;

#[cfg(test)]
use catch_up::tail_length;
pub(crate) use catch_up::{FULL_BATCH_OPERATIONS, LONG_TAIL, TailSize, catch_up, tail_is_long};
pub(crate) use dependents::{Dependents, dependents};
pub(crate) use find::search;
pub(crate) use verify::{ExpectedIndex, ExpectedSums, FoundSums, PartialSums, may_name_partials};
