//! Resolution of a prompt's `production`: from memory, from many threads, and after changes by
//! another process.

use std::hint::black_box;
use std::sync::Arc;

use promptbook::{Resolved, Store, VersionSpec};

use crate::bench::{Bench, own_number, own_prompt, production};
use crate::child::Writer;
use crate::floor::Reader;
use crate::measure::{Samples, after_each, at_once, in_turns, median};
use crate::report::{Amount, Report, Row};
use crate::support::new_version;

/// The number of prompts that an app has in use, or all if there are fewer.
const HOTTEST: u64 = 1000;
/// Turns, and blocks of calls that a thread makes in each. The floor makes fewer, because its calls
/// take longer.
const TURNS: usize = 5;
const BLOCKS: usize = 10_000;
const FLOOR_BLOCKS: usize = 200;
/// Changes of each kind by another process.
const CHANGES: usize = 500;

const MEDIAN: Amount = Amount::Time(150e-9);
const P99: Amount = Amount::Time(1e-6);
const AFTER_ITS_CHANGE: Amount = Amount::Time(25e-6);
const AFTER_ANOTHERS: Amount = Amount::Time(5e-6);

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    let store = bench.open();
    let ids = bench.prompt_ids(&store, HOTTEST);
    let specs: Vec<VersionSpec> = ids.iter().map(|id| production(*id)).collect();
    let floor = Reader::open(bench.directory());
    for (id, spec) in ids.iter().zip(&specs) {
        let (version, body) = floor.resolve(id.as_str());
        let resolved = resolve(&store, spec);
        assert_eq!(resolved.version.id.as_bytes(), &version.id);
        assert_eq!(resolved.body.as_bytes(), body);
    }
    warm(bench, report, &store, &specs);
    store.checkpoint().unwrap();
    after_a_change(bench, report, &store, &floor);
}

fn resolve(store: &Store, spec: &VersionSpec) -> Arc<Resolved> {
    store.resolve(spec).unwrap()
}

fn warm(bench: &Bench, report: &mut Report, store: &Store, specs: &[VersionSpec]) {
    let ours = |thread| {
        let (specs, mut next) = (shuffled(specs, thread), (0..specs.len()).cycle());
        move || {
            let resolved = resolve(store, &specs[next.next().unwrap()]);
            assert!(!black_box(resolved).body.as_bytes().is_empty());
        }
    };
    let directory = bench.directory();
    let floor = |thread| {
        let (specs, mut next) = (shuffled(specs, thread), (0..specs.len()).cycle());
        let ids: Vec<String> = specs
            .into_iter()
            .map(|spec| spec.prompt.unwrap().to_string())
            .collect();
        let reader = Reader::open(directory);
        move || {
            let resolved = reader.resolve(&ids[next.next().unwrap()]);
            assert!(!black_box(resolved).1.is_empty());
        }
    };
    for threads in [1, 2, 8] {
        let (mut our_rates, mut floor_rates) = (Vec::new(), Vec::new());
        let (ours, floor) = in_turns(
            bench.times(TURNS),
            |samples| our_rates.push(at_once(threads, bench.times(BLOCKS), ours, samples)),
            |samples| floor_rates.push(at_once(threads, bench.times(FLOOR_BLOCKS), floor, samples)),
        );
        let target = match threads {
            1 => "resolve, warm, 1 thread".to_owned(),
            _ => format!("resolve, warm, {threads} threads at once"),
        };
        let p99 = |samples: &Samples| Amount::Time(samples.p99());
        let rate = |rates| Amount::Rate(median(rates));
        report.add(Row::new(&target, &ours).beside(&floor).aim(MEDIAN));
        let slow = Row::new(format!("{target}, p99"), p99(&ours));
        report.add(slow.beside(p99(&floor)).aim(P99));
        let rates = Row::new(format!("{target}, calls of all"), rate(our_rates));
        report.add(rates.beside(rate(floor_rates)));
    }
}

fn shuffled(specs: &[VersionSpec], seed: u64) -> Vec<VersionSpec> {
    let mut specs = specs.to_vec();
    fastrand::Rng::with_seed(seed).shuffle(&mut specs);
    specs
}

/// Measures the first call after another process moved this prompt's `production`, and after it
/// moved another prompt's.
fn after_a_change(bench: &Bench, report: &mut Report, store: &Store, floor: &Reader) {
    let number = own_number(store);
    let prompts = [number, number + 1].map(|number| {
        let id = own_prompt(store, number);
        let second = store.commit(new_version(id, number, 1)).unwrap();
        let first = second.base.unwrap();
        // Ensure that both bodies have been read.
        for version in [first, second.id] {
            assert_eq!(store.resolve(version).unwrap().version.id, version);
        }
        (id, [first, second.id])
    });
    store.checkpoint().unwrap();
    let (asked, _) = prompts[0];
    let spec = production(asked);
    let mut writer = Writer::start(bench.directory());
    for (moved, target, aim) in [
        (prompts[0], "its production", AFTER_ITS_CHANGE),
        (prompts[1], "another prompt's", AFTER_ANOTHERS),
    ] {
        let mut to = [moved.1[1], moved.1[0]].into_iter().cycle();
        // The resolved prompt stays the same while another one is moved.
        let current = resolve(store, &spec).version.id;
        let (ours, floor) = after_each(
            bench.times(CHANGES),
            || {
                let to = to.next().unwrap();
                writer.point(moved.0, to);
                if moved.0 == asked { to } else { current }
            },
            || resolve(store, &spec),
            || floor.resolve(asked.as_str()),
            |expected, ours, floor| {
                assert_eq!(ours.version.id, expected);
                assert_eq!(expected.as_bytes(), &floor.0.id);
            },
        );
        let target = format!("resolve, first after another process moved {target}");
        report.add(Row::new(target, &ours).beside(&floor).aim(aim));
    }
}
