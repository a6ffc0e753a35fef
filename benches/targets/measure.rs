//! Measurements: times, in turns and from many threads, and the memory and processor time of a
//! process.

use std::sync::Barrier;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The durations of many calls, in seconds.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, seconds: f64) {
        self.0.push(seconds);
    }

    pub(crate) fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let answer = call();
        self.add(start.elapsed().as_secs_f64());
        answer
    }

    pub(crate) fn join(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(crate) fn median(&self) -> f64 {
        quantile(&self.0, 0.5)
    }

    pub(crate) fn p99(&self) -> f64 {
        quantile(&self.0, 0.99)
    }

    pub(crate) fn longest(&self) -> f64 {
        quantile(&self.0, 1.0)
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

pub(crate) fn median(figures: Vec<f64>) -> f64 {
    Samples(figures).median()
}

/// Returns the value that this share of the figures does not exceed.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is a position in the list.
fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = (as_f64(sorted.len()) * share) as usize;
    sorted[place.min(sorted.len() - 1)]
}

/// Alternates short turns of the two, so that other load of the machine affects both alike.
pub(crate) fn in_turns(
    turns: usize,
    mut ours: impl FnMut(&mut Samples),
    mut floor: impl FnMut(&mut Samples),
) -> (Samples, Samples) {
    let mut samples = (Samples::default(), Samples::default());
    for _ in 0..turns {
        ours(&mut samples.0);
        floor(&mut samples.1);
    }
    samples
}

/// Calls both after each of this many changes, in alternating order. The caller checks both answers
/// against the change.
pub(crate) fn after_each<C, A, B>(
    changes: usize,
    mut change: impl FnMut() -> C,
    ours: impl Fn() -> A,
    floor: impl Fn() -> B,
    check: impl Fn(C, A, B),
) -> (Samples, Samples) {
    let mut samples = (Samples::default(), Samples::default());
    for number in 0..changes {
        let changed = change();
        if number % 2 == 0 {
            let answer = samples.0.time(&ours);
            check(changed, answer, samples.1.time(&floor));
        } else {
            let answer = samples.1.time(&floor);
            check(changed, samples.0.time(&ours), answer);
        }
    }
    samples
}

/// Calls that are timed together, because a single one takes no longer than reading the clock.
const BLOCK: usize = 16;

/// Makes this number of blocks of calls in each of this many concurrent threads. Adds the duration
/// of a call to the samples, and returns the total number of calls per second.
pub(crate) fn at_once<C: FnMut()>(
    threads: usize,
    blocks: usize,
    caller: impl Fn(u64) -> C + Sync,
    samples: &mut Samples,
) -> f64 {
    let ready = Barrier::new(threads);
    let run = |thread: usize| {
        let mut call = caller(thread as u64);
        call();
        let mut samples = Samples::default();
        ready.wait();
        let start = Instant::now();
        for _ in 0..blocks {
            let start = Instant::now();
            (0..BLOCK).for_each(|_| call());
            samples.add(start.elapsed().as_secs_f64() / as_f64(BLOCK));
        }
        (samples, start, Instant::now())
    };
    let run = &run;
    let done: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads)
            .map(|thread| scope.spawn(move || run(thread)))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    let first = done.iter().map(|(_, start, _)| *start).min();
    let last = done.iter().map(|(_, _, end)| *end).max();
    done.into_iter()
        .for_each(|(times, _, _)| samples.join(times));
    per_second(threads * blocks * BLOCK, last.unwrap() - first.unwrap())
}

pub(crate) fn per_second(count: usize, took: Duration) -> f64 {
    as_f64(count) / took.as_secs_f64()
}

#[allow(clippy::cast_precision_loss)] // Counts here are far below 2^52.
pub(crate) fn as_f64(count: usize) -> f64 {
    count as f64
}

/// Returns the processor time that this thread has used.
pub(crate) fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap()
}

/// Returns the current memory (`VmRSS`) or the peak memory (`VmHWM`) of this process, in bytes.
pub(crate) fn memory(field: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let number = line.and_then(|line| line.split_whitespace().next());
    number.unwrap().parse::<u64>().unwrap() * 1024
}
