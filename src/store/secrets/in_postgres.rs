//! The secrets of a store in Postgres: a row of a table that no copy of the store contains.

use super::{Secrets, SecretsResult};
use crate::model::error::{Error, Result};
use crate::storage::postgres::PostgresIndex;
use crate::storage::{StorageError, StorageErrorKind};

/// Returns the secrets, and creates them if there are none. The first of several callers wins.
pub(super) fn get_or_make(
    index: &PostgresIndex,
    is_read_only: bool,
    make: impl FnOnce() -> Secrets,
) -> Result<SecretsResult> {
    if let Some(found) = read(index)? {
        return Ok(SecretsResult::Found(found));
    }
    if is_read_only {
        return Ok(SecretsResult::Withheld(Error::ReadOnly));
    }
    let secrets = make();
    let text = secrets.to_json().map_err(|error| {
        StorageError::new(StorageErrorKind::Other, "writing the secrets as JSON").because(error)
    })?;
    if index.add_secrets(&text)? {
        return Ok(SecretsResult::Made(secrets));
    }
    let found = read(index)?.ok_or_else(|| {
        StorageError::new(
            StorageErrorKind::Busy,
            "the secrets were removed; try again",
        )
    })?;
    Ok(SecretsResult::Found(found))
}

fn read(index: &PostgresIndex) -> Result<Option<Secrets>> {
    let Some(text) = index.secrets()? else {
        return Ok(None);
    };
    let secrets = Secrets::from_json(&text).map_err(|error| {
        let reason = "the secrets are damaged; remove the row of the table secret";
        StorageError::new(StorageErrorKind::Corrupt, reason).because(error)
    })?;
    Ok(Some(secrets))
}
