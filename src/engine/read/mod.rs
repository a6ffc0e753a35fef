//! Reads that need more than one query: lookup, comparison, blame, freezing, export.

pub(crate) mod blame;
pub(crate) mod blame_lines;
pub(crate) mod bodies;
pub(crate) mod compare;
pub(crate) mod export;
pub(crate) mod freeze;
pub(crate) mod lookup;
pub(crate) mod partials;
