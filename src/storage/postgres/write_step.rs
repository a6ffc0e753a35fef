//! A statement that writes, with its parameters.

use tokio_postgres::types::ToSql;

use super::error::corrupt;
use crate::storage::StorageResult;

/// A parameter of a statement that is sent later.
pub(super) type Param = Box<dyn ToSql + Sync + Send>;

/// A statement that is sent together with others, with parameters of its own.
pub(super) struct WriteStep {
    pub(super) doing: &'static str,
    pub(super) sql: &'static str,
    pub(super) params: Vec<Param>,
    /// The number of rows that it must change, if its answer decides.
    changes: Option<u64>,
}

impl WriteStep {
    /// Creates a statement whose answer must be this number of rows.
    pub(super) fn changing(
        rows: usize,
        doing: &'static str,
        sql: &'static str,
        params: Vec<Param>,
    ) -> Self {
        Self {
            changes: u64::try_from(rows).ok(),
            ..Self::any(doing, sql, params)
        }
    }

    /// Creates a statement that fails by itself if it does not change what it must.
    pub(super) fn any(doing: &'static str, sql: &'static str, params: Vec<Param>) -> Self {
        Self {
            doing,
            sql,
            params,
            changes: None,
        }
    }

    /// Returns whether the statement is right if it succeeds, whatever its answer is.
    pub(super) fn is_guarded(&self) -> bool {
        self.changes.is_none()
    }

    pub(super) fn params(&self) -> Vec<&(dyn ToSql + Sync)> {
        let param = |param| {
            let param: &Param = param;
            let param: &(dyn ToSql + Sync) = &**param;
            param
        };
        self.params.iter().map(param).collect()
    }

    /// Fails as corrupt if the number of changed rows is another one.
    pub(super) fn check(&self, changed: u64) -> StorageResult<()> {
        match self.changes {
            Some(expected) if changed != expected => {
                let doing = self.doing;
                Err(corrupt(&format!(
                    "{doing}: {changed} rows changed instead of {expected}"
                )))
            }
            _ => Ok(()),
        }
    }
}
