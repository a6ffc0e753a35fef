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

/// A statement that is sent together with others, with parameters of its own.
pub(super) struct WriteStep {
    pub(super) doing: &'static str,
    pub(super) sql: &'static str,
    pub(super) params: Vec<Box<dyn ToSql + Sync>>,
    /// Whether it must change exactly one row.
    pub(super) is_single: bool,
}

/// A statement whose answer is waited for after it was sent.
type SentStatement<'a, T> = Pin<Box<dyn Future<Output = Result<T, tokio_postgres::Error>> + 'a>>;

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

    /// Returns the rows of a query that is sent together with statements before it.
    pub(super) fn rows_after(
        &self,
        doing: &str,
        before: &str,
        sql: &str,
        params: &Params<'_>,
    ) -> StorageResult<Vec<Row>> {
        let statement = self.prepared(sql).context(doing)?;
        let first =
            Box::pin(async { self.client.batch_execute(before).await.map(|()| Vec::new()) });
        let second = Box::pin(self.client.query(&statement, params));
        let mut answers = wait(in_order::<Result<Vec<Row>, _>>(vec![first, second])).into_iter();
        answers.next().transpose().context(doing)?;
        Ok(answers
            .next()
            .transpose()
            .context(doing)?
            .unwrap_or_default())
    }

    /// Runs statements, many at a time. Fails as corrupt if one does not change as many rows as it must.
    pub(super) fn run(&self, steps: &[WriteStep]) -> StorageResult<()> {
        for steps in steps.chunks(MAX_PIPELINED) {
            let statements = self.prepare_all(steps)?;
            let sent = steps.iter().zip(&statements).map(|(step, statement)| {
                let params: Vec<&(dyn ToSql + Sync)> =
                    step.params.iter().map(|param| &**param).collect();
                let run = async move { self.client.execute(statement, &params).await };
                Box::pin(run) as SentStatement<'_, u64>
            });
            let answers: Vec<Result<u64, _>> = wait(in_order(sent.collect()));
            for (step, answer) in steps.iter().zip(answers) {
                let changed = answer.context(step.doing)?;
                if step.is_single && changed != 1 {
                    let doing = step.doing;
                    return Err(corrupt(&format!(
                        "{doing}: {changed} rows changed instead of one"
                    )));
                }
            }
        }
        Ok(())
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
