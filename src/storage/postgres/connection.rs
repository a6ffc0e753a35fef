//! A connection: statements that are prepared once, sent alone or many at a time.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row, Statement};

use super::error::{PostgresContext, failed, is_broken};
use super::runtime::wait;
use super::sent_steps::SentSteps;
use super::write_step::WriteStep;
use crate::storage::{StorageError, StorageResult};

/// Parameters of a statement.
pub(super) type Params<'a> = [&'a (dyn ToSql + Sync)];

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
    client: Arc<Client>,
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
            client: Arc::new(client),
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

    /// Sends statements, and does not wait for their answers if they are few.
    pub(super) fn start(&self, steps: Vec<WriteStep>) -> StorageResult<SentSteps> {
        if steps.len() > MAX_PIPELINED {
            self.run(&steps)?;
            return Ok(SentSteps::default());
        }
        let statements = self.prepare_all(&steps)?;
        Ok(SentSteps::send(&self.client, steps, statements))
    }

    /// Runs statements and commits, in one round trip.
    ///
    /// Each statement must be [guarded](WriteStep::is_guarded): the server commits unless one fails.
    pub(super) fn commit(&self, steps: &[WriteStep]) -> Result<(), CommitFailure> {
        let (first, last) = steps.split_at(steps.len().saturating_sub(MAX_PIPELINED));
        self.run(first).map_err(CommitFailure::Before)?;
        let statements = self.prepare_all(last).map_err(CommitFailure::Before)?;
        let mut sent = self.sent(last, &statements);
        sent.push(Box::pin(async {
            self.client.batch_execute("COMMIT").await?;
            Ok(Answer::Changed(0))
        }));
        let mut answers = wait(in_order(sent));
        let committed = answers.pop();
        for (step, answer) in last.iter().zip(answers) {
            if let Err(error) = answer {
                return Err(CommitFailure::of(error, step.doing));
            }
        }
        match committed {
            Some(Err(error)) => Err(CommitFailure::of(error, "committing")),
            _ => Ok(()),
        }
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
                let changed = self.client.execute(statement, &step.params()).await?;
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

/// How a commit failed.
#[derive(Debug)]
pub(super) enum CommitFailure {
    /// The server answered that nothing was changed, or the commit was not sent.
    Before(StorageError),
    /// There was no answer.
    Unanswered(tokio_postgres::Error),
}

impl CommitFailure {
    fn of(error: tokio_postgres::Error, doing: &str) -> Self {
        if is_broken(&error) {
            return Self::Unanswered(error);
        }
        Self::Before(failed(error, doing))
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
