//! Consistency checks of the index: SQLite's own, and those of data that is stored twice for speed.

use std::collections::BTreeSet;
use std::hash::Hash;

use rusqlite::{Connection, Row};

use super::archive;
use super::archive::LogSegment;
use super::columns::{collect, micros, parsed};
use super::error::{SqliteContext, SqliteResult};
use super::objects;
use super::prompts;
use crate::model::id::PromptId;
use crate::model::multiset_sum::{MultisetSum, SumKeys};
use crate::model::operation_text;
use crate::model::operation_text::ChangedItem;
use crate::storage::{StorageError, StorageErrorKind, folded};

type IndexCheck = fn(&Connection) -> SqliteResult<Vec<String>>;

/// The checks, each with the data that it reads.
const CHECKS: [(&str, IndexCheck); 9] = [
    ("the schema", objects::differences),
    ("the whole file", integrity),
    ("references between tables", dangling),
    ("the count of prompts", prompt_counter),
    ("names of prompts", folded_names),
    ("interned texts", missing_texts),
    ("ids of bodies and versions", duplicate_ids),
    ("operations and their lists", history),
    ("the search index", search_rows),
];

/// Returns a line for each inconsistency.
pub(super) fn all(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut wrong = Vec::new();
    for (what, check) in CHECKS {
        match check(connection) {
            // A check that cannot continue has found an inconsistency. The other checks still run.
            Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                wrong.push(unread(what, &error))
            }
            found => wrong.extend(found?),
        }
    }
    Ok(wrong)
}

fn unread(what: &str, error: &StorageError) -> String {
    let reason = error.to_string();
    format!(
        "{what} cannot be read: {}",
        reason.trim_start_matches("index: ")
    )
}

fn lines(
    connection: &Connection,
    sql: &str,
    line: impl Fn(&Row<'_>) -> rusqlite::Result<String>,
) -> SqliteResult<Vec<String>> {
    connection
        .prepare(sql)
        .and_then(|mut statement| collect(statement.query([])?, line))
        .context("checking the index")
}

fn integrity(connection: &Connection) -> SqliteResult<Vec<String>> {
    // Query each table first, so that FTS5 drops what it cached before another connection changed
    // the table. Its check alone does not.
    for table in ["search_text", "search_message"] {
        let look = format!("SELECT EXISTS (SELECT 1 FROM {table} WHERE {table} MATCH 'a')");
        // The check reports what is wrong.
        let _ = lines(connection, &look, |_| Ok(String::new()));
    }
    let doing = "checking the index";
    let mut statement = connection
        .prepare("PRAGMA integrity_check")
        .context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    let mut found = Vec::new();
    loop {
        // What was found before the check stopped is reported, too.
        match rows.next().context(doing) {
            Ok(Some(row)) => {
                let text: String = row.get(0).context(doing)?;
                let lines = text.lines().filter(|line| *line != "ok");
                let lines = lines.filter(|line| !line.starts_with("***"));
                found.extend(lines.map(str::to_owned));
            }
            Ok(None) => break,
            Err(error) if error.kind() == StorageErrorKind::Corrupt => {
                found.push(unread("the rest of the file", &error));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    let trees = trees(connection);
    found.iter_mut().for_each(|line| name_tree(line, &trees));
    Ok(found)
}

/// Returns the tables and indexes that can be read, by their root pages.
fn trees(connection: &Connection) -> Vec<(u32, String)> {
    let mut trees = vec![(1, "the schema".to_owned())];
    let sql = "SELECT rootpage, type || ' ' || name FROM sqlite_schema WHERE rootpage > 0";
    if let Ok(mut statement) = connection.prepare(sql)
        && let Ok(mut rows) = statement.query([])
    {
        while let Ok(Some(row)) = rows.next() {
            trees.extend(row.get(0).and_then(|root| Ok((root, row.get(1)?))));
        }
    }
    trees
}

/// Names the table or index in a line that begins like "Tree 7 page 9".
fn name_tree(line: &mut String, trees: &[(u32, String)]) {
    let rest = line
        .strip_prefix("Tree ")
        .and_then(|rest| rest.split_once(' '));
    if let Some((root, rest)) = rest
        && let Some((_, name)) = trees.iter().find(|(tree, _)| tree.to_string() == root)
    {
        *line = format!("{name}: {rest}");
    }
}

fn dangling(connection: &Connection) -> SqliteResult<Vec<String>> {
    lines(connection, "PRAGMA foreign_key_check", |row| {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(format!(
            "a row of {table} refers to a missing row of {parent}"
        ))
    })
}

fn prompt_counter(connection: &Connection) -> SqliteResult<Vec<String>> {
    let counted: u32 = connection
        .query_row(
            "SELECT count(*) FROM prompt WHERE deleted_at IS NULL",
            [],
            |row| row.get(0),
        )
        .context("checking the index")?;
    let kept = prompts::count(connection)?;
    let wrong = kept != u64::from(counted);
    let line = wrong.then(|| format!("{kept} prompts are counted, but there are {counted}"));
    Ok(line.into_iter().collect())
}

/// Checks the names in one letter case, which are stored beside the names for searches.
fn folded_names(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut found = lines(connection, "SELECT id, name, folded FROM prompt", |row| {
        let (id, name, kept): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(if kept == folded(&name) {
            String::new()
        } else {
            format!("prompt {id} is searched as {kept:?}, its name is {name:?}")
        })
    })?;
    found.retain(|line| !line.is_empty());
    Ok(found)
}

fn missing_texts(connection: &Connection) -> SqliteResult<Vec<String>> {
    lines(
        connection,
        "SELECT DISTINCT key FROM (SELECT author AS key FROM version UNION ALL SELECT model FROM version)
         WHERE typeof(key) = 'integer' AND key NOT IN (SELECT key FROM interned)",
        |row| Ok(format!("versions refer to text {}, which is missing", row.get::<_, i64>(0)?)),
    )
}

/// Checks that ids are unique: they are looked up by a part, so no index ensures it.
fn duplicate_ids(connection: &Connection) -> SqliteResult<Vec<String>> {
    lines(
        connection,
        "SELECT 'body', lower(hex(hash)), count(*) FROM blob GROUP BY hash HAVING count(*) > 1
         UNION ALL
         SELECT 'version', lower(hex(id)), count(*) FROM version GROUP BY id HAVING count(*) > 1",
        |row| {
            let (what, id, rows): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(format!("{what} {id} has {rows} rows"))
        },
    )
}

/// Compares the operations with the moments and lists by which they are found.
///
/// The lists are those by prompt and by environment. Archived operations can only be read a segment
/// at a time.
fn history(connection: &Connection) -> SqliteResult<Vec<String>> {
    let mut history = CheckedHistory::default();
    history.read(connection)?;
    if history.prompts.are_listed() && history.environments.are_listed() {
        return Ok(history.wrong);
    }
    let mut history = CheckedHistory {
        prompts: ListedItems::named(),
        environments: ListedItems::named(),
        wrong: Vec::new(),
    };
    history.read(connection)?;
    history.name_differences();
    Ok(history.wrong)
}

/// Items that must be listed, to be compared with those that are.
struct ListedItems<T> {
    /// The sum of the items, which takes little memory; `None` if the items must be named.
    sum: Option<(SumKeys, MultisetSum)>,
    /// The items that are in only one of the two places. With a sum, those of the current operation
    /// or segment.
    items: BTreeSet<T>,
    /// The number of the current operation, or of the last one in its segment.
    number: i64,
}

impl<T> Default for ListedItems<T> {
    fn default() -> Self {
        Self {
            sum: Some(Default::default()),
            items: BTreeSet::new(),
            number: 0,
        }
    }
}

impl<T: Clone + Hash + Ord> ListedItems<T> {
    fn named() -> Self {
        Self {
            sum: None,
            ..Self::default()
        }
    }

    /// Adds an item that must be listed once under this number, which may be added repeatedly.
    fn expect(&mut self, number: i64, item: T) {
        let Some((keys, sum)) = &mut self.sum else {
            self.items.insert(item);
            return;
        };
        if self.number != number {
            self.number = number;
            self.items.clear();
        }
        let one = keys.of(&item);
        if self.items.insert(item) {
            sum.add(one, 1);
        }
    }

    /// Adds an item that is listed. All expected items must have been added before.
    fn found(&mut self, item: T) {
        match &mut self.sum {
            Some((keys, sum)) => sum.remove(keys.of(&item), 1),
            None if self.items.remove(&item) => {}
            None => _ = self.items.insert(item),
        }
    }

    /// Returns whether the sums show that the items are listed.
    fn are_listed(&self) -> bool {
        self.sum.as_ref().is_some_and(|(_, sum)| sum.is_zero())
    }
}

#[derive(Default)]
struct CheckedHistory {
    wrong: Vec<String>,
    /// By the number of the last operation of the segment.
    prompts: ListedItems<(i64, PromptId)>,
    environments: ListedItems<(i64, String, PromptId)>,
}

impl CheckedHistory {
    fn read(&mut self, connection: &Connection) -> SqliteResult<()> {
        let mut read = 0;
        while let Some(segment) = archive::next(connection, read)? {
            read = self.add_segment(&segment)?;
        }
        self.add_rows(connection)?;
        self.compare(connection)
    }

    /// Adds a segment. Returns the number of its last operation.
    fn add_segment(&mut self, segment: &LogSegment) -> SqliteResult<i64> {
        let last = segment.end.number;
        if !segment.has_its_span()? {
            self.moment_is_wrong(last);
        }
        for (number, _, text) in segment.operations() {
            self.list(number, last, text);
        }
        Ok(last)
    }

    fn moment_is_wrong(&mut self, number: i64) {
        self.wrong
            .push(format!("the recorded time of operation {number} is wrong"));
    }

    fn add_rows(&mut self, connection: &Connection) -> SqliteResult<()> {
        let doing = "checking the index";
        let sql = "SELECT number, at, content FROM operation ORDER BY number";
        let mut statement = connection.prepare(sql).context(doing)?;
        let mut rows = statement.query([]).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let number: i64 = row.get(0).context(doing)?;
            let kept: i64 = row.get(1).context(doing)?;
            let text = row.get_ref(2).and_then(|text| Ok(text.as_str()?));
            let text = text.context(doing)?;
            if operation_text::moment(text).is_ok_and(|at| kept != micros(at)) {
                self.moment_is_wrong(number);
            }
        }
        Ok(())
    }

    /// Adds the lists that an archived operation is in.
    ///
    /// The check of the hash chain reports an operation that cannot be read.
    fn list(&mut self, number: i64, last: i64, text: &str) {
        let Ok(changes) = operation_text::changed_items(text) else {
            return;
        };
        for change in &changes {
            if let Some(prompt) = change.prompt() {
                self.prompts.expect(last, (last, prompt));
            }
            if let ChangedItem::Environment { prompt, name } = change {
                let listed = (number, name.clone().into_owned(), *prompt);
                self.environments.expect(number, listed);
            }
        }
    }

    fn compare(&mut self, connection: &Connection) -> SqliteResult<()> {
        let doing = "checking the index";
        let sql =
            "SELECT l.operation, p.id FROM operation_prompt l JOIN prompt p ON p.key = l.prompt";
        let mut statement = connection.prepare(sql).context(doing)?;
        let mut rows = statement.query([]).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let listed = (row.get(0).context(doing)?, parsed(row, 1).context(doing)?);
            self.prompts.found(listed);
        }
        let sql = "SELECT e.operation, e.name, p.id FROM operation_environment e JOIN prompt p ON p.key = e.prompt";
        let mut statement = connection.prepare(sql).context(doing)?;
        let mut rows = statement.query([]).context(doing)?;
        while let Some(row) = rows.next().context(doing)? {
            let name: String = row.get(1).context(doing)?;
            let listed = (
                row.get(0).context(doing)?,
                name,
                parsed(row, 2).context(doing)?,
            );
            self.environments.found(listed);
        }
        Ok(())
    }

    /// Reports the items that are in only one of the two places.
    fn name_differences(&mut self) {
        let prompts = self.prompts.items.iter();
        self.wrong.extend(prompts.map(|(operation, prompt)| {
            format!("operation {operation} is listed wrongly under prompt {prompt}")
        }));
        let environments = self.environments.items.iter();
        self.wrong
            .extend(environments.map(|(operation, name, prompt)| {
                format!("operation {operation} is listed wrongly under {name} of prompt {prompt}")
            }));
    }
}

/// Checks the lists of what is indexed for search, by which outdated documents are removed.
///
/// The integrity check covers the full text index itself.
fn search_rows(connection: &Connection) -> SqliteResult<Vec<String>> {
    lines(
        connection,
        "SELECT DISTINCT prompt, 'is missing' FROM searchable WHERE prompt NOT IN (SELECT id FROM search_text_docsize)
         UNION ALL
         SELECT id, 'has no prompt' FROM search_text_docsize WHERE id NOT IN (SELECT key FROM prompt)
         UNION ALL
         SELECT DISTINCT doc, 'of the messages has no version' FROM search_message_word
            WHERE doc NOT IN (SELECT key FROM version)",
        |row| {
            let (key, what): (i64, String) = (row.get(0)?, row.get(1)?);
            Ok(format!("row {key} of the search index {what}"))
        },
    )
}
