//! Conditions by which a row is found whose id is unique, and of whose id the index has a few bytes only. The index is
//! used where they stand as in the schema.

/// That a row of `version` has the id of a parameter.
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

/// That a row of `blob` has the hash of a parameter.
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
