//! Visits of the operations that have a row each, which are those that are not archived.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ops::ControlFlow;

use rusqlite::{Connection, Params, Row};

use super::columns::bytes;
use super::error::{SqliteContext, SqliteResult};
use crate::model::id::{OperationId, PromptId};
use crate::model::operation_text;
use crate::model::record::OperationFilter;

/// A visitor of operations that can fail.
pub(super) type CandidateVisitor<'a> =
    dyn FnMut(u64, OperationId, &str) -> SqliteResult<ControlFlow<()>> + 'a;

/// The numbers of each prompt's operations among those that have a row, newest first.
///
/// The first search for a prompt in a transaction searches the content of all rows. The second one
/// lists the prompts of all rows: a verification searches once for each prompt of the store.
#[derive(Debug, Default)]
pub(super) struct RowsByPrompt {
    is_searched: Cell<bool>,
    listed: RefCell<Option<ListedRows>>,
}

#[derive(Debug)]
struct ListedRows {
    /// The last operation at that time. A write transaction adds operations, or takes them back.
    last: OperationId,
    numbers: HashMap<PromptId, Vec<i64>>,
}

impl RowsByPrompt {
    /// Forgets what an earlier transaction has read.
    pub(super) fn reset(&self) {
        self.is_searched.set(false);
        self.listed.replace(None);
    }

    /// Returns the numbers of a prompt's operations, newest first.
    ///
    /// Returns `None` if the rows must be searched: on the first call, if rows were added or taken back
    /// since they were listed, and if the content of a row cannot be read.
    fn of(
        &self,
        connection: &Connection,
        last: OperationId,
        prompt: PromptId,
    ) -> SqliteResult<Option<Vec<i64>>> {
        if !self.is_searched.replace(true) {
            return Ok(None);
        }
        let mut listed = self.listed.borrow_mut();
        if listed.is_none() {
            *listed = list(connection, last)?;
        }
        // A list for each operation that a transaction appends would take longer than the searches.
        let current = listed.as_ref().filter(|listed| listed.last == last);
        let numbers = current.map(|listed| listed.numbers.get(&prompt));
        Ok(numbers.map(|numbers| numbers.cloned().unwrap_or_default()))
    }
}

/// Lists the prompts of all rows; returns `None` if the content of one cannot be read.
fn list(connection: &Connection, last: OperationId) -> SqliteResult<Option<ListedRows>> {
    let doing = "listing the prompts of operations";
    let sql = "SELECT number, content FROM operation ORDER BY number DESC";
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query([]).context(doing)?;
    let mut numbers: HashMap<PromptId, Vec<i64>> = HashMap::new();
    while let Some(row) = rows.next().context(doing)? {
        let number = row.get(0).context(doing)?;
        let text = row.get_ref(1).and_then(|text| Ok(text.as_str()?));
        let Ok(Ok(prompts)) = text.map(operation_text::changed_prompts) else {
            return Ok(None);
        };
        for prompt in prompts {
            let of_prompt = numbers.entry(prompt).or_default();
            if of_prompt.last() != Some(&number) {
                of_prompt.push(number);
            }
        }
    }
    Ok(Some(ListedRows { last, numbers }))
}

/// Visits the operations with a row that may pass the filter, newest first, until the visitor stops.
///
/// `last` is the last operation of the history.
pub(super) fn each_row(
    connection: &Connection,
    by_prompt: &RowsByPrompt,
    last: OperationId,
    filter: &OperationFilter,
    before: i64,
    visit: &mut CandidateVisitor<'_>,
) -> SqliteResult<ControlFlow<()>> {
    if let Some(prompt) = filter.prompt
        && let Some(numbers) = by_prompt.of(connection, last, prompt)?
    {
        let sql = "SELECT number, hash, content FROM operation WHERE number = ?1";
        for number in numbers.into_iter().filter(|number| *number < before) {
            if visit_rows(connection, sql, [number], visit)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        return Ok(ControlFlow::Continue(()));
    }
    let sql = "SELECT number, hash, content FROM operation
               WHERE number < ?1 AND (?2 IS NULL OR instr(content, ?2))
                   AND (?3 IS NULL OR instr(content, ?3))
               ORDER BY number DESC";
    let (prompt, environment) = (filter.prompt.as_ref(), filter.environment.as_ref());
    let prompt = prompt.map(|prompt| operation_text::quoted(prompt.as_str()));
    let environment = environment.map(|name| operation_text::quoted(name.as_str()));
    visit_rows(connection, sql, (before, prompt, environment), visit)
}

fn visit_rows(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    visit: &mut CandidateVisitor<'_>,
) -> SqliteResult<ControlFlow<()>> {
    let doing = "listing operations";
    let mut statement = connection.prepare_cached(sql).context(doing)?;
    let mut rows = statement.query(params).context(doing)?;
    while let Some(row) = rows.next().context(doing)? {
        let (number, id) = head(row).context(doing)?;
        let text = row.get_ref(2).and_then(|text| Ok(text.as_str()?));
        if visit(number, id, text.context(doing)?)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

/// Reads the number and the id of an operation from the first two columns of its row.
pub(super) fn head(row: &Row<'_>) -> rusqlite::Result<(u64, OperationId)> {
    let number = row.get::<_, i64>(0)?.unsigned_abs();
    Ok((number, OperationId::from_bytes(bytes(row, 1)?)))
}
