//! The number of statements that a call sends: each of them is work for the server, and each that is
//! waited for is a round trip.

use promptbook::{
    EnvironmentName, Error, NewPrompt, PromptId, Selector, StoreOptions, VersionSpec,
};

use crate::postgres_server::{new_schema, shared};
use crate::proxy::Proxy;
use crate::support::{body, version, with_prompt};

/// The statements of a commit: two that begin, a look for the head, eight writes and the commit. There
/// is one more if the end of an earlier snapshot comes late.
const MAX_STATEMENTS_OF_COMMIT: usize = 13;
/// Those of a move, which looks for the version and for what the environment points to.
const MAX_STATEMENTS_OF_MOVE: usize = 13;
/// The reading of the change mark, and the late end of an earlier snapshot.
const MAX_STATEMENTS_OF_WARM_RESOLVE: usize = 2;

fn prompt() -> PromptId {
    "counts".parse().unwrap()
}

#[test]
fn calls_send_few_statements() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::start(&server.socket());
    let url = proxy.url(&new_schema());
    let store = with_prompt(&url, prompt());
    let commit = |token: &str| store.commit(version(prompt(), token)).unwrap().id;
    let batch = || {
        let made = store.batch(|batch| {
            for number in 0..10 {
                batch.commit(version(prompt(), &format!("{number} of a batch")))?;
            }
            Ok::<_, Error>(())
        });
        made.unwrap();
    };
    let point = |to| {
        let production = EnvironmentName::production();
        store.set_environment(prompt(), production, to).unwrap();
    };
    let latest = || {
        let found = store.resolve((prompt(), Selector::Latest)).unwrap();
        found.version.id
    };
    let others: Vec<PromptId> = (0..10)
        .map(|number| {
            let new = NewPrompt::new(format!("other {number}"), body("first"));
            store.create_prompt(new).unwrap().prompt.id
        })
        .collect();
    // A handle that has seen no head of the other prompts.
    let other = StoreOptions::new().open_url(&url).unwrap();
    let one_of_each = || {
        let made = other.batch(|batch| {
            for prompt in &others {
                batch.commit(version(*prompt, &format!("of {prompt}")))?;
            }
            Ok::<_, Error>(())
        });
        made.unwrap();
    };
    // Statements are prepared by the first calls.
    other.commit(version(prompt(), "by the other")).unwrap();
    let (first, second) = (commit("first"), commit("second"));
    point(first);
    point(second);
    assert_eq!(latest(), second);
    let counted = |call: &dyn Fn()| {
        proxy.count_statements();
        call();
        proxy.count_statements()
    };
    let counts = [
        counted(&|| _ = commit("counted")),
        counted(&batch),
        counted(&|| point(first)),
    ];
    let of_each = counted(&one_of_each);
    println!("a batch of one commit each: {of_each}");
    // A look for each head. It is no reason to send the writes, which concern other prompts.
    assert!(
        of_each < MAX_STATEMENTS_OF_COMMIT + others.len(),
        "{of_each}"
    );
    println!("a commit, a batch and a move: {counts:?}");
    let [of_commit, of_batch, of_move] = counts;
    assert!(of_commit <= MAX_STATEMENTS_OF_COMMIT, "{of_commit}");
    // The changes of a batch are rows of the same statements.
    assert!(of_batch <= MAX_STATEMENTS_OF_COMMIT, "{of_batch}");
    assert!(of_move <= MAX_STATEMENTS_OF_MOVE, "{of_move}");
    latest();
    let warm = counted(&|| _ = latest());
    assert!(warm <= MAX_STATEMENTS_OF_WARM_RESOLVE, "{warm}");
}

/// Whether an answer in memory is current is a question to the server, which blocks.
#[test]
fn nothing_answers_without_blocking() {
    let Some(server) = shared() else { return };
    let store = with_prompt(&server.new_url(), prompt());
    let spec: VersionSpec = "shared@production".parse().unwrap();
    store.resolve(&spec).unwrap();
    store.version(&spec).unwrap();
    assert!(store.try_resolve_cached(&spec).is_none());
    assert!(store.try_version_cached(&spec).is_none());
}
