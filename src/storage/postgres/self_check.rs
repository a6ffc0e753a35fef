//! The check of what the server ensures for the store: its constraints, its indexes, and the pages of
//! its files.

use super::columns::{as_text, raw};
use super::snapshot::PostgresSnapshot;
use crate::storage::StorageResult;

/// The queries, each with a line for each problem.
const CHECKS: [&str; 5] = [
    "SELECT convert_to('index ' || c.relname || ' is not valid: REINDEX INDEX ' || c.relname
            || ' makes it again', 'UTF8')
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        WHERE c.relnamespace = current_schema()::regnamespace
            AND NOT (i.indisvalid AND i.indisready AND i.indislive) ORDER BY 1",
    "SELECT convert_to('constraint ' || conname || ' was never checked', 'UTF8')
        FROM pg_constraint
        WHERE connamespace = current_schema()::regnamespace AND NOT convalidated ORDER BY 1",
    // Who can change the tables can drop what keeps them consistent.
    "SELECT convert_to('constraint ' || name || ' is missing', 'UTF8')
        FROM unnest(ARRAY['blob_hash_key', 'environment_pkey', 'environment_prompt_fkey',
            'environment_prompt_version_fkey', 'journal_blob_fkey', 'operation_hash_key',
            'operation_pkey', 'prompt_id_key', 'version_base_fkey', 'version_blob_fkey',
            'version_id_key', 'version_prompt_fkey', 'version_prompt_major_minor_key']) AS name
        WHERE NOT EXISTS (SELECT 1 FROM pg_constraint
            WHERE connamespace = current_schema()::regnamespace AND conname = name) ORDER BY 1",
    "SELECT convert_to('a trigger of table ' || c.relname || ' is disabled, so its constraints are not checked', 'UTF8')
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = current_schema()::regnamespace AND t.tgenabled <> 'O'
        GROUP BY c.relname ORDER BY 1",
    "SELECT convert_to('the server found ' || checksum_failures || ' damaged pages in this database', 'UTF8')
        FROM pg_stat_database WHERE datname = current_database() AND checksum_failures > 0",
];

pub(super) fn run(snapshot: &PostgresSnapshot<'_>) -> StorageResult<Vec<String>> {
    let mut problems = Vec::new();
    for sql in CHECKS {
        for row in snapshot.rows("checking the tables", sql, &[])? {
            problems.push(format!("postgres: {}", as_text(raw(&row, 0)?)?));
        }
    }
    Ok(problems)
}
