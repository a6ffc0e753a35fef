//! A store watched by threads, handles and processes: every operation is reported once, in order,
//! and soon.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use promptbook::history::LogPosition;
use promptbook::{Error, NewPrompt};
use serde_json::json;

use crate::child::{command, passes, store};
use crate::support::{Place, commit, create, new_store};

const SOON: Duration = Duration::from_secs(20);

#[test]
fn changes_come_in_order_and_once() {
    let place = Place::new();
    let store = place.create();
    let here = store.position().unwrap();
    assert_eq!(here, LogPosition::START);
    create(&store, "greeting");
    commit(&store, "greeting", "one");
    let middle = store.position().unwrap();
    commit(&store, "greeting", "two");

    let numbers = |position, limit| {
        let events = store.changes_since(position, limit).unwrap();
        let numbers: Vec<u64> = events.iter().map(|event| event.operation.number).collect();
        numbers
    };
    assert_eq!(numbers(here, 9), [1, 2, 3]);
    assert_eq!(numbers(here, 2), [1, 2]);
    assert_eq!(numbers(middle, 9), [3]);
    assert!(numbers(here, 0).is_empty());
    let events = store.changes_since(here, 2).unwrap();
    assert_eq!(events[1].position, middle);
    let end = store.position().unwrap();
    assert!(numbers(end, 9).is_empty());
    assert_eq!(end.number(), 3);
    assert_eq!(end.to_string().parse::<LogPosition>().unwrap(), end);
    assert!("3".parse::<LogPosition>().is_err());
}

#[test]
fn a_log_position_of_another_history_is_refused() {
    let (one, other) = (new_store(), new_store());
    create(&one, "a");
    create(&one, "b");
    create(&other, "c");
    let of_no_history = format!("0-{}", one.position().unwrap().to_string().split_off(2));
    let refused = one.changes_since(of_no_history.parse().unwrap(), 9);
    assert!(
        matches!(refused, Err(Error::PositionNotFound { .. })),
        "{refused:?}"
    );
    for store in [&other, &new_store()] {
        match store.changes_since(one.position().unwrap(), 9) {
            Err(Error::PositionNotFound { position }) => {
                assert_eq!(position, one.position().unwrap())
            }
            seen => panic!("{seen:?}"),
        }
    }
}

#[test]
fn a_wait_for_changes_ends_at_its_timeout() {
    let store = new_store();
    let started = Instant::now();
    let waited = Duration::from_millis(60);
    let events = store
        .wait_for_changes(LogPosition::START, 9, waited)
        .unwrap();
    assert!(events.is_empty() && started.elapsed() >= waited);
    assert!(
        store
            .wait_for_changes(LogPosition::START, 0, Duration::MAX)
            .unwrap()
            .is_empty()
    );
}

/// Readers continue from their last position while writers write: no reader misses an operation or
/// sees one twice.
#[test]
fn watchers_miss_nothing_beside_many_writers() {
    const EACH: usize = 40;
    let place = Place::new();
    let stores = [place.create(), place.open(), place.open()];
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let readers: Vec<_> = [&stores[0], &stores[2]]
            .into_iter()
            .map(|store| {
                scope.spawn(|| {
                    let (mut position, mut seen) = (LogPosition::START, Vec::new());
                    loop {
                        // Loaded before the read: operations after that are found by another read.
                        let last = done.load(Ordering::Acquire);
                        let events = store
                            .wait_for_changes(position, 7, Duration::from_millis(50))
                            .unwrap();
                        if events.is_empty() && last {
                            return seen;
                        }
                        position = events.last().map_or(position, |event| event.position);
                        seen.extend(events.iter().map(|event| event.operation.number));
                    }
                })
            })
            .collect();
        let writers: Vec<_> = [(&stores[0], "a"), (&stores[1], "b")]
            .into_iter()
            .map(|(store, name)| {
                scope.spawn(move || {
                    for number in 0..EACH {
                        create(store, &format!("{name}{number}"));
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.join().unwrap();
        }
        done.store(true, Ordering::Release);
        let seen = readers.into_iter().map(|reader| reader.join().unwrap());
        seen.collect::<Vec<_>>()
    });
    let all: Vec<u64> = (1..=2 * EACH as u64).collect();
    assert_eq!(seen, [all.clone(), all]);
}

/// A benchmark measures the delay; this test checks only that the change is seen.
#[test]
fn a_change_by_another_process_ends_the_wait() {
    let place = Place::new();
    let store = place.create();
    let here = store.position().unwrap();
    let waiting = thread::spawn(move || store.wait_for_changes(here, 9, SOON).unwrap());
    let this = std::env::current_exe().unwrap();
    passes(command(
        &this,
        &[],
        "watching::another_process_commits",
        place.name(),
    ));
    assert_eq!(waiting.join().unwrap()[0].operation.number, 1);
}

#[test]
#[ignore = "run by the test above, as another process"]
fn another_process_commits() {
    create(&store(), "greeting");
}

#[test]
fn events_name_dependents_of_moved_partials() {
    let store = new_store();
    let place = Place::new();
    for store in [&store, &place.create()] {
        let text = |text: &str| json!({"messages": [{"role": "system", "content": text}]});
        let make = |name: &str, id: &str, content: &str| {
            let new = NewPrompt::new(name, text(content));
            store.create_prompt(new.id(id)).unwrap();
        };
        make("tone", "tone01", "Be brief.");
        make(
            "outer",
            "outer1",
            "{{hcp:tone01:0:production}} Mind the house.",
        );
        make("greeting", "greet1", "{{hcp:outer1:0}}");
        make("other", "other1", "{{hcp:tone01:0:staging}}");
        make("loop", "loop01", "{{hcp:loop01:0}}");
        let here = store.position().unwrap();
        commit(store, "tone", "unseen"); // 6
        let set = |name: &str, to: &str| {
            store.set_environment("tone", name, to).unwrap();
        };
        set("production", "1.1"); // 7
        set("staging", "1.1"); // 8
        set("elsewhere", "1.1"); // 9
        store.remove_environment("loop", "production").unwrap(); // 10
        let events = store.changes_since(here, 99).unwrap();
        let affected: Vec<Vec<String>> = events
            .iter()
            .map(|event| event.affected.iter().map(ToString::to_string).collect())
            .collect();
        let expected: [&[&str]; 5] = [&[], &["greet1", "outer1"], &["other1"], &[], &["loop01"]];
        assert_eq!(affected, expected);
    }
}
