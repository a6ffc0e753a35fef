//! The write transaction, which applies the changes of operations to rows.

mod changes;
mod row_ids;
mod write;

pub(crate) use self::row_ids::Keys;
pub(super) use self::write::Write;
