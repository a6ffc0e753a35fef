//! Changes by one client, each flushed: a commit, and a move of an environment.

use promptbook::{PromptId, Selector, Store};

use crate::bench::{Bench, own_number, own_prompt};
use crate::floor::{Floor, Rows};
use crate::measure::{Samples, in_turns, thread_time};
use crate::report::{Amount, Report, Row};
use crate::support::new_version;

const TURNS: usize = 40;
/// Changes in a turn. The store's work in pauses is done after each turn, and not timed.
const CHANGES: u64 = 16;

const RATIO: f64 = 1.2;
const PROCESSOR: Amount = Amount::Time(100e-6);

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    let store = bench.open();
    let number = own_number(&store);
    let id = own_prompt(&store, number);
    store.checkpoint().unwrap();
    drop(store);
    let (_copy, mut floor) = bench.floor();
    let store = bench.open();
    commits(bench, report, &store, &mut floor, number, id);
    moves(bench, report, &store, &mut floor, id);
}

fn commits(
    bench: &Bench,
    report: &mut Report,
    store: &Store,
    floor: &mut Floor,
    number: u64,
    id: PromptId,
) {
    let turns = bench.times(TURNS);
    let mut line = floor.line(id.as_str());
    let mut processor = Samples::default();
    let numbers = |turn: u64| 1 + turn * CHANGES..1 + (turn + 1) * CHANGES;
    let (mut our_turn, mut floor_turn) = (0.., 0..);
    let (ours, floor) = in_turns(
        turns,
        |samples| {
            let news: Vec<_> = numbers(our_turn.next().unwrap())
                .map(|version| new_version(id, number, version))
                .collect();
            for new in news {
                let before = thread_time();
                samples.time(|| store.commit(new).unwrap());
                processor.add((thread_time() - before).as_secs_f64());
            }
            store.checkpoint().unwrap();
        },
        |samples| {
            let rows: Vec<_> = numbers(floor_turn.next().unwrap())
                .map(|version| Rows::new(number, version))
                .collect();
            for rows in &rows {
                samples.time(|| floor.transaction(|floor| floor.commit(&mut line, rows)));
            }
            floor.rest();
        },
    );
    let made = store.version((id, Selector::Latest)).unwrap().number;
    assert_eq!(u64::from(made.minor), our_turn.start * CHANGES);
    report.add(
        Row::new("commit, 1 client", &ours)
            .beside(&floor)
            .aim_ratio(RATIO),
    );
    report.add(Row::new("commit, processor's time of its thread", &processor).aim(PROCESSOR));
}

fn moves(bench: &Bench, report: &mut Report, store: &Store, floor: &mut Floor, id: PromptId) {
    let latest = store.version((id, Selector::Latest)).unwrap();
    let mut to = [latest.id, latest.base.unwrap()].into_iter().cycle();
    let line = floor.line(id.as_str());
    let mut floor_to = [line.latest, line.latest - 1].into_iter().cycle();
    let (ours, floor) = in_turns(
        bench.times(TURNS),
        |samples| {
            for _ in 0..CHANGES {
                let to = to.next().unwrap();
                let moved = samples.time(|| store.set_environment(id, "production", to));
                assert_eq!(moved.unwrap().after, Some(to));
            }
            store.checkpoint().unwrap();
        },
        |samples| {
            for _ in 0..CHANGES {
                let to = floor_to.next().unwrap();
                samples.time(|| floor.transaction(|floor| floor.point(&line, to)));
            }
            floor.rest();
        },
    );
    report.add(
        Row::new("move of an environment, 1 client", &ours)
            .beside(&floor)
            .aim_ratio(RATIO),
    );
}
