//! Full text search. The tables contain folded words; the server finds phrases by their bytes.
//!
//! The figures by which the engine ranks are counted here from the words, so answers and order are
//! those of every other index.

use tokio_postgres::Row;

use super::columns::{as_text, bytes, moment, parsed, raw, signed};
use super::snapshot::PostgresSnapshot;
use super::write_step::{Param, WriteStep};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::storage::{
    Indexable, IndexedItem, IndexedItemVisitor, Phrase, SearchMatch, SearchQuery, SearchVisitor,
    StorageResult, WordQuery,
};

/// What is being done when the search tables are updated.
const UPDATING: &str = "updating the search index";

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

/// Rows for a table, as one array for each of their columns.
struct Columns<const N: usize>([Vec<Vec<u8>>; N]);

impl<const N: usize> Columns<N> {
    fn new() -> Self {
        Self(std::array::from_fn(|_| Vec::new()))
    }

    fn add(&mut self, row: [&[u8]; N]) {
        for (column, value) in self.0.iter_mut().zip(row) {
            column.push(value.to_vec());
        }
    }

    /// Returns the statement that inserts the rows, if there are any.
    fn into_step(self, sql: &'static str) -> Option<WriteStep> {
        let rows = self.0.first().map_or(0, Vec::len);
        let params = self.0.into_iter().map(|column| Box::new(column) as Param);
        (rows > 0).then(|| WriteStep::changing(rows, UPDATING, sql, params.collect()))
    }
}

/// The statements that remove what is indexed of prompts.
const REMOVALS: [&str; 3] = [
    "DELETE FROM partial_use WHERE version IN
        (SELECT s.version FROM searchable s JOIN prompt p ON p.key = s.prompt
         WHERE p.id = ANY($1::bytea[]))",
    "DELETE FROM searchable WHERE prompt IN
        (SELECT key FROM prompt WHERE id = ANY($1::bytea[]))",
    "DELETE FROM search_text WHERE prompt IN
        (SELECT key FROM prompt WHERE id = ANY($1::bytea[]))",
];

/// Returns the statements that update the search tables, a few for any number of prompts.
pub(super) fn steps(news: &Indexable) -> Vec<WriteStep> {
    let ids = news.prompts.iter().map(|prompt| prompt.id.as_str());
    let ids: Vec<Vec<u8>> = ids.map(|id| id.as_bytes().to_vec()).collect();
    let (mut texts, mut messages) = (Columns::<3>::new(), Columns::<2>::new());
    let (mut versions, mut partials) = (Columns::<2>::new(), Columns::<3>::new());
    for prompt in &news.prompts {
        let Some(name) = &prompt.name else {
            continue;
        };
        let (id, name, text) = (prompt.id.as_str(), name.as_str(), prompt.text.as_str());
        texts.add([id.as_bytes(), name.as_bytes(), text.as_bytes()]);
        for version in &prompt.versions {
            versions.add([id.as_bytes(), version.id.as_bytes()]);
            for (partial, environment) in &version.partials {
                let (partial, environment) = (partial.as_str(), environment.as_str());
                partials.add([
                    version.id.as_bytes(),
                    partial.as_bytes(),
                    environment.as_bytes(),
                ]);
            }
        }
    }
    for (id, words) in news.messages.iter().filter(|(_, words)| !words.is_empty()) {
        messages.add([id.as_bytes(), words.as_str().as_bytes()]);
    }
    let mut steps = Vec::new();
    if !ids.is_empty() {
        let removal = |sql| WriteStep::any(UPDATING, sql, vec![Box::new(ids.clone())]);
        steps.extend(REMOVALS.map(removal));
    }
    steps.extend(texts.into_step(
        "INSERT INTO search_text SELECT p.key, t.name, t.words
         FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS t (id, name, words)
             JOIN prompt p ON p.id = t.id",
    ));
    steps.extend(versions.into_step(
        "INSERT INTO searchable SELECT p.key, v.key
         FROM unnest($1::bytea[], $2::bytea[]) AS s (prompt, version)
             JOIN prompt p ON p.id = s.prompt JOIN version v ON v.id = s.version",
    ));
    steps.extend(partials.into_step(
        "INSERT INTO partial_use SELECT u.partial, u.environment, v.key
         FROM unnest($1::bytea[], $2::bytea[], $3::bytea[]) AS u (version, partial, environment)
             JOIN version v ON v.id = u.version",
    ));
    steps.extend(messages.into_step(
        "INSERT INTO search_message SELECT v.key, m.words
         FROM unnest($1::bytea[], $2::bytea[]) AS m (version, words)
             JOIN version v ON v.id = m.version",
    ));
    let up_to = vec![Box::new(signed(news.up_to)) as Param];
    steps.push(WriteStep::any(
        UPDATING,
        "UPDATE head SET searchable = $1",
        up_to,
    ));
    steps
}
