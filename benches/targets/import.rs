//! Imports of many versions, in transactions of some thousands: their speed and memory.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use promptbook::{NewPrompt, NewVersion, Store};

use crate::bench::{BATCH, Bench, make_prompts, temporary};
use crate::child::Child;
use crate::floor::{Floor, Rows};
use crate::measure::{as_f64, median, memory, per_second};
use crate::report::{Amount, Report, Row};
use crate::support::body;

/// Versions that are imported in a turn before the floor's turn.
const TURN: u64 = 20_000;
/// The minimum number of turns; a small import is repeated.
const TURNS: u64 = 3;

const RATIO: f64 = 0.8;
/// The tolerance of "about equal" for the memory of five times as many versions, and the number
/// that fills every cache five times.
const EQUAL: f64 = 1.2;
const FULL: u64 = 100_000;

/// The rates of both in each turn, and the total time of the store's checkpoints afterwards.
#[derive(Default)]
struct Done {
    ours: Vec<f64>,
    floor: Vec<f64>,
    settling: Duration,
    checkpointed: usize,
}

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    let at_once = TURN.div_ceil(bench.versions);
    let imports = if bench.is_test() {
        1
    } else {
        TURNS.div_ceil(bench.prompts.div_ceil(at_once))
    };
    let mut done = Done::default();
    for _ in 0..imports {
        import(bench, at_once, &mut done);
    }
    let settling = done.settling.as_secs_f64() / as_f64(done.checkpointed);
    let rate = Row::new(
        format!("import, versions, in transactions of {BATCH}"),
        Amount::Rate(median(done.ours)),
    );
    report.add(
        rate.beside(Amount::Rate(median(done.floor)))
            .aim_ratio(RATIO),
    );
    report.add(Row::new(
        "settling after an import, a body",
        Amount::Time(settling),
    ));

    // Caches are full on both sides.
    let most = bench
        .prompts
        .max((FULL / bench.versions).min(5 * bench.prompts));
    let [all, fifth] = [most, most / 5].map(|prompts| {
        let directory = temporary();
        let numbers = [prompts, bench.versions];
        let peak = Child::start("import", directory.path(), &numbers).answer();
        Amount::Bytes(peak.parse().unwrap())
    });
    let target = format!("most memory of an import of {}", most * bench.versions);
    let target = format!("{target} versions, beside a fifth of them");
    report.add(Row::new(target, all).beside(fifth).aim_ratio(EQUAL));
}

/// Imports into a separate store each, in turns.
fn import(bench: &Bench, at_once: u64, done: &mut Done) {
    let directories = [temporary(), temporary()];
    let store = Store::create(directories[0].path()).unwrap();
    drop(Store::create(directories[1].path()).unwrap());
    let mut floor = Floor::open(directories[1].path());
    for first in (0..bench.prompts).step_by(usize::try_from(at_once).unwrap()) {
        let prompts = first..(first + at_once).min(bench.prompts);
        let versions = usize::try_from((prompts.end - first) * bench.versions).unwrap();
        let bodies: Vec<_> = each_version(&prompts, bench.versions)
            .map(|(prompt, version)| body(prompt, version))
            .collect();
        let start = Instant::now();
        ours(&store, bench.versions, &prompts, bodies);
        done.ours.push(per_second(versions, start.elapsed()));

        let start = Instant::now();
        store.checkpoint().unwrap();
        done.settling += start.elapsed();
        done.checkpointed += versions;

        let rows: Vec<_> = each_version(&prompts, bench.versions)
            .map(|(prompt, version)| Rows::new(prompt, version))
            .collect();
        let start = Instant::now();
        bare(&mut floor, bench.versions, &prompts, &rows);
        done.floor.push(per_second(versions, start.elapsed()));
        floor.rest();
    }
    assert_eq!(store.prompts().count().unwrap(), bench.prompts);
}

fn each_version(prompts: &Range<u64>, versions: u64) -> impl Iterator<Item = (u64, u64)> {
    prompts
        .clone()
        .flat_map(move |prompt| (0..versions).map(move |version| (prompt, version)))
}

/// Returns the prompts of each transaction.
fn transactions(prompts: &Range<u64>, versions: u64) -> impl Iterator<Item = Range<u64>> {
    let (at_once, end) = (BATCH.div_ceil(versions), prompts.end);
    let firsts = prompts.clone().step_by(usize::try_from(at_once).unwrap());
    firsts.map(move |first| first..(first + at_once).min(end))
}

fn ours(store: &Store, versions: u64, prompts: &Range<u64>, bodies: Vec<String>) {
    let mut bodies = bodies.iter();
    for prompts in transactions(prompts, versions) {
        let import = |batch: &mut promptbook::Batch<'_>| {
            for prompt in prompts {
                let name = format!("prompt {prompt}");
                let body = bodies.next().unwrap().as_str();
                let id = batch
                    .create_prompt(NewPrompt::new(name.as_str(), body))?
                    .prompt
                    .id;
                for version in 1..versions {
                    let new = NewVersion::new(id, bodies.next().unwrap().as_str());
                    batch.commit(new.message(format!("Edit {version}")))?;
                }
            }
            Ok(())
        };
        store.batch(import).unwrap();
    }
}

fn bare(floor: &mut Floor, versions: u64, prompts: &Range<u64>, rows: &[Rows]) {
    let mut rows = rows.iter();
    for prompts in transactions(prompts, versions) {
        floor.transaction(|floor| {
            for prompt in prompts {
                let mut line =
                    floor.create_prompt(&format!("prompt {prompt}"), rows.next().unwrap());
                for _ in 1..versions {
                    floor.commit(&mut line, rows.next().unwrap());
                }
            }
        });
    }
}

/// Runs a process that imports, and prints its peak memory.
pub(crate) fn child(directory: &Path, prompts: u64, versions: u64) {
    let store = Store::create(directory).unwrap();
    for numbers in transactions(&(0..prompts), versions) {
        make_prompts(&store, numbers, versions);
    }
    assert_eq!(store.prompts().count().unwrap(), prompts);
    println!("{}", memory("VmHWM:"));
}
