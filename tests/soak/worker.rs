//! The worker process, which uses a store through the library until it is killed or the stop file
//! exists.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, exit};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use promptbook::{ErrorKind, Result, StoreOptions};

use crate::hand::{Hand, Handle};
use crate::keeper;
use crate::ledger::{Book, now};
use crate::settings::{Hazard, Orders, Role};

const ORDERS: &str = "PROMPTBOOK_SOAK_ORDERS";

/// The exit code of a worker in which a thread panicked.
pub const PANICKED: i32 = 70;

/// Starts a worker, through a wrapper command if there is one.
pub fn start(orders: &Orders, wrapper: &[String]) -> Child {
    let this = std::env::current_exe().unwrap();
    let mut command = match wrapper {
        [] => Command::new(this),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(this);
            command
        }
    };
    let orders = serde_json::to_string(orders).unwrap();
    command
        .env(ORDERS, orders)
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command.spawn().unwrap()
}

/// Runs the worker and exits, if this process was started as a worker.
pub fn run() {
    let Ok(orders) = std::env::var(ORDERS) else {
        return;
    };
    let orders: Orders = serde_json::from_str(&orders).unwrap();
    let book = Arc::new(Book::create(&orders.ledgers, &orders.name));
    let panicked = Arc::new(AtomicBool::new(false));
    let (told, seen) = (Arc::clone(&book), Arc::clone(&panicked));
    std::panic::set_hook(Box::new(move |panic| {
        seen.store(true, Ordering::SeqCst);
        told.line(&format!("broken panic {panic}"));
    }));
    let worker = Worker::new(&orders, &book);
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| worker.work()));
    drop(worker);
    exit(if ran.is_err() || panicked.load(Ordering::SeqCst) {
        PANICKED
    } else {
        0
    });
}

pub struct Worker<'a> {
    pub orders: &'a Orders,
    pub book: &'a Book,
    parent: Option<rustix::process::Pid>,
    /// The handle that its threads share.
    handle: Mutex<Option<Arc<Handle>>>,
    opened: AtomicU64,
}

impl<'a> Worker<'a> {
    fn new(orders: &'a Orders, book: &'a Book) -> Self {
        Self {
            orders,
            book,
            parent: rustix::process::getppid(),
            handle: Mutex::new(None),
            opened: AtomicU64::new(0),
        }
    }

    /// Returns whether to stop: if the stop file exists, or if the process that started the worker
    /// is gone.
    pub fn is_over(&self) -> bool {
        self.orders.stop.exists() || rustix::process::getppid() != self.parent
    }

    pub fn hand(&self, thread: u64) -> Hand<'_> {
        Hand {
            book: self.book,
            orders: self.orders,
            rng: Rng::with_seed(self.orders.seed.wrapping_mul(31).wrapping_add(thread)),
            own: Vec::new(),
            last_seen: None,
        }
    }

    fn work(&self) {
        std::thread::scope(|scope| {
            for thread in 0..2 {
                scope.spawn(move || match self.orders.role {
                    Role::Guest => self.visit(thread),
                    Role::Keeper if thread == 0 => keeper::keep(self),
                    Role::Keeper => keeper::watch(self),
                    Role::Writer | Role::Walker => self.change_and_read(thread),
                });
            }
            if self.orders.role == Role::Walker {
                scope.spawn(|| self.walk());
            }
        });
    }

    fn change_and_read(&self, thread: u64) {
        let mut hand = self.hand(thread);
        while !self.is_over() {
            let Some(handle) = self.handle(&mut hand.rng) else {
                continue;
            };
            let done = match hand.rng.u32(..3) {
                0 => hand.read(&handle),
                _ => hand.change(&handle),
            };
            self.judge(&mut hand.rng, &handle, done);
        }
    }

    /// Returns the handle that the threads share, or `None` if the store could not be opened.
    pub fn handle(&self, rng: &mut Rng) -> Option<Arc<Handle>> {
        let mut shared = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*shared {
            return Some(Arc::clone(handle));
        }
        if self.orders.role == Role::Walker {
            // Other threads change the working directory only while they hold the lock.
            std::env::set_current_dir(&self.places()[0]).unwrap();
        }
        let handle = Arc::new(self.open(StoreOptions::new(), rng)?);
        *shared = Some(Arc::clone(&handle));
        Some(handle)
    }

    /// Opens the store, and records when.
    pub fn open(&self, options: StoreOptions, rng: &mut Rng) -> Option<Handle> {
        let number = self.opened.fetch_add(1, Ordering::Relaxed);
        let author = format!("{}.{number}", self.orders.name);
        let options = if self.orders.hazards.has(Hazard::Clocks) && rng.u32(..3) == 0 {
            options.clock(clock(rng))
        } else {
            options
        };
        let path = match self.orders.role {
            Role::Walker => Path::new("store"),
            _ => &self.orders.path,
        };
        let from = now();
        match options.author(&*author).open(path) {
            Ok(store) => {
                let site = &self.orders.site;
                self.book
                    .line(&format!("open {author} {site} {from} {}", now()));
                Some(Handle::new(store, author))
            }
            Err(error) => {
                self.book.note_broken(&author, &error.into());
                std::thread::sleep(Duration::from_millis(5));
                None
            }
        }
    }

    /// Gives up the handle after an error that may have made it unusable, and occasionally at
    /// random.
    pub fn judge(&self, rng: &mut Rng, handle: &Arc<Handle>, done: Result<()>) {
        let is_last = match done {
            Ok(()) => rng.u32(..400) == 0,
            Err(error) => {
                self.book.note_broken(&handle.author, &error);
                let is_of_the_store = matches!(
                    error.kind(),
                    ErrorKind::OutcomeUnknown | ErrorKind::Unavailable | ErrorKind::Other
                );
                // Sometimes the worker continues with an unusable handle: it must stay unusable.
                is_of_the_store && rng.u32(..3) != 0 || rng.u32(..50) == 0
            }
        };
        if is_last {
            let mut shared = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
            shared.take_if(|shared| Arc::ptr_eq(shared, handle));
        }
    }

    /// Opens the store repeatedly, reads, and sometimes writes: mostly inputs, rarely operations.
    fn visit(&self, thread: u64) {
        let mut hand = self.hand(thread);
        while !self.is_over() {
            let visit = hand.rng.u32(..16);
            let options = StoreOptions::new().read_only(visit > 4);
            let Some(handle) = self.open(options, &mut hand.rng) else {
                std::thread::sleep(Duration::from_millis(50));
                continue;
            };
            for _ in 0..hand.rng.u32(1..20) {
                let done = match visit {
                    // After a change it is no longer a backup of the store.
                    0 => hand.change(&handle),
                    1..=4 if hand.rng.u32(..3) == 0 => hand.record(&handle),
                    _ => hand.read(&handle),
                };
                if let Err(error) = done {
                    self.book.note_broken(&handle.author, &error);
                }
                std::thread::sleep(Duration::from_millis(hand.rng.u64(..40)));
            }
            drop(handle);
            std::thread::sleep(Duration::from_millis(hand.rng.u64(..200)));
        }
    }

    /// Returns the directories that contain a walker's store and the other store.
    fn places(&self) -> [PathBuf; 2] {
        [&self.orders.path, &self.orders.other].map(|path| path.parent().unwrap().to_owned())
    }

    /// Changes the process's working directory between two that both contain a store at the same
    /// relative path. A store is opened only in the first one, so it is known which store a handle
    /// belongs to.
    fn walk(&self) {
        let mut rng = Rng::with_seed(self.orders.seed);
        while !self.is_over() {
            let place = &self.places()[rng.usize(..2)];
            let mut shared = self.handle.lock().unwrap_or_else(PoisonError::into_inner);
            std::env::set_current_dir(place).unwrap();
            if rng.u32(..8) == 0 {
                *shared = None;
            }
            drop(shared);
            std::thread::sleep(Duration::from_millis(rng.u64(1..60)));
        }
    }
}

/// Returns a clock that is wrong: by days, at random, before 1970, or at a leap second.
fn clock(rng: &mut Rng) -> impl Fn() -> DateTime<Utc> + Send + Sync + 'static {
    let kind = rng.u32(..5);
    let days = rng.i64(-800..800);
    let jumps = Mutex::new(rng.fork());
    move || {
        let time = Utc::now();
        let jump = || jumps.lock().map_or(0, |mut rng| rng.i64(-40..40));
        match kind {
            0 => time + TimeDelta::days(days),
            1 | 2 => time + TimeDelta::days(jump()),
            3 => DateTime::from_timestamp(-1_000_000_000 + jump(), 0).unwrap_or(time),
            // A leap second: its nanoseconds exceed 10⁹.
            _ => DateTime::from_timestamp(1_483_228_799, 1_500_000_000).unwrap_or(time),
        }
    }
}
