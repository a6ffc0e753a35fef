//! The write transaction, which applies the changes of operations to rows.

mod changes;
mod row_ids;
mod rows;
mod version_count;
mod write;

pub(crate) use self::row_ids::RowIdCache;
pub(super) use self::rows::SqliteTransaction;
