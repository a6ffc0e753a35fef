//! Full text search, on FTS5.
//!
//! Its tables contain the positions of words but no text, which is in the bodies. The table of
//! texts has a row for each prompt, the table of messages one for each version. The words are
//! already folded, so the simplest tokenizer suffices: ASCII characters other than letters and
//! digits separate words, and all other characters are part of words.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, OptionalExtension};

use super::columns::{bytes, collect, moment, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::ids::version_is;
use super::indexed_messages::IndexedMessages;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::storage::{
    Indexable, IndexedItem, IndexedItemVisitor, PlaceCounts, SearchMatch, SearchQuery,
    SearchVisitor,
};

pub(super) fn up_to(connection: &Connection) -> SqliteResult<u64> {
    connection
        .prepare_cached("SELECT value FROM counter WHERE name = 'searchable'")
        .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
        .context("reading the search index")
        .map(i64::unsigned_abs)
}

/// Returns a query in FTS5's language. Folded words contain no character that has a meaning in it.
fn expression(query: &SearchQuery) -> String {
    let phrases = query.phrases.iter().map(|phrase| {
        let words = phrase.words.as_str().trim_matches(' ');
        let open = if phrase.open { "*" } else { "" };
        format!("\"{words}\"{open}")
    });
    phrases.collect::<Vec<_>>().join(" AND ")
}

pub(super) fn find(
    connection: &Connection,
    query: &SearchQuery,
    visit: &mut SearchVisitor<'_>,
) -> SqliteResult<()> {
    if query.phrases.is_empty() {
        return Ok(());
    }
    let doing = "searching texts";
    let all = expression(query);
    let named = keys(connection, &format!("name : ({all})")).context(doing)?;
    // The sizes are in the order of the columns: name, text.
    let mut statement = connection
        .prepare_cached(
            "SELECT p.key, p.id, p.created_at, d.sz
             FROM search_text CROSS JOIN prompt p ON p.key = search_text.rowid
                CROSS JOIN search_text_docsize d ON d.id = p.key
             WHERE search_text MATCH ?1 AND p.deleted_at IS NULL",
        )
        .context(doing)?;
    let mut rows = statement.query([&all]).context(doing)?;
    // Words are counted if there is a match to count them for.
    let mut counts: Option<QueryCounts> = None;
    while let Some(row) = rows.next().context(doing)? {
        let counts = match &mut counts {
            Some(counts) => counts,
            None => counts.insert(QueryCounts::of(connection, query).context(doing)?),
        };
        let read = || -> rusqlite::Result<SearchMatch> {
            let key: i64 = row.get(0)?;
            Ok(SearchMatch {
                prompt: parsed(row, 1)?,
                created_at: moment(row, 2)?,
                in_name: named.contains(&key),
                words: sizes(row.get_ref(3)?.as_blob()?),
                occurrences: counts.of_prompt(key),
            })
        };
        if visit(read().context(doing)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// Returns the keys of the prompts that match an expression.
fn keys(connection: &Connection, expression: &str) -> rusqlite::Result<HashSet<i64>> {
    let mut statement =
        connection.prepare_cached("SELECT rowid FROM search_text WHERE search_text MATCH ?1")?;
    let keys = statement.query_map([expression], |row| row.get(0))?;
    keys.collect()
}

/// Reads the numbers of words that FTS5 keeps of a row: a varint for each column.
fn sizes(blob: &[u8]) -> PlaceCounts {
    let mut numbers = [0; 2];
    let mut at = 0;
    for byte in blob {
        if let Some(number) = numbers.get_mut(at) {
            *number = *number << 7 | u64::from(byte & 0x7f);
        }
        if byte & 0x80 == 0 {
            at += 1;
        }
    }
    let [name, text] = numbers;
    PlaceCounts { name, text }
}

/// The counts of a query's words: for each phrase and each of its words, by prompt.
struct QueryCounts(Vec<Vec<HashMap<i64, PlaceCounts>>>);

impl QueryCounts {
    fn of(connection: &Connection, query: &SearchQuery) -> rusqlite::Result<Self> {
        let phrases = query.phrases.iter().map(|phrase| {
            let words = phrase.parts();
            words
                .map(|(word, is_open)| word_counts(connection, word, is_open))
                .collect()
        });
        phrases.collect::<rusqlite::Result<_>>().map(Self)
    }

    /// Returns the counts of each phrase, which are those of its rarest word.
    fn of_prompt(&self, key: i64) -> Vec<PlaceCounts> {
        let phrases = self.0.iter().map(|words| {
            let counts = || {
                words
                    .iter()
                    .map(|word| word.get(&key).copied().unwrap_or_default())
            };
            PlaceCounts {
                name: counts().map(|count| count.name).min().unwrap_or(0),
                text: counts().map(|count| count.text).min().unwrap_or(0),
            }
        });
        phrases.collect()
    }
}

/// Counts a word, or the words that begin with it, in each prompt.
fn word_counts(
    connection: &Connection,
    word: &str,
    is_open: bool,
) -> rusqlite::Result<HashMap<i64, PlaceCounts>> {
    let mut statement = connection
        .prepare_cached("SELECT doc, col FROM search_text_word WHERE term >= ?1 AND term <= ?2")?;
    let last = if is_open {
        format!("{word}{}", char::MAX)
    } else {
        word.to_owned()
    };
    let mut rows = statement.query([word, last.as_str()])?;
    let mut counts: HashMap<i64, PlaceCounts> = HashMap::new();
    while let Some(row) = rows.next()? {
        let count = counts.entry(row.get(0)?).or_default();
        match row.get_ref(1)?.as_str()? {
            "name" => count.name += 1,
            _ => count.text += 1,
        }
    }
    Ok(counts)
}

pub(super) fn find_messages(
    connection: &Connection,
    query: &SearchQuery,
    most: usize,
) -> SqliteResult<Vec<VersionId>> {
    if query.phrases.is_empty() {
        return Ok(Vec::new());
    }
    let read = || -> rusqlite::Result<Vec<VersionId>> {
        // Row by row from the newest on, so that a word of all messages costs no more than another.
        let mut statement = connection.prepare_cached(
            "SELECT rowid FROM search_message WHERE search_message MATCH ?1 ORDER BY rowid DESC",
        )?;
        let mut version = connection
            .prepare_cached("SELECT id FROM version WHERE key = ?1 AND deleted_at IS NULL")?;
        let mut rows = statement.query([expression(query)])?;
        let mut found = Vec::new();
        while found.len() < most
            && let Some(row) = rows.next()?
        {
            let key: i64 = row.get(0)?;
            let id = version.query_row([key], |row| bytes(row, 0)).optional()?;
            found.extend(id.map(VersionId::from_bytes));
        }
        Ok(found)
    };
    read().context("searching messages")
}

pub(super) fn dependents(
    connection: &Connection,
    prompt: PromptId,
    environment: &EnvironmentName,
) -> SqliteResult<Vec<(PromptId, VersionId)>> {
    connection
        .prepare_cached(
            "SELECT p.id, v.id FROM partial_use u JOIN version v ON v.key = u.version
                JOIN prompt p ON p.key = v.prompt
             WHERE u.partial = ?1 AND u.environment = ?2",
        )
        .and_then(|mut statement| {
            let rows = statement.query((prompt.as_str(), environment.as_str()))?;
            collect(rows, |row| {
                Ok((parsed(row, 0)?, VersionId::from_bytes(bytes(row, 1)?)))
            })
        })
        .context("searching for the users of a partial")
}

/// The indexed versions of a prompt, each with the partials that it names.
type IndexedVersions = Vec<(VersionId, Vec<(PromptId, EnvironmentName)>)>;

pub(super) fn each(
    connection: &Connection,
    visit: &mut IndexedItemVisitor<'_>,
) -> SqliteResult<()> {
    let doing = "reading the search index";
    let mut statement = connection
        .prepare_cached(
            "SELECT p.id, p.key FROM search_text_docsize d JOIN prompt p ON p.key = d.id",
        )
        .context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    while let Some(row) = rows.next().context(doing)? {
        let id = parsed(row, 0).context(doing)?;
        let key = row.get(1).context(doing)?;
        let versions = indexed_versions(connection, key).context(doing)?;
        if visit(IndexedItem::Prompt(id, versions)).is_break() {
            return Ok(());
        }
    }
    let mut messages = IndexedMessages::of(connection).context(doing)?;
    let mut statement = connection
        .prepare_cached("SELECT key, id FROM version ORDER BY key")
        .context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    while let Some(row) = rows.next().context(doing)? {
        if !messages.remove(row.get(0).context(doing)?) {
            continue;
        }
        let id = VersionId::from_bytes(bytes(row, 1).context(doing)?);
        if visit(IndexedItem::Message(id)).is_break() {
            break;
        }
    }
    Ok(())
}

fn indexed_versions(connection: &Connection, prompt: i64) -> rusqlite::Result<IndexedVersions> {
    let mut versions = connection.prepare_cached(
        "SELECT v.id, v.key FROM searchable s JOIN version v ON v.key = s.version WHERE s.prompt = ?1",
    )?;
    let mut partials = connection.prepare_cached(
        "SELECT partial, environment FROM partial_use WHERE version = ?1 ORDER BY partial, environment",
    )?;
    let versions = collect(versions.query([prompt])?, |row| {
        Ok((VersionId::from_bytes(bytes(row, 0)?), row.get::<_, i64>(1)?))
    })?;
    versions
        .into_iter()
        .map(|(id, key)| {
            let named = collect(partials.query([key])?, |row| {
                Ok((parsed(row, 0)?, parsed(row, 1)?))
            })?;
            Ok((id, named))
        })
        .collect()
}

pub(super) fn index(connection: &Connection, news: &Indexable) -> SqliteResult<()> {
    reindex(connection, news).context("updating the search index")
}

/// Removes outdated rows first, then inserts new ones in ascending order.
///
/// FTS5 collects those in memory, and writes them once.
fn reindex(connection: &Connection, news: &Indexable) -> rusqlite::Result<()> {
    let mut rows = Vec::new();
    let mut key = connection.prepare_cached("SELECT key FROM prompt WHERE id = ?1")?;
    for prompt in &news.prompts {
        let key = key.query_row([prompt.id.as_str()], |row| row.get(0))?;
        remove_indexed(connection, key)?;
        rows.extend(prompt.name.as_ref().map(|name| (key, name, prompt)));
    }
    rows.sort_by_key(|(key, ..)| *key);
    let mut insert = connection
        .prepare_cached("INSERT INTO search_text (rowid, name, text) VALUES (?1, ?2, ?3)")?;
    let mut list = connection.prepare_cached("INSERT INTO searchable VALUES (?1, ?2)")?;
    let mut partial = connection.prepare_cached("INSERT INTO partial_use VALUES (?1, ?2, ?3)")?;
    for (prompt, name, searchable) in rows {
        insert.execute((prompt, name.as_str(), searchable.text.as_str()))?;
        for version in &searchable.versions {
            let key = version_key(connection, version.id)?;
            list.execute((prompt, key))?;
            for (of, environment) in &version.partials {
                partial.execute((of.as_str(), environment.as_str(), key))?;
            }
        }
    }
    let mut message =
        connection.prepare_cached("INSERT INTO search_message (rowid, message) VALUES (?1, ?2)")?;
    let with_words = news.messages.iter().filter(|(_, words)| !words.is_empty());
    for (id, words) in with_words {
        message.execute((version_key(connection, *id)?, words.as_str()))?;
    }
    let up_to = i64::try_from(news.up_to).unwrap_or(i64::MAX);
    connection
        .prepare_cached("UPDATE counter SET value = ?1 WHERE name = 'searchable'")?
        .execute([up_to])?;
    Ok(())
}

fn version_key(connection: &Connection, id: VersionId) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(concat!(
            "SELECT key FROM version WHERE ",
            version_is!("version", "?1")
        ))?
        .query_row([id.as_bytes()], |row| row.get(0))
}

/// Removes all that is indexed of a prompt.
fn remove_indexed(connection: &Connection, prompt: i64) -> rusqlite::Result<()> {
    for sql in [
        "DELETE FROM partial_use WHERE version IN (SELECT version FROM searchable WHERE prompt = ?1)",
        "DELETE FROM searchable WHERE prompt = ?1",
        "DELETE FROM search_text WHERE rowid = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([prompt])?;
    }
    Ok(())
}
