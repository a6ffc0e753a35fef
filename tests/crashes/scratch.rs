//! Temporary directories, and the parallel runner of cases.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, Once};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

#[path = "../shared/place.rs"]
mod place;

pub(crate) use place::{can_limit_files, directory, file_limit, not_run};

/// A short run tries one of so many cases, but no fewer than [`MIN_CASES`].
const SHORT_SHARE: usize = 8;
const MIN_CASES: usize = 16;

/// Returns whether all cases are to be tried, which takes hours.
pub fn is_long() -> bool {
    scaled(1).is_none()
}

/// Returns how many cases to try if the check of each commit tries `number`, or `None` for all.
pub fn scaled(number: usize) -> Option<usize> {
    match std::env::var("PROMPTBOOK_CRASHES") {
        Ok(all) if all == "all" => None,
        Ok(times) => {
            let times: usize = times
                .parse()
                .expect("PROMPTBOOK_CRASHES must be a number or `all`");
            Some(number * times)
        }
        Err(_) => Some((number / SHORT_SHARE).max(number.min(MIN_CASES))),
    }
}

/// Returns a generator with a fixed seed, unless the environment sets another one.
pub fn rng() -> fastrand::Rng {
    let seed = std::env::var("PROMPTBOOK_CRASHES_SEED");
    fastrand::Rng::with_seed(seed.map_or(1, |seed| seed.parse().unwrap()))
}

/// Returns a seeded selection of as many cases as [`scaled`] says, or all of them.
pub fn choice<T>(mut cases: Vec<T>, number: usize) -> Vec<T> {
    if let Some(number) = scaled(number)
        && cases.len() > number
    {
        rng().shuffle(&mut cases);
        cases.truncate(number);
    }
    cases
}

/// A case that takes longer is reported.
const SLOW: Duration = Duration::from_secs(15);
/// A case that takes longer hangs. In the long run, one case may kill a thousand children.
const TOO_LONG: [Duration; 2] = [Duration::from_secs(600), Duration::from_secs(7200)];

/// The name of a thread that tries cases.
const CASE: &str = "case";

/// Returns how many threads keep the processors busy: cases wait for locks, flushes and children.
fn threads() -> usize {
    2 * std::thread::available_parallelism().map_or(2, usize::from)
}

/// Returns the result of a function for each item, in order, as several threads compute them.
pub fn of_each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let work_off = || {
        let mut done = Vec::new();
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(place) else {
                return done;
            };
            done.push((place, work(item)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads()).map(|_| scope.spawn(work_off)).collect();
        let done = threads.into_iter().map(|thread| thread.join());
        done.flat_map(|done| done.unwrap_or_else(|panic| resume_unwind(panic)))
            .collect()
    });
    done.sort_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Tries the cases, several at a time, and returns each failed case with its reason.
pub fn failures<T: Display + Sync>(cases: &[T], run: impl Fn(&T) + Sync) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let work = |begun: &Mutex<(Instant, usize)>| {
        loop {
            let place = next.fetch_add(1, Ordering::Relaxed);
            let Some(case) = cases.get(place) else {
                return;
            };
            let since = Instant::now();
            *begun.lock().unwrap() = (since, place);
            let tried = catch_unwind(AssertUnwindSafe(|| run(case)));
            if since.elapsed() > SLOW {
                println!("{case}: {} s", since.elapsed().as_secs());
            }
            if let Err(panic) = tried {
                let why = message(&*panic);
                failed.lock().unwrap().push(format!("{case}: {why}"));
            }
        }
    };
    be_quiet();
    let too_long = TOO_LONG[usize::from(is_long())];
    let begun: Vec<_> = (0..threads())
        .map(|_| Mutex::new((Instant::now(), 0)))
        .collect();
    std::thread::scope(|scope| {
        let start = |begun| {
            let named = std::thread::Builder::new().name(CASE.into());
            named.spawn_scoped(scope, move || work(begun)).unwrap()
        };
        let threads: Vec<_> = begun.iter().map(start).collect();
        while !threads.iter().all(ScopedJoinHandle::is_finished) {
            for (thread, begun) in threads.iter().zip(&begun) {
                let (since, place) = *begun.lock().unwrap();
                if !thread.is_finished() && since.elapsed() > too_long {
                    println!("the case hangs: {}", cases[place]);
                    std::process::exit(101);
                }
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    failed.into_inner().unwrap()
}

/// Suppresses the stack traces of failed cases, because they are reported by name at the end.
fn be_quiet() {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let loud = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if std::thread::current().name() != Some(CASE) {
                loud(panic);
            }
        }));
    });
}

/// Tries each case and panics if one fails.
pub fn all_hold<T: Display + Sync>(cases: &[T], run: impl Fn(&T) + Sync) {
    let failed = failures(cases, run);
    let few: Vec<&str> = failed.iter().take(8).map(String::as_str).collect();
    assert!(
        failed.is_empty(),
        "{} of {} fail, as:\n{}",
        failed.len(),
        cases.len(),
        few.join("\n")
    );
}

fn message(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic")
}
