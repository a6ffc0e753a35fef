//! Search over 1,000 prompts of 50 versions: `cargo bench --bench search`.

#![allow(missing_docs, clippy::unwrap_used)] // `criterion_group!` makes undocumented items; a failure should stop it.

mod support;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use promptbook::{Expected, NewPrompt, Store};
use support::{new_prompt, new_version};

const PROMPTS: u64 = 1000;
const VERSIONS: u64 = 50;

/// Every prompt has a version in production and a higher one, so two that are searched.
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
    store
        .create_prompt(NewPrompt::new("rare", body).unwrap())
        .unwrap();
    store.settle(|_| ()).unwrap();
}

fn search(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::create(directory.path()).unwrap();
    filled(&store);
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
    // What search was not told of yet: 60 operations on as many prompts.
    for prompt in 0..60 {
        let name = format!("prompt {prompt}");
        store
            .set_environment(name.as_str(), "staging", "1.7", Expected::Any)
            .unwrap();
    }
    group.bench_function("common word, 60 operations later", |bencher| {
        bencher.iter(|| store.search("question", 20).unwrap());
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(2)).warm_up_time(Duration::from_millis(500));
    targets = search
}
criterion_main!(benches);
