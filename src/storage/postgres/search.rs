//! Full text search. The tables contain folded words; the server finds phrases by their bytes.
//!
//! The figures by which the engine ranks are counted here from the words, so answers and order are
//! those of every other index.

use tokio_postgres::Row;

use super::columns::{as_text, bytes, moment, parsed, raw, signed};
use super::connection::WriteStep;
use super::snapshot::PostgresSnapshot;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::storage::{
    Indexable, IndexedItem, IndexedItemVisitor, Phrase, SearchMatch, SearchQuery, SearchVisitor,
    StorageResult, WordQuery,
};

/// The number of rows that are read at once.
const READ_TOGETHER: i64 = 500;

/// Returns the bytes that contain a phrase where it occurs.
fn wanted(phrase: &Phrase) -> &[u8] {
    let closed = phrase.words.as_str().as_bytes();
    let last = closed.len() - usize::from(phrase.open);
    &closed[..last]
}

/// Reads folded words.
fn words(row: &Row, column: usize) -> StorageResult<WordQuery> {
    let mut words = WordQuery::default();
    for word in as_text(raw(row, column)?)?
        .split(' ')
        .filter(|word| !word.is_empty())
    {
        if word == "\u{fdd0}" {
            words.gap();
        } else {
            words.push(word);
        }
    }
    Ok(words)
}

pub(super) fn find(
    snapshot: &PostgresSnapshot<'_>,
    query: &SearchQuery,
    visit: &mut SearchVisitor<'_>,
) -> StorageResult<()> {
    let phrases: Vec<&[u8]> = query.phrases.iter().map(wanted).collect();
    if phrases.is_empty() {
        return Ok(());
    }
    let sql = "SELECT p.id, p.created_at, s.name, s.words, p.key
        FROM search_text s JOIN prompt p ON p.key = s.prompt
        WHERE p.key > $2 AND p.deleted_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM unnest($1::bytea[]) AS phrase
                WHERE position(phrase IN s.name) = 0 AND position(phrase IN s.words) = 0)
        ORDER BY p.key LIMIT $3";
    let mut after = 0_i64;
    loop {
        let rows = snapshot.rows("searching texts", sql, &[&phrases, &after, &READ_TOGETHER])?;
        for row in &rows {
            let (name, text) = (words(row, 2)?, words(row, 3)?);
            let found = SearchMatch::of(query, parsed(row, 0)?, moment(row, 1)?, &name, &text);
            if found.is_some_and(|found| visit(found).is_break()) {
                return Ok(());
            }
        }
        match rows.last() {
            Some(last) if signed(rows.len()) == READ_TOGETHER => after = last.get(4),
            _ => return Ok(()),
        }
    }
}

pub(super) fn find_messages(
    snapshot: &PostgresSnapshot<'_>,
    query: &SearchQuery,
    limit: usize,
) -> StorageResult<Vec<VersionId>> {
    let phrases: Vec<&[u8]> = query.phrases.iter().map(wanted).collect();
    if phrases.is_empty() {
        return Ok(Vec::new());
    }
    let sql = "SELECT v.id FROM search_message s JOIN version v ON v.key = s.version
        WHERE v.deleted_at IS NULL
            AND NOT EXISTS (SELECT 1 FROM unnest($1::bytea[]) AS phrase
                WHERE position(phrase IN s.words) = 0)
        ORDER BY v.key DESC LIMIT $2";
    let rows = snapshot.rows("searching messages", sql, &[&phrases, &signed(limit)])?;
    rows.iter()
        .map(|row| Ok(VersionId::from_bytes(bytes(row, 0)?)))
        .collect()
}

pub(super) fn dependents(
    snapshot: &PostgresSnapshot<'_>,
    prompt: PromptId,
    environment: &EnvironmentName,
) -> StorageResult<Vec<(PromptId, VersionId)>> {
    let sql = "SELECT p.id, v.id FROM partial_use u JOIN version v ON v.key = u.version
            JOIN prompt p ON p.key = v.prompt
        WHERE u.partial = $1 AND u.environment = $2";
    let (prompt, name) = (prompt.as_str().as_bytes(), environment.as_str().as_bytes());
    let rows = snapshot.rows(
        "searching for the users of a partial",
        sql,
        &[&prompt, &name],
    )?;
    let user = |row: &Row| Ok((parsed(row, 0)?, VersionId::from_bytes(bytes(row, 1)?)));
    rows.iter().map(user).collect()
}

/// The indexed versions of a prompt, each with the partials that it names.
type SearchableRows = Vec<(VersionId, Vec<(PromptId, EnvironmentName)>)>;

pub(super) fn each(
    snapshot: &PostgresSnapshot<'_>,
    visit: &mut IndexedItemVisitor<'_>,
) -> StorageResult<()> {
    let doing = "reading the search index";
    let sql =
        "SELECT p.id, p.key FROM search_text s JOIN prompt p ON p.key = s.prompt ORDER BY p.key";
    for row in snapshot.rows(doing, sql, &[])? {
        let versions = indexed_versions(snapshot, row.get(1))?;
        if visit(IndexedItem::Prompt(parsed(&row, 0)?, versions)).is_break() {
            return Ok(());
        }
    }
    let sql = "SELECT v.id FROM search_message s JOIN version v ON v.key = s.version";
    for row in snapshot.rows(doing, sql, &[])? {
        if visit(IndexedItem::Message(VersionId::from_bytes(bytes(&row, 0)?))).is_break() {
            break;
        }
    }
    Ok(())
}

fn indexed_versions(snapshot: &PostgresSnapshot<'_>, prompt: i64) -> StorageResult<SearchableRows> {
    let sql = "SELECT v.id, u.partial, u.environment
        FROM searchable s JOIN version v ON v.key = s.version
            LEFT JOIN partial_use u ON u.version = v.key
        WHERE s.prompt = $1 ORDER BY v.key, u.partial, u.environment";
    let mut versions: SearchableRows = Vec::new();
    for row in snapshot.rows("reading the search index", sql, &[&prompt])? {
        let id = VersionId::from_bytes(bytes(&row, 0)?);
        if versions.last().is_none_or(|(last, _)| *last != id) {
            versions.push((id, Vec::new()));
        }
        if let (Some(_), Some((_, partials))) =
            (row.get::<_, Option<&[u8]>>(1), versions.last_mut())
        {
            partials.push((parsed(&row, 1)?, parsed(&row, 2)?));
        }
    }
    Ok(versions)
}

/// Returns the statements that update the search tables.
pub(super) fn steps(news: &Indexable) -> Vec<WriteStep> {
    let step = |sql, params| WriteStep::any("updating the search index", sql, params);
    let mut steps = Vec::new();
    for prompt in &news.prompts {
        let id = || Box::new(prompt.id.as_str().as_bytes().to_vec());
        steps.push(step(
            "DELETE FROM partial_use WHERE version IN
                (SELECT s.version FROM searchable s JOIN prompt p ON p.key = s.prompt WHERE p.id = $1)",
            vec![id()],
        ));
        steps.push(step(
            "DELETE FROM searchable WHERE prompt = (SELECT key FROM prompt WHERE id = $1)",
            vec![id()],
        ));
        let Some(name) = &prompt.name else {
            steps.push(step(
                "DELETE FROM search_text WHERE prompt = (SELECT key FROM prompt WHERE id = $1)",
                vec![id()],
            ));
            continue;
        };
        steps.push(WriteStep {
            changes: Some(1),
            ..step(
                "INSERT INTO search_text SELECT key, $2, $3 FROM prompt WHERE id = $1
                 ON CONFLICT (prompt) DO UPDATE SET name = $2, words = $3",
                vec![
                    id(),
                    Box::new(name.as_str().as_bytes().to_vec()),
                    Box::new(prompt.text.as_str().as_bytes().to_vec()),
                ],
            )
        });
        for version in &prompt.versions {
            let of = || Box::new(version.id.as_bytes().to_vec());
            steps.push(WriteStep {
                changes: Some(1),
                ..step(
                    "INSERT INTO searchable SELECT p.key, v.key FROM prompt p, version v
                     WHERE p.id = $1 AND v.id = $2",
                    vec![id(), of()],
                )
            });
            for (partial, environment) in &version.partials {
                steps.push(step(
                    "INSERT INTO partial_use SELECT $2, $3, key FROM version WHERE id = $1",
                    vec![
                        of(),
                        Box::new(partial.as_str().as_bytes().to_vec()),
                        Box::new(environment.as_str().as_bytes().to_vec()),
                    ],
                ));
            }
        }
    }
    let with_words = news.messages.iter().filter(|(_, words)| !words.is_empty());
    for (id, words) in with_words {
        steps.push(step(
            "INSERT INTO search_message SELECT key, $2 FROM version WHERE id = $1",
            vec![
                Box::new(id.as_bytes().to_vec()),
                Box::new(words.as_str().as_bytes().to_vec()),
            ],
        ));
    }
    steps.push(step(
        "UPDATE head SET searchable = $1",
        vec![Box::new(signed(news.up_to))],
    ));
    steps
}
