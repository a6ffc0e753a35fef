//! The secrets of a store, in a table of their own, so that all servers of the store share them.

use super::columns::text;
use super::index::PostgresIndex;
use crate::storage::StorageResult;

/// The name of the only row.
const NAME: &[u8] = b"served with";

impl PostgresIndex {
    /// Returns the text of the secrets, if the store has any.
    pub(crate) fn secrets(&self) -> StorageResult<Option<String>> {
        let sql = "SELECT value FROM secret WHERE name = $1";
        let rows = self.pool.rows("reading the secrets", sql, &[&NAME])?;
        rows.first()
            .map(|row| text(row, 0).map(str::to_owned))
            .transpose()
    }

    /// Stores the text of new secrets. Returns whether there were none.
    pub(crate) fn add_secrets(&self, secrets: &str) -> StorageResult<bool> {
        let connection = self.pool.take()?;
        let sql = "INSERT INTO secret VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING 1";
        let params: &super::connection::Params<'_> = &[&NAME, &secrets.as_bytes()];
        let rows = connection.rows("storing the secrets", sql, params)?;
        self.pool.put_back(connection);
        Ok(!rows.is_empty())
    }
}
