//! The main job, each beside its floor: `cargo bench --bench store`.

#![allow(missing_docs, clippy::unwrap_used)] // `criterion_group!` makes undocumented items; a failure should stop it.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use promptbook::{EnvironmentName, Expected, PromptId, Spec, Store, VersionFilter, VersionId};
use support::floor::Floor;
use support::{body, new_prompt, new_version};
use tempfile::TempDir;

/// A store of one prompt, in a directory of its own.
fn store_of_one() -> (TempDir, Store, PromptId) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let store = Store::create(directory.path()).unwrap();
    let created = store.create_prompt(new_prompt(0)).unwrap();
    (directory, store, created.prompt.id)
}

/// The same, closed, for the floor.
fn floor_of_one() -> (TempDir, Floor) {
    let (directory, store, _) = store_of_one();
    drop(store);
    let floor = Floor::open(directory.path());
    (directory, floor)
}

fn commit(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("durable commit");
    let (_directory, store, id) = store_of_one();
    let mut next = 0;
    group.bench_function("promptbook", |bencher| {
        bencher.iter_batched(
            || {
                next += 1;
                new_version(id, 0, next)
            },
            |new| store.commit(new).unwrap(),
            criterion::BatchSize::PerIteration,
        );
    });
    drop(store);
    let (_directory, mut floor) = floor_of_one();
    let mut next = 0;
    group.bench_function("floor", |bencher| {
        bencher.iter_batched(
            || {
                next += 1;
                Floor::rows(std::iter::once(body(0, next))).remove(0)
            },
            |rows| {
                floor.begin();
                floor.insert_version(&rows);
                floor.commit();
            },
            criterion::BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn environment_move(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("environment move");
    let (_directory, store, id) = store_of_one();
    let first = store
        .version((id, promptbook::Selector::Latest))
        .unwrap()
        .id;
    let second = store.commit(new_version(id, 0, 1)).unwrap().id;
    let mut to = [first, second].into_iter().cycle();
    group.bench_function("promptbook", |bencher| {
        bencher.iter(|| {
            let to: VersionId = to.next().unwrap();
            store
                .set_environment(id, "production", to, Expected::Any)
                .unwrap()
        });
    });
    drop(store);
    let (_directory, mut floor) = floor_of_one();
    let rows = Floor::rows([body(0, 1)].into_iter()).remove(0);
    floor.insert_version(&rows);
    let mut to = [1, 2].into_iter().cycle();
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            floor.begin();
            floor.insert_move(&rows, to.next().unwrap());
            floor.commit();
        });
    });
    group.finish();
}

fn reads(criterion: &mut Criterion) {
    const VERSIONS: u64 = 10_000;
    let (directory, store, id) = store_of_one();
    store
        .batch(|batch| {
            for version in 1..VERSIONS {
                batch.commit(new_version(id, 0, version).environment(None))?;
            }
            Ok(())
        })
        .unwrap();
    store.settle(|_| ()).unwrap();
    let floor = Floor::open(directory.path());
    let text = store.resolve((id, promptbook::Selector::Latest)).unwrap();
    store
        .set_environment(id, "production", text.version.id, Expected::Any)
        .unwrap();

    let mut group = criterion.benchmark_group("resolve by environment, warm");
    let spec = Spec::new(id, EnvironmentName::production());
    group.bench_function("promptbook", |bencher| {
        bencher.iter(|| {
            let resolved = store.resolve(spec.clone()).unwrap();
            assert_eq!(resolved.body.as_bytes().len(), text.body.as_bytes().len());
            resolved
        });
    });
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let resolved = floor.resolve(id.as_str());
            assert_eq!(resolved.1.len(), text.body.as_bytes().len());
            resolved
        });
    });
    group.finish();

    versions_named(criterion, &store, &spec);

    let mut group = criterion.benchmark_group("list 50 of 10,000 versions");
    group.bench_function("promptbook", |bencher| {
        bencher.iter(|| {
            let versions = store
                .versions(id, &VersionFilter::default(), None, 50)
                .unwrap();
            assert_eq!(versions.len(), 50);
            versions
        });
    });
    group.bench_function("floor", |bencher| {
        bencher.iter(|| {
            let versions = floor.list(id.as_str());
            assert_eq!(versions.len(), 50);
            versions
        });
    });
    group.finish();
}

/// Which version a spec names: what is in memory, what is not any more, and with another thread that asks too.
fn versions_named(criterion: &mut Criterion, store: &Store, spec: &Spec) {
    let mut group = criterion.benchmark_group("version by environment");
    let ask = || store.version(spec.clone()).unwrap();
    group.bench_function("again", |bencher| bencher.iter(ask));
    let prompt = spec.prompt.clone().unwrap();
    let mut to = ["1.0", "1.1"].into_iter().cycle();
    let mut point = || {
        store
            .set_environment(prompt.clone(), "other", to.next().unwrap(), Expected::Any)
            .unwrap();
    };
    group.bench_function("after a change", |bencher| {
        bencher.iter_batched(&mut point, |()| ask(), criterion::BatchSize::PerIteration);
    });
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                ask();
            }
        });
        group.bench_function("again, beside another", |bencher| bencher.iter(ask));
        done.store(true, Ordering::Relaxed);
    });
    group.finish();
}

/// One batch of 10,000 versions, durable at its end; and what settles it afterwards, apart.
fn import(criterion: &mut Criterion) {
    const VERSIONS: u64 = 10_000;
    let mut group = criterion.benchmark_group("import 10,000 versions");
    group.sample_size(10);
    let bodies: Vec<String> = (1..=VERSIONS).map(|version| body(0, version)).collect();
    let import = || {
        let (directory, store, id) = store_of_one();
        let start = Instant::now();
        store
            .batch(|batch| {
                for body in &bodies {
                    batch.commit(
                        promptbook::NewVersion::new(id, body.as_str())?.message("Edit 1"),
                    )?;
                }
                Ok(())
            })
            .unwrap();
        (start.elapsed(), directory, store)
    };
    let timed =
        |times: u64, run: &dyn Fn() -> Duration| (0..times).map(|_| run()).sum::<Duration>();
    group.bench_function("promptbook", |bencher| {
        bencher.iter_custom(|times| timed(times, &|| import().0));
    });
    let rows = Floor::rows(bodies.iter().cloned());
    group.bench_function("floor", |bencher| {
        bencher.iter_custom(|times| {
            timed(times, &|| {
                let (_directory, mut floor) = floor_of_one();
                let start = Instant::now();
                floor.begin();
                rows.iter().for_each(|rows| floor.insert_version(rows));
                floor.commit();
                start.elapsed()
            })
        });
    });
    group.finish();
}

criterion_group! {
    name = store;
    config = Criterion::default().sample_size(50).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_secs(1));
    targets = commit, environment_move, reads, import
}
criterion_main!(store);
