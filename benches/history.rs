//! Search, historical snapshots, undo and watching, on 1,000 prompts of 50 versions: `cargo bench
//! --bench history`.

#![allow(missing_docs, clippy::unwrap_used)] // `criterion_group!` makes undocumented items; a failure should stop it.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use promptbook::list::PromptFilter;
use promptbook::{NewPrompt, Store};
use support::{new_prompt, new_version};

const PROMPTS: u64 = 1000;
const VERSIONS: u64 = 50;

/// Every prompt has a version in production and a higher one, so two of its versions are searched.
fn filled(store: &Store) {
    for first in (0..PROMPTS).step_by(100) {
        store
            .batch(|batch| {
                for prompt in first..first + 100 {
                    let id = batch.create_prompt(new_prompt(prompt))?.prompt.id;
                    for version in 1..VERSIONS {
                        batch.commit(new_version(id, prompt, version))?;
                    }
                }
                Ok(())
            })
            .unwrap();
    }
    let body = r#"{"messages": [{"role": "user", "content": "The needle in the question."}]}"#;
    store.create_prompt(NewPrompt::new("rare", body)).unwrap();
    store.checkpoint().unwrap();
}

fn history(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::create(directory.path()).unwrap();
    filled(&store);
    search(criterion, &store);
    past(criterion, &store);
    undo(criterion, &store);
    watch(criterion, &store, &Store::open(directory.path()).unwrap());
}

fn search(criterion: &mut Criterion, store: &Store) {
    let queries = [
        ("rare word", "needle", 1),
        ("common word", "question", 20),
        ("beginning of words", "qu", 20),
        ("word of names", "prompt", 20),
        ("word of all messages", "edit", 20),
        ("word of one message in 50", "17", 20),
        ("two words", "needle question", 1),
        ("two common words", "customer question", 20),
        ("phrase", "\"the question\"", 1),
        ("no hit", "nowhere", 0),
    ];
    let mut group = criterion.benchmark_group("search");
    for (name, query, hits) in queries {
        assert_eq!(store.search(query, 20).unwrap().len(), hits, "{name}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| store.search(query, 20).unwrap());
        });
    }
    // Changes that the search index does not cover yet: 60 operations on as many prompts.
    for prompt in 0..60 {
        let name = format!("prompt {prompt}");
        store
            .set_environment(name.as_str(), "staging", "1.7")
            .unwrap();
    }
    group.bench_function("common word, 60 operations later", |bencher| {
        bencher.iter(|| store.search("question", 20).unwrap());
    });
    group.finish();
}

/// Measures a snapshot that was never read before, and one that was.
fn past(criterion: &mut Criterion, store: &Store) {
    let last = store.position().unwrap().number();
    let all = PromptFilter::default();
    let mut group = criterion.benchmark_group("past");
    for (name, operation) in [
        ("100 operations ago", last - 100),
        ("half the history ago", last / 2),
    ] {
        group.bench_function(format!("resolve by name, {name}"), |bencher| {
            bencher.iter(|| {
                let view = store.at(operation).unwrap();
                view.resolve("prompt 7@production").unwrap()
            });
        });
        group.bench_function(format!("list 50 prompts, {name}"), |bencher| {
            bencher.iter(|| {
                let view = store.at(operation).unwrap();
                view.prompts().with_filter(&all).page(None, 50).unwrap()
            });
        });
    }
    let view = store.at(last / 2).unwrap();
    view.prompts().with_filter(&all).page(None, 50).unwrap();
    group.bench_function("list 50 prompts, again", |bencher| {
        bencher.iter(|| view.prompts().with_filter(&all).page(None, 50).unwrap());
    });
    let time = store.operations().page(Some(last / 2), 1).unwrap()[0]
        .content
        .at;
    group.bench_function("find a time", |bencher| {
        bencher.iter(|| store.at(time).unwrap())
    });
    group.finish();
}

/// An undo is a move too, so repeated undos move the environment back and forth.
fn undo(criterion: &mut Criterion, store: &Store) {
    let moved = store.set_environment("prompt 3", "staging", "1.7");
    moved.unwrap();
    let mut last = store.position().unwrap().number();
    criterion.bench_function("undo a move", |bencher| {
        bencher.iter(|| last = store.undo(last).unwrap().number);
    });
}

/// Measures the time from the acknowledgement of a change through one handle until a thread that
/// waits on another handle returns.
fn watch(criterion: &mut Criterion, store: &Store, other: &Store) {
    let (told, notices) = mpsc::channel::<Instant>();
    let ready = Barrier::new(2);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            loop {
                let here = other.position().unwrap();
                ready.wait();
                if done.load(Ordering::Acquire) {
                    break;
                }
                let events = other
                    .wait_for_changes(here, 1, Duration::from_secs(60))
                    .unwrap();
                assert_eq!(events.len(), 1);
                told.send(Instant::now()).unwrap();
            }
        });
        let mut to = ["1.5", "1.6"].into_iter().cycle();
        criterion.bench_function("notice another handle's change", |bencher| {
            bencher.iter_custom(|times| {
                let mut sum = Duration::ZERO;
                for _ in 0..times {
                    ready.wait();
                    // Wait until the other thread sleeps.
                    thread::sleep(Duration::from_millis(3));
                    let to = to.next().unwrap();
                    let moved = store.set_environment("prompt 5", "staging", to);
                    moved.unwrap();
                    let acknowledged = Instant::now();
                    sum += notices
                        .recv()
                        .unwrap()
                        .saturating_duration_since(acknowledged);
                }
                sum
            });
        });
        done.store(true, Ordering::Release);
        ready.wait();
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = history
}
criterion_main!(benches);
