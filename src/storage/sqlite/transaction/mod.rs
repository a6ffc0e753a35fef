//! The one write transaction: an operation's changes as rows.

mod changes;
mod row_ids;
mod write;

pub(crate) use self::row_ids::Keys;
pub(super) use self::write::Write;
