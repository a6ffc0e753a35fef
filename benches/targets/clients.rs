//! Concurrent commits by many clients, each to its own prompt: as threads, and as processes.

use std::path::Path;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use promptbook::{PromptId, Store};

use crate::bench::{Bench, own_number, own_prompt};
use crate::child::Child;
use crate::floor::{Line, Rows};
use crate::measure::{Samples, median, per_second};
use crate::report::{Amount, Report, Row};
use crate::support::new_version;

const THREADS: u64 = 64;
/// Turns, and commits of each thread in each.
const TURNS: usize = 5;
const COMMITS: u64 = 24;

/// Each round has a turn for each of these numbers of processes with one client, then one for
/// `CROWD`: processes, and threads of each.
const ROUNDS: usize = 3;
const PROCESSES: [u64; 5] = [1, 2, 4, 8, 16];
const CROWD: (u64, u64) = (8, 8);
const TURN: Duration = Duration::from_secs(1);

/// The targeted share of the rate of one thread that puts as many commits into a transaction as
/// there are clients.
const SHARE: f64 = 0.6;
const LONGEST: Amount = Amount::Time(250e-3);
/// The targeted rate of many processes, relative to that of one.
const MORE: f64 = 2.0;

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    threads(bench, report);
    processes(bench, report);
}

fn threads(bench: &Bench, report: &mut Report) {
    let store = bench.open();
    let first = own_number(&store);
    let clients: Vec<(u64, PromptId)> = (first..first + THREADS)
        .map(|number| (number, own_prompt(&store, number)))
        .collect();
    store.checkpoint().unwrap();
    drop(store);
    let (_copy, mut floor) = bench.floor();
    let mut lines: Vec<(u64, Line)> = clients
        .iter()
        .map(|(number, id)| (*number, floor.line(id.as_str())))
        .collect();
    let store = bench.open();

    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    let mut waits = Samples::default();
    for turn in 0..bench.times(TURNS) as u64 {
        let versions = 1 + turn * COMMITS..1 + (turn + 1) * COMMITS;
        let (took, waited) = commit_at_once(&store, &clients, versions.clone());
        let all = usize::try_from(THREADS * COMMITS).unwrap();
        ours.push(per_second(all, took));
        waits.join(waited);
        store.checkpoint().unwrap();

        let rows: Vec<Vec<Rows>> = versions
            .map(|version| {
                lines
                    .iter()
                    .map(|(number, _)| Rows::new(*number, version))
                    .collect()
            })
            .collect();
        let start = Instant::now();
        for rows in &rows {
            floor.transaction(|floor| {
                for ((_, line), rows) in lines.iter_mut().zip(rows) {
                    floor.commit(line, rows);
                }
            });
        }
        floors.push(per_second(all, start.elapsed()));
        floor.rest();
    }
    let target = format!("commits, {THREADS} threads");
    let rate = Row::new(&target, Amount::Rate(median(ours)));
    report.add(rate.beside(Amount::Rate(median(floors))).aim_ratio(SHARE));
    report.add(Row::new(format!("{target}, wait of one"), &waits));
    let longest = Amount::Time(waits.longest());
    report.add(Row::new(format!("{target}, longest wait"), longest).aim(LONGEST));
}

/// Has each client commit these versions, which are prepared in advance. Returns the total time,
/// and the time of each commit.
fn commit_at_once(
    store: &Store,
    clients: &[(u64, PromptId)],
    versions: std::ops::Range<u64>,
) -> (Duration, Samples) {
    let ready = Barrier::new(clients.len() + 1);
    let (ready, versions) = (&ready, &versions);
    std::thread::scope(|scope| {
        let clients: Vec<_> = clients
            .iter()
            .map(|(number, id)| {
                scope.spawn(move || {
                    let news: Vec<_> = versions
                        .clone()
                        .map(|version| new_version(*id, *number, version))
                        .collect();
                    let mut waits = Samples::default();
                    ready.wait();
                    for new in news {
                        waits.time(|| store.commit(new).unwrap());
                    }
                    waits
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        let mut waits = Samples::default();
        for client in clients {
            waits.join(client.join().unwrap());
        }
        (start.elapsed(), waits)
    })
}

/// The rates of commits by processes, and the longest wait of a commit.
#[derive(Default)]
struct Done {
    rates: Vec<f64>,
    longest: f64,
}

fn processes(bench: &Bench, report: &mut Report) {
    let crowds: Vec<(u64, u64)> = PROCESSES
        .map(|processes| (processes, 1))
        .into_iter()
        .chain([CROWD])
        .collect();
    let mut done: Vec<Done> = crowds.iter().map(|_| Done::default()).collect();
    for _ in 0..bench.times(ROUNDS).min(ROUNDS) {
        for (done, (processes, threads)) in done.iter_mut().zip(&crowds) {
            let (rate, longest) = run_processes(bench, *processes, *threads);
            done.rates.push(rate);
            done.longest = done.longest.max(longest);
        }
    }
    let rate = |done: &Done| median(done.rates.clone());
    let one = Amount::Rate(rate(&done[0]));
    for ((processes, threads), done) in crowds.iter().zip(&done) {
        let target = format!("commits, processes × clients {processes} × {threads}");
        let rates = Row::new(&target, Amount::Rate(rate(done)));
        report.add(rates.beside(one));
        let longest = Amount::Time(done.longest);
        report.add(Row::new(format!("{target}, longest wait"), longest));
    }
    let of_one_client = &done[..PROCESSES.len()];
    let best = of_one_client.iter().map(rate).fold(0.0, f64::max);
    let best = Row::new(
        "commits, best number of processes, beside one",
        Amount::Rate(best),
    );
    report.add(best.beside(one).aim_ratio(MORE));
}

/// Returns the commits per second of all processes together, and the longest wait of one commit.
fn run_processes(bench: &Bench, processes: u64, threads: u64) -> (f64, f64) {
    let first = own_number(&bench.open());
    let turn = if bench.is_test() { TURN / 20 } else { TURN };
    let millis = u64::try_from(turn.as_millis()).unwrap();
    let mut children: Vec<Child> = (0..processes)
        .map(|process| {
            let first = first + process * threads;
            Child::start("clients", bench.directory(), &[first, threads, millis])
        })
        .collect();
    for child in &mut children {
        assert_eq!(child.answer(), "ready");
    }
    for child in &mut children {
        child.tell("go");
    }
    let (mut commits, mut longest) = (0, 0.0_f64);
    for child in &mut children {
        let answer = child.answer();
        let (count, wait) = answer.split_once(' ').unwrap();
        commits += count.parse::<usize>().unwrap();
        longest = longest.max(wait.parse().unwrap());
    }
    (per_second(commits, turn), longest)
}

/// Runs a process with this number of clients, for this time.
pub(crate) fn child(store: &Path, first: u64, threads: u64, millis: u64) {
    let store = Store::open(store).unwrap();
    let clients: Vec<(u64, PromptId)> = (first..first + threads)
        .map(|number| (number, own_prompt(&store, number)))
        .collect();
    store.checkpoint().unwrap();
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    let end = Instant::now() + Duration::from_millis(millis);
    let commit = |(number, id): (u64, PromptId)| {
        let mut waits = Samples::default();
        for version in 1.. {
            let new = new_version(id, number, version);
            if Instant::now() >= end {
                break;
            }
            waits.time(|| store.commit(new).unwrap());
        }
        waits
    };
    let mut waits = Samples::default();
    std::thread::scope(|scope| {
        let clients: Vec<_> = clients
            .into_iter()
            .map(|client| scope.spawn(move || commit(client)))
            .collect();
        for client in clients {
            waits.join(client.join().unwrap());
        }
    });
    println!("{} {}", waits.count(), waits.longest());
}
