//! Connections that are cut at every message of a commit, in both directions.
//!
//! A commit that is acknowledged is in the history once. One that failed is not in it, because the
//! server can be asked over another connection: the outcome is never unknown.

use promptbook::{EnvironmentName, Error, PromptId, Result, Store, StoreOptions};

use crate::postgres_server::{new_schema, shared};
use crate::proxy::{Direction, Proxy};
use crate::support::{count_of, is_sound, version, with_prompt};

fn prompt() -> PromptId {
    "cut001".parse().unwrap()
}

/// What happened to the calls.
#[derive(Debug, Default)]
struct Outcomes {
    acknowledged: usize,
    failed: usize,
    /// What must not happen.
    wrong: Vec<String>,
}

/// Makes a call again and again, and cuts its connection at each of its messages in turn.
///
/// `call` makes a version with the message that it is given.
fn cut_everywhere(parameter: &str, call: impl Fn(&Store, &str) -> Result<()>) -> Option<Outcomes> {
    let server = shared()?;
    let proxy = Proxy::start(&server.socket());
    let url = format!("{}{parameter}", proxy.url(&new_schema()));
    let store = with_prompt(&url, prompt());
    let asked = StoreOptions::new().open_url(&url).unwrap();
    // Statements are prepared by the first calls.
    call(&store, "first").unwrap();
    call(&store, "second").unwrap();
    proxy.count();
    call(&store, "counted").unwrap();
    let (_, messages) = proxy.count();
    let mut outcomes = Outcomes::default();
    for (direction, count) in [Direction::ToServer, Direction::ToClient]
        .into_iter()
        .zip(messages)
    {
        assert!(count > 5, "{messages:?}");
        for message in 0..count {
            let token = format!("{direction:?} {message}");
            call(&store, &format!("before {token}")).unwrap();
            proxy.cut(direction, message);
            let result = call(&store, &token);
            proxy.count();
            let found = count_of(&asked, prompt(), &token);
            match (&result, found) {
                (Ok(()), 1) => outcomes.acknowledged += 1,
                (Err(error), 0) if error.is_retryable() => outcomes.failed += 1,
                _ => outcomes
                    .wrong
                    .push(format!("{token}: found {found}, {result:?}")),
            }
        }
    }
    is_sound(&asked);
    Some(outcomes)
}

fn commit(store: &Store, token: &str) -> Result<()> {
    store.commit(version(prompt(), token)).map(drop)
}

/// Makes two versions and moves an environment in one transaction.
fn batch(store: &Store, token: &str) -> Result<()> {
    store.batch(|batch| {
        batch.commit(version(prompt(), &format!("{token}, first")))?;
        let made = batch.commit(version(prompt(), token))?;
        batch.set_environment(prompt(), EnvironmentName::production(), made.id)?;
        Ok::<_, Error>(())
    })
}

#[test]
fn a_commit_is_made_once_or_not_at_all() {
    for call in [commit, batch] {
        let Some(outcomes) = cut_everywhere("", call) else {
            return;
        };
        println!(
            "{} acknowledged, {} failed",
            outcomes.acknowledged, outcomes.failed
        );
        assert!(outcomes.wrong.is_empty(), "{:#?}", outcomes.wrong);
        // The answer of the commit itself was among those that were cut.
        assert!(
            outcomes.acknowledged > 0 && outcomes.failed > 10,
            "{outcomes:?}"
        );
    }
}

/// The control: a commit whose answer is missing is taken for one that was not made.
#[cfg(feature = "testing")]
#[test]
fn a_commit_that_is_not_looked_for_is_caught() {
    if let Some(outcomes) = cut_everywhere("&planted_fault=assumes_failure", commit) {
        assert!(!outcomes.wrong.is_empty());
    }
}

/// A read whose connection breaks is answered rightly, or fails and can be made again.
#[test]
fn a_read_is_right_or_fails() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::start(&server.socket());
    let store = with_prompt(&proxy.url(&new_schema()), prompt());
    for round in 0..40 {
        let (direction, message) = if round % 2 == 0 {
            (Direction::ToServer, round / 2)
        } else {
            (Direction::ToClient, round / 2)
        };
        let token = format!("round {round}");
        store.commit(version(prompt(), &token)).unwrap();
        proxy.cut(direction, message);
        for _ in 0..3 {
            match store.resolve((prompt(), "latest".parse::<promptbook::Selector>().unwrap())) {
                Ok(found) => assert_eq!(found.version.message, token),
                Err(error) => assert!(error.is_retryable(), "{error}"),
            }
        }
        proxy.count();
    }
}
