//! A connection: statements that are prepared once, sent alone or many at a time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::error::{PostgresContext, corrupt};
use super::runtime::wait;
use crate::storage::StorageResult;

/// Parameters of a statement.
pub(super) type Params<'a> = [&'a (dyn ToSql + Sync)];

/// A parameter of a statement that is sent later.
pub(super) type Param = Box<dyn ToSql + Sync>;

/// A statement that is sent together with others, with parameters of its own.
pub(super) struct WriteStep {
    pub(super) doing: &'static str,
    pub(super) sql: &'static str,
    pub(super) params: Vec<Param>,
    /// The number of rows that it must change, if that is known.
    pub(super) changes: Option<u64>,
}

impl WriteStep {
    /// Creates a statement that must change this number of rows.
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

    /// Creates a statement that may change any number of rows.
    pub(super) fn any(doing: &'static str, sql: &'static str, params: Vec<Param>) -> Self {
        Self {
            doing,
            sql,
            params,
            changes: None,
        }
    }

    /// Fails as corrupt if the number of changed rows is another one.
    fn check(&self, changed: u64) -> StorageResult<()> {
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

/// A statement whose answer is waited for after it was sent.
type SentStatement<'a> = Pin<Box<dyn Future<Output = Result<Answer, tokio_postgres::Error>> + 'a>>;

/// The answer to a statement.
enum Answer {
    Changed(u64),
    Rows(Vec<Row>),
}

/// The maximum number of statements that are sent before the first answer is read.
const MAX_PIPELINED: usize = 1000;

/// A connection to the server.
pub(super) struct Connection {
    client: Client,
    statements: RefCell<HashMap<String, Statement>>,
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let prepared = self.statements.borrow().len();
        f.debug_struct("Connection")
            .field("prepared", &prepared)
            .finish_non_exhaustive()
    }
}

impl Connection {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            statements: RefCell::default(),
        }
    }

    /// Returns whether the connection is broken.
    pub(super) fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Runs statements without parameters, and waits for them.
    pub(super) fn batch(&self, doing: &str, sql: &str) -> StorageResult<()> {
        wait(self.client.batch_execute(sql)).context(doing)
    }

    /// Runs statements without parameters, and returns Postgres' own error.
    pub(super) fn try_batch(&self, sql: &str) -> Result<(), tokio_postgres::Error> {
        wait(self.client.batch_execute(sql))
    }

    /// Sends statements without parameters, and does not wait for them.
    pub(super) fn send(&self, sql: &str) {
        let mut sent = Box::pin(self.client.batch_execute(sql));
        wait(poll_fn(|context| {
            let _ = sent.as_mut().poll(context);
            Poll::Ready(())
        }));
    }

    /// Returns the rows of a query.
    pub(super) fn rows(
        &self,
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        let statement = self.prepared(sql).context(doing)?;
        wait(self.client.query(&statement, params)).context(doing)
    }

    /// Returns the rows of each of several queries, which are sent together.
    pub(super) fn rows_of_all(
        &self,
        doing: &str,
        queries: &[(&str, &Params<'_>)],
    ) -> StorageResult<Vec<Vec<Row>>> {
        let prepare = |(sql, _): &(&str, _)| self.prepared(sql).context(doing);
        let statements: Vec<_> = queries.iter().map(prepare).collect::<StorageResult<_>>()?;
        let both = statements.iter().zip(queries);
        let sent = both.map(|(statement, (_, params))| self.query(statement, params));
        let answers = wait(in_order(sent.collect())).into_iter();
        answers
            .map(|answer| rows_of(Some(answer)).context(doing))
            .collect()
    }

    /// Returns the rows of a query that is sent together with statements before it.
    pub(super) fn rows_after(
        &self,
        doing: &str,
        before: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        let statement = self.prepared(sql).context(doing)?;
        let first = async {
            self.client.batch_execute(before).await?;
            Ok(Answer::Changed(0))
        };
        let mut answers = wait(in_order(vec![
            Box::pin(first),
            self.query(&statement, params),
        ]));
        let rows = answers.pop();
        for answer in answers {
            answer.context(doing)?;
        }
        rows_of(rows).context(doing)
    }

    /// Runs statements, many at a time. Fails as corrupt if one does not change as many rows as it must.
    pub(super) fn run(&self, steps: &[WriteStep]) -> StorageResult<()> {
        for steps in steps.chunks(MAX_PIPELINED) {
            let statements = self.prepare_all(steps)?;
            check_all(steps, wait(in_order(self.sent(steps, &statements))))?;
        }
        Ok(())
    }

    /// Returns the rows of a query that is sent together with writes before it, which are checked as
    /// [`run`](Self::run) does.
    pub(super) fn rows_after_steps(
        &self,
        steps: &[WriteStep],
        doing: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        let (first, last) = steps.split_at(steps.len().saturating_sub(MAX_PIPELINED));
        self.run(first)?;
        let statements = self.prepare_all(last)?;
        let statement = self.prepared(sql).context(doing)?;
        let mut sent = self.sent(last, &statements);
        sent.push(self.query(&statement, params));
        let mut answers = wait(in_order(sent));
        let rows = answers.pop();
        check_all(last, answers)?;
        rows_of(rows).context(doing)
    }

    fn sent<'a>(
        &'a self,
        steps: &'a [WriteStep],
        statements: &'a [Statement],
    ) -> Vec<SentStatement<'a>> {
        let send = |(step, statement): (&'a WriteStep, &'a Statement)| -> SentStatement<'a> {
            Box::pin(async move {
                let params: Vec<&(dyn ToSql + Sync)> =
                    step.params.iter().map(|param| &**param).collect();
                let changed = self.client.execute(statement, &params).await?;
                Ok(Answer::Changed(changed))
            })
        };
        steps.iter().zip(statements).map(send).collect()
    }

    fn query<'a>(&'a self, statement: &'a Statement, params: &'a Params<'a>) -> SentStatement<'a> {
        Box::pin(async move {
            let rows = self.client.query(statement, params).await?;
            Ok(Answer::Rows(rows))
        })
    }

    fn prepare_all(&self, steps: &[WriteStep]) -> StorageResult<Vec<Statement>> {
        let prepare = |step: &WriteStep| self.prepared(step.sql).context(step.doing);
        steps.iter().map(prepare).collect()
    }

    fn prepared(&self, sql: &str) -> Result<Statement, tokio_postgres::Error> {
        if let Some(statement) = self.statements.borrow().get(sql) {
            return Ok(statement.clone());
        }
        let statement = wait(self.client.prepare(sql))?;
        self.statements
            .borrow_mut()
            .insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }
}

/// Checks the answers to statements that were sent together.
fn check_all(
    steps: &[WriteStep],
    answers: Vec<Result<Answer, tokio_postgres::Error>>,
) -> StorageResult<()> {
    for (step, answer) in steps.iter().zip(answers) {
        if let Answer::Changed(changed) = answer.context(step.doing)? {
            step.check(changed)?;
        }
    }
    Ok(())
}

fn rows_of(
    answer: Option<Result<Answer, tokio_postgres::Error>>,
) -> Result<Vec<Row>, tokio_postgres::Error> {
    match answer.transpose()? {
        Some(Answer::Rows(rows)) => Ok(rows),
        _ => Ok(Vec::new()),
    }
}

/// Polls futures for the first time in their order, which sends their statements in that order.
async fn in_order<T>(futures: Vec<Pin<Box<dyn Future<Output = T> + '_>>>) -> Vec<T> {
    let mut waiting: Vec<_> = futures.into_iter().map(|future| (future, None)).collect();
    let (mut first, mut is_sent) = (0, false);
    poll_fn(move |context| {
        let mut is_pending = false;
        for (future, answer) in &mut waiting[first..] {
            if answer.is_none() {
                match future.as_mut().poll(context) {
                    Poll::Ready(value) => *answer = Some(value),
                    Poll::Pending => is_pending = true,
                }
            }
            // Answers come in the order of the statements.
            if is_sent && is_pending {
                break;
            }
            first += usize::from(!is_pending);
        }
        is_sent = true;
        if first < waiting.len() {
            return Poll::Pending;
        }
        Poll::Ready(
            std::mem::take(&mut waiting)
                .into_iter()
                .filter_map(|(_, answer)| answer)
                .collect(),
        )
    })
    .await
}
