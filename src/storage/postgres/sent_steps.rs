//! Statements that were sent, and whose answers are read later.
//!
//! The caller prepares the next statements while the server executes these.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use tokio_postgres::{Client, Statement};

use super::error::PostgresContext;
use super::runtime::wait;
use super::write_step::WriteStep;
use crate::storage::StorageResult;

/// Statements that were sent in order. Dropping them ignores their answers.
#[derive(Default)]
pub(super) struct SentSteps(Vec<SentStep>);

struct SentStep {
    answer: Pin<Box<dyn Future<Output = StorageResult<()>> + Send>>,
    /// The answer, if it came at once.
    answered: Option<StorageResult<()>>,
}

impl fmt::Debug for SentSteps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SentSteps").field(&self.0.len()).finish()
    }
}

impl SentSteps {
    /// Sends statements that are prepared.
    pub(super) fn send(
        client: &Arc<Client>,
        steps: Vec<WriteStep>,
        statements: Vec<Statement>,
    ) -> Self {
        let sent = |(step, statement): (WriteStep, Statement)| {
            let client = Arc::clone(client);
            SentStep {
                answer: Box::pin(async move {
                    let changed = client.execute(&statement, &step.params()).await;
                    step.check(changed.context(step.doing)?)
                }),
                answered: None,
            }
        };
        let mut all: Vec<SentStep> = steps.into_iter().zip(statements).map(sent).collect();
        // The first poll of each sends it.
        wait(poll_fn(|context| {
            for step in &mut all {
                if let Poll::Ready(answer) = step.answer.as_mut().poll(context) {
                    step.answered = Some(answer);
                }
            }
            Poll::Ready(())
        }));
        Self(all)
    }

    /// Waits for the answers, and checks them.
    pub(super) fn finish(self) -> StorageResult<()> {
        let mut steps = self.0.into_iter();
        steps.try_for_each(|step| match step.answered {
            Some(answer) => answer,
            None => wait(step.answer),
        })
    }
}
