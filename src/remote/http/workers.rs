//! Work on several items at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::thread;

/// The number of requests that are sent at once.
const MAX_REQUESTS: usize = 8;

/// Calls `work` for each item, several at once, and `done` in this thread with each result.
///
/// The results come in no order. Once `done` returns false, no further item is begun.
pub(in crate::remote) fn in_parallel<I: Sync, R: Send>(
    items: &[I],
    work: impl Fn(&I) -> R + Sync,
    mut done: impl FnMut(&I, R) -> bool,
) {
    let next = AtomicUsize::new(0);
    let (results, finished) = channel();
    let run = || {
        let results = results.clone();
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            if results.send((at, work(item))).is_err() {
                return;
            }
        }
    };
    thread::scope(|scope| {
        let mut started = 0;
        for _ in 0..MAX_REQUESTS.min(items.len()) {
            let spawned = thread::Builder::new()
                .name("promptbook-remote".into())
                .spawn_scoped(scope, run);
            started += usize::from(spawned.is_ok());
        }
        if started == 0 {
            // No thread could be started.
            for item in items {
                if !done(item, work(item)) {
                    return;
                }
            }
            return;
        }
        for _ in 0..items.len() {
            let Ok((at, result)) = finished.recv() else {
                return;
            };
            if !done(&items[at], result) {
                next.store(items.len(), Ordering::Relaxed);
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_worked_on_once() {
        let items: Vec<u32> = (0..500).collect();
        let mut seen = Vec::new();
        in_parallel(
            &items,
            |item| item * 2,
            |item, twice| {
                assert_eq!(twice, item * 2);
                seen.push(*item);
                true
            },
        );
        seen.sort_unstable();
        assert_eq!(seen, items);
        in_parallel(&[] as &[u32], |item| *item, |_, _| unreachable!());
    }

    #[test]
    fn no_further_item_is_begun_after_the_end() {
        let begun = AtomicUsize::new(0);
        let mut done = 0;
        let items = [(); 1000];
        let work = |(): &()| begun.fetch_add(1, Ordering::Relaxed);
        in_parallel(&items, work, |(), _| {
            done += 1;
            done < 10
        });
        assert_eq!(done, 10);
        assert!(begun.load(Ordering::Relaxed) <= 1000);
    }
}
