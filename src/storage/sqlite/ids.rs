//! Conditions that find a row by its unique id, by an index of only a few bytes of the id.
//!
//! SQLite uses the index only if the expression is the same as in the schema.

/// The condition that a row of `version` has the id of a parameter.
macro_rules! version_is {
    ($table:literal, $id:literal) => {
        concat!(
            "substr(",
            $table,
            ".id, 3, 6) = substr(",
            $id,
            ", 3, 6) AND ",
            $table,
            ".id = ",
            $id
        )
    };
}
pub(super) use version_is;

/// The condition that a row of `blob` has the hash of a parameter.
macro_rules! blob_is {
    ($table:literal, $hash:literal) => {
        concat!(
            "substr(",
            $table,
            ".hash, 1, 4) = substr(",
            $hash,
            ", 1, 4) AND ",
            $table,
            ".hash = ",
            $hash
        )
    };
}
pub(super) use blob_is;
