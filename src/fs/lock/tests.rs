use std::fs::{self, File, TryLockError};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread::{scope, sleep};

use super::*;
use crate::storage::StorageErrorKind;

const A_WHILE: Duration = Duration::from_millis(100);
const LONG: Duration = Duration::from_secs(20);

/// A directory for a lock. Each handle acts like a handle of another process.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("index.db"), "").unwrap();
        Self(directory)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn handle(&self) -> FileLock {
        let policy = LockPolicy::default();
        FileLock::new(self.path("write.lock"), self.path("index.db"), policy)
    }

    fn with_notice(&self, notice: impl Fn() + Send + Sync + 'static) -> FileLock {
        let policy = LockPolicy {
            notice: Some(Arc::new(move |_| notice())),
            ..LockPolicy::default()
        };
        FileLock::new(self.path("write.lock"), self.path("index.db"), policy)
    }

    fn without_threads(&self) -> FileLock {
        let mut handle = self.handle();
        Arc::get_mut(&mut handle.0).unwrap().has_threads = false;
        handle
    }

    /// Checks whether the lock is free, by locking the file directly.
    fn is_free(&self) -> bool {
        File::open(self.path("write.lock"))
            .unwrap()
            .try_lock()
            .is_ok()
    }

    /// Waits up to five seconds until the lock is free; returns whether it is.
    fn becomes_free(&self) -> bool {
        (0..500).any(|_| {
            sleep(Duration::from_millis(10));
            self.is_free()
        })
    }
}

fn within(limit: Duration) -> Deadline {
    Deadline::after(limit)
}

/// Checks that the lock is refused as busy, and returns the time that this took.
fn busy(lock: &FileLock, limit: Duration) -> Duration {
    let began = Instant::now();
    let refused = lock.lock(within(limit)).unwrap_err();
    assert_eq!(refused.kind(), StorageErrorKind::Busy, "{refused}");
    began.elapsed()
}

#[test]
fn a_free_lock_is_taken_and_released() {
    let place = Place::new();
    let (first, second) = (place.handle(), place.handle());
    for _ in 0..3 {
        for handle in [&first, &second] {
            let guard = handle.lock(within(Duration::ZERO)).unwrap();
            assert!(!place.is_free());
            drop(guard);
            assert!(place.is_free());
        }
    }
    assert!(
        !first.0.state().has_thread,
        "a thread was started for a free lock"
    );
}

#[test]
fn callers_past_their_deadline_are_refused_and_others_are_served() {
    let place = Place::new();
    for waiting in [place.handle(), place.without_threads()] {
        let holder = place.handle();
        let guard = holder.lock(within(LONG)).unwrap();
        scope(|scope| {
            let served = scope.spawn(|| waiting.lock(within(LONG)).map(drop));
            while waiting.0.state().line.is_empty() {
                sleep(Duration::from_millis(1));
            }
            for limit in [Duration::ZERO, A_WHILE, A_WHILE * 2] {
                let waited = busy(&waiting, limit);
                assert!(
                    waited >= limit && waited < limit + Duration::from_millis(500),
                    "waited {waited:?} instead of {limit:?}"
                );
            }
            assert!(!served.is_finished());
            drop(guard);
            served.join().unwrap().unwrap();
        });
        assert!(place.becomes_free());
    }
}

#[test]
fn a_refusal_names_the_file_and_the_holder() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    let _guard = holder.lock(within(LONG)).unwrap();
    let refused = waiting.lock(within(A_WHILE)).unwrap_err().to_string();
    let path = place.path("write.lock");
    let start = format!("waited 0.1 s for the lock on {}", path.display());
    assert!(refused.starts_with(&start), "{refused}");
    let known = refused.ends_with(", held by this process");
    assert_eq!(known, cfg!(target_os = "linux"), "{refused}");
}

/// The thread goes on waiting in the kernel, and must release the lock that it gets.
#[test]
fn a_lock_that_is_granted_too_late_is_released() {
    let place = Place::new();
    let (holder, waiting, third) = (place.handle(), place.handle(), place.handle());
    let guard = holder.lock(within(LONG)).unwrap();
    busy(&waiting, A_WHILE);
    busy(&waiting, A_WHILE);
    drop(guard);
    assert!(place.becomes_free());
    drop(third.lock(within(Duration::ZERO)).unwrap());
    drop(waiting.lock(within(LONG)).unwrap());
    // The same, with a handle that is dropped by then.
    let guard = holder.lock(within(LONG)).unwrap();
    busy(&waiting, A_WHILE);
    drop(waiting);
    drop(guard);
    assert!(place.becomes_free());
}

/// A caller that arrives after all others have given up uses the thread that still waits.
#[test]
fn a_later_caller_gets_the_lock_that_others_gave_up() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    let guard = holder.lock(within(LONG)).unwrap();
    busy(&waiting, A_WHILE);
    scope(|scope| {
        let later = scope.spawn(|| waiting.lock(within(LONG)).map(drop));
        sleep(A_WHILE);
        drop(guard);
        later.join().unwrap().unwrap();
    });
    assert!(place.becomes_free());
}

#[test]
fn threads_of_a_handle_are_served_in_order() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    let guard = holder.lock(within(LONG)).unwrap();
    let (told, order) = channel();
    scope(|scope| {
        for number in 0..5 {
            let (told, lock) = (told.clone(), &waiting);
            scope.spawn(move || {
                let _guard = lock.lock(within(LONG)).unwrap();
                told.send(number).unwrap();
            });
            while waiting.0.state().line.len() <= number {
                sleep(Duration::from_millis(1));
            }
        }
        drop(guard);
    });
    drop(told);
    assert_eq!(order.iter().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
}

#[test]
fn only_one_caller_holds_the_lock() {
    let place = Place::new();
    let (inside, turns) = (AtomicBool::new(false), AtomicU32::new(0));
    let handles = [place.handle(), place.handle(), place.without_threads()];
    scope(|scope| {
        for handle in handles.iter().chain(&handles) {
            scope.spawn(|| {
                for _ in 0..200 {
                    let guard = handle.lock(within(LONG)).unwrap();
                    assert!(!inside.swap(true, Ordering::SeqCst), "two hold the lock");
                    turns.fetch_add(1, Ordering::SeqCst);
                    std::thread::yield_now();
                    inside.store(false, Ordering::SeqCst);
                    drop(guard);
                }
            });
        }
    });
    assert_eq!(turns.into_inner(), 6 * 200);
    assert!(place.becomes_free());
}

#[test]
fn closing_ends_the_waits() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    let _guard = holder.lock(within(LONG)).unwrap();
    scope(|scope| {
        let waits = scope.spawn(|| busy(&waiting, LONG));
        while waiting.0.state().line.is_empty() {
            sleep(Duration::from_millis(1));
        }
        waiting.close_by(within(A_WHILE));
        assert!(waits.join().unwrap() < Duration::from_secs(5));
    });
    assert!(busy(&waiting, LONG) < Duration::from_secs(5));
}

#[test]
fn a_long_wait_gives_notice_once_and_a_short_one_none() {
    let place = Place::new();
    let given = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&given);
    let waiting = place.with_notice(move || {
        count.fetch_add(1, Ordering::SeqCst);
    });
    let holder = place.handle();
    let guard = holder.lock(within(LONG)).unwrap();
    busy(&waiting, A_WHILE);
    assert_eq!(given.load(Ordering::SeqCst), 0);
    busy(&waiting, NOTICE_AFTER * 5 / 2);
    assert_eq!(given.load(Ordering::SeqCst), 1);
    drop(guard);
    drop(waiting.lock(within(LONG)).unwrap());
    assert_eq!(given.load(Ordering::SeqCst), 1);
}

#[test]
fn a_notice_that_panics_leaves_the_line() {
    let place = Place::new();
    let waiting = place.with_notice(|| panic!("on purpose"));
    let holder = place.handle();
    let guard = holder.lock(within(LONG)).unwrap();
    let panicked = catch_unwind(AssertUnwindSafe(|| waiting.lock(within(LONG)).is_ok()));
    assert!(panicked.is_err());
    drop(guard);
    drop(waiting.lock(within(LONG)).unwrap());
    assert!(place.becomes_free());
}

/// Makes a handle wait for the lock, and returns the lock once it has it.
fn waited_for<'a>(waiting: &'a FileLock, holder: &FileLock) -> FileLockGuard<'a> {
    let guard = holder.lock(within(LONG)).unwrap();
    scope(|scope| {
        let waits = scope.spawn(|| waiting.lock(within(LONG)).unwrap());
        while waiting.0.state().line.is_empty() {
            sleep(Duration::from_millis(1));
        }
        drop(guard);
        waits.join().unwrap()
    })
}

#[test]
fn only_a_handle_that_waited_has_a_turn() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    drop(waited_for(&waiting, &holder));
    assert!(!holder.0.has_turn(), "it never waited");
    assert!(place.becomes_free(), "an unused turn does not end");
    assert!(!waiting.0.has_turn());
    // The next use of a free lock is an ordinary one.
    drop(waiting.lock(within(LONG)).unwrap());
    assert!(place.is_free());
}

#[test]
fn a_turn_serves_the_threads_of_its_handle_and_ends() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    let guard = waited_for(&waiting, &holder);
    let began = Instant::now();
    drop(guard);
    // The lock is used again and again, from several threads, and another handle waits.
    let uses = AtomicU32::new(0);
    let got = AtomicBool::new(false);
    scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !got.load(Ordering::SeqCst) {
                    drop(waiting.lock(within(LONG)).unwrap());
                    uses.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        scope.spawn(|| {
            let guard = holder.lock(within(LONG)).unwrap();
            got.store(true, Ordering::SeqCst);
            drop(guard);
        });
    });
    assert!(uses.into_inner() >= 2);
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "the turn did not end"
    );
    assert!(place.becomes_free());
}

#[test]
fn a_turn_ends_with_its_handle() {
    let place = Place::new();
    let (holder, waiting) = (place.handle(), place.handle());
    drop(waited_for(&waiting, &holder));
    drop(waiting);
    // The thread may still have the file open, but it does not hold the lock.
    assert!(place.is_free());
}

/// A lock on a removed file excludes no other process.
#[test]
fn a_lock_by_name_is_on_the_file_of_that_name() {
    let place = Place::new();
    let by_name = FileLock::by_name(
        place.path("blobs.lock"),
        place.path("index.db"),
        LockPolicy::default(),
    );
    drop(by_name.lock(within(LONG)).unwrap());
    fs::remove_file(place.path("blobs.lock")).unwrap();
    let _guard = by_name.lock(within(LONG)).unwrap();
    let file = File::open(place.path("blobs.lock")).unwrap();
    assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
}

#[test]
fn a_lock_file_that_cannot_be_created_is_an_error_for_each_caller() {
    let lock = FileLock::new(
        "/nowhere/write.lock".into(),
        "/nowhere/index.db".into(),
        LockPolicy::default(),
    );
    for _ in 0..2 {
        let error = lock.lock(within(LONG)).unwrap_err();
        assert_eq!(error.kind(), StorageErrorKind::Io, "{error}");
    }
}
