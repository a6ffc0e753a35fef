//! Writes that fail unless they change as many rows as they must.
//!
//! The server itself checks that, so such writes and the commit are sent together: after a failure
//! the server commits nothing.

/// Returns a write that divides by zero unless it changes this number of rows, which is a literal or
/// a parameter. What it selects from may be named by a query before it.
macro_rules! guarded {
    ($rows:expr, $write:expr) => {
        concat!(
            "WITH changed AS (",
            $write,
            " RETURNING 1) SELECT 1 / (count(*) = ",
            $rows,
            ")::int FROM changed"
        )
    };
    ($rows:expr, $query:expr, $write:expr) => {
        concat!(
            "WITH ",
            $query,
            ", changed AS (",
            $write,
            " RETURNING 1) SELECT 1 / (count(*) = ",
            $rows,
            ")::int FROM changed"
        )
    };
}

pub(super) use guarded;
