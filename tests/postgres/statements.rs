//! The number of statements that a call sends: each of them is work for the server, and each that is
//! waited for is a round trip.

use std::io::Cursor;
use std::thread;
use std::time::Duration;

use promptbook::{
    EnvironmentName, Error, NewPrompt, PromptId, Selector, Store, StoreOptions, VersionSpec,
};

use crate::postgres_server::{new_schema, shared};
use crate::proxy::Proxy;
use crate::support::{body, version, with_prompt};

/// The statements of a commit: two that begin, a look for the head, eight writes and the commit. There
/// is one more if the end of an earlier snapshot comes late.
const MAX_STATEMENTS_OF_COMMIT: usize = 13;
/// Those of a move, which looks for the version and for what the environment points to.
const MAX_STATEMENTS_OF_MOVE: usize = 13;
/// The beginning, and the writes with the commit.
const MAX_ROUND_TRIPS_OF_COMMIT: usize = 2;
/// There is also the look for both versions.
const MAX_ROUND_TRIPS_OF_MOVE: usize = 3;
/// Far fewer than there are versions.
const MAX_STATEMENTS_OF_IMPORT: usize = 60;
/// The reading of the change mark, and the late end of an earlier snapshot.
const MAX_STATEMENTS_OF_WARM_RESOLVE: usize = 2;

/// The time without a statement after which none is expected.
const QUIET_TIME: Duration = Duration::from_millis(50);

fn prompt() -> PromptId {
    "counts".parse().unwrap()
}

/// Returns the statements and the round trips of a call: the fewest of several, because the background
/// thread of a handle sends some too.
fn counted(proxy: &Proxy, call: &dyn Fn(usize)) -> (usize, usize) {
    let count = |round| {
        wait_until_quiet(proxy);
        let _ = (proxy.count_statements(), proxy.count_round_trips());
        call(round);
        (proxy.count_statements(), proxy.count_round_trips())
    };
    let counts: Vec<_> = (0..4).map(count).collect();
    let fewest = |of: fn(&(usize, usize)) -> usize| counts.iter().map(of).min().unwrap();
    (fewest(|count| count.0), fewest(|count| count.1))
}

/// Waits until the background threads of handles have indexed what was committed before.
fn wait_until_quiet(proxy: &Proxy) {
    for _ in 0..100 {
        proxy.count_statements();
        thread::sleep(QUIET_TIME);
        if proxy.count_statements() == 0 {
            return;
        }
    }
}

#[test]
fn an_import_sends_few_statements() {
    let Some(server) = shared() else { return };
    let source = Store::in_memory().unwrap();
    for number in 0..3 {
        let name = format!("imported {number}");
        let prompt = source.create_prompt(NewPrompt::new(name, body("first")));
        let prompt = prompt.unwrap().prompt.id;
        for number in 0..100 {
            source
                .commit(version(prompt, &format!("{number}")))
                .unwrap();
        }
    }
    let mut bundle = Vec::new();
    source.export_bundle(&mut bundle).unwrap();
    let proxy = Proxy::start(&server.socket());
    let targets: Vec<Store> = (0..4)
        .map(|_| {
            let url = proxy.url(&new_schema());
            StoreOptions::new().create_url(&url).unwrap()
        })
        .collect();
    let (of_import, _) = counted(&proxy, &|round| {
        let imported = targets[round].import_bundle(Cursor::new(&bundle)).unwrap();
        assert_eq!(imported.appended, 303);
    });
    println!("an import of 303 operations: {of_import}");
    assert!(of_import <= MAX_STATEMENTS_OF_IMPORT, "{of_import}");
    assert_eq!(targets[0].position().unwrap(), source.position().unwrap());
}

#[test]
fn calls_send_few_statements() {
    let Some(server) = shared() else { return };
    let proxy = Proxy::start(&server.socket());
    let url = proxy.url(&new_schema());
    let store = with_prompt(&url, prompt());
    let commit = |token: &str| store.commit(version(prompt(), token)).unwrap().id;
    let batch = |_| {
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
    let latest = |_| {
        let found = store.resolve((prompt(), Selector::Latest)).unwrap();
        found.version.id
    };
    let others: Vec<PromptId> = (0..10)
        .map(|number| {
            let new = NewPrompt::new(format!("other {number}"), body("first"));
            store.create_prompt(new).unwrap().prompt.id
        })
        .collect();
    // Handles that have seen no head of the other prompts.
    let handles: Vec<Store> = (0..4)
        .map(|_| StoreOptions::new().open_url(&url).unwrap())
        .collect();
    let one_of_each = |round: usize| {
        let made = handles[round].batch(|batch| {
            for prompt in &others {
                batch.commit(version(*prompt, &format!("{round} of {prompt}")))?;
            }
            Ok::<_, Error>(())
        });
        made.unwrap();
    };
    // Statements are prepared by the first calls.
    for (number, handle) in handles.iter().enumerate() {
        let new = version(prompt(), &format!("by handle {number}"));
        handle.commit(new).unwrap();
    }
    let (first, second) = (commit("first"), commit("second"));
    point(first);
    point(second);
    assert_eq!(latest(0), second);
    let counted = |call: &dyn Fn(usize)| counted(&proxy, call);
    // A batch counts as two if the client is interrupted while it sends it, so each is tried often.
    let tried_often = |call: &dyn Fn(usize)| {
        let tries: Vec<_> = (0..4).map(|_| counted(call)).collect();
        let fewest = |of: fn(&(usize, usize)) -> usize| tries.iter().map(of).min().unwrap();
        (fewest(|count| count.0), fewest(|count| count.1))
    };
    let (of_commit, trips_of_commit) =
        tried_often(&|round| _ = commit(&format!("counted {round}")));
    let (of_batch, _) = counted(&batch);
    let (of_move, trips_of_move) = tried_often(&|round| point([first, second][round % 2]));
    let (of_each, _) = counted(&one_of_each);
    println!("a batch of one commit each: {of_each}");
    // A look for each head. It is no reason to send the writes, which concern other prompts.
    assert!(
        of_each < MAX_STATEMENTS_OF_COMMIT + others.len(),
        "{of_each}"
    );
    println!("a commit, a batch and a move: {of_commit}, {of_batch}, {of_move}");
    println!("round trips: {trips_of_commit}, {trips_of_move}");
    assert!(of_commit <= MAX_STATEMENTS_OF_COMMIT, "{of_commit}");
    // The changes of a batch are rows of the same statements.
    assert!(of_batch <= MAX_STATEMENTS_OF_COMMIT, "{of_batch}");
    assert!(of_move <= MAX_STATEMENTS_OF_MOVE, "{of_move}");
    let trips = (trips_of_commit, trips_of_move);
    assert!(trips_of_commit <= MAX_ROUND_TRIPS_OF_COMMIT, "{trips:?}");
    assert!(trips_of_move <= MAX_ROUND_TRIPS_OF_MOVE, "{trips:?}");
    latest(0);
    let (warm, _) = counted(&|round| _ = latest(round));
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
