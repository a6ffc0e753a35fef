//! The check of the operations against the moments and the lists by which they are found.

use std::collections::BTreeSet;
use std::hash::Hash;

use rusqlite::Connection;

use super::archive;
use super::archive::LogSegment;
use super::columns::{micros, parsed};
use super::error::{SqliteContext, SqliteResult};
use crate::model::id::PromptId;
use crate::model::multiset_sum::{MultisetSum, SumKeys};
use crate::model::operation_text;
use crate::model::operation_text::ChangedItem;

/// Compares the operations with the moments and lists by which they are found.
///
/// The lists are those by prompt and by environment. Archived operations can only be read a segment
/// at a time.
pub(super) fn differences(connection: &Connection) -> SqliteResult<Vec<String>> {
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
