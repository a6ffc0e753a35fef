//! The child process that runs a script while it is killed, made to fail, or recorded.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio, exit};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use promptbook::{Durability, Error, Store};

use crate::ledger::{Book, kind};
use crate::script::{Script, Step, base, options, perform};

const SCRIPT: &str = "PROMPTBOOK_CRASH_SCRIPT";
const STORE: &str = "PROMPTBOOK_CRASH_STORE";
const LEDGER: &str = "PROMPTBOOK_CRASH_LEDGER";
const MANNER: &str = "PROMPTBOOK_CRASH_MANNER";

/// How a child writes its ledger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Honest,
    /// Uses a durability that leaves flushes to the operating system.
    Relaxed,
    /// Acknowledges before the operation: a control, which the check must catch.
    Rash,
}

/// The exit code of a child in which a thread panicked.
pub const PANICKED: i32 = 70;

/// Returns the command that runs a script on the store in a directory, through a wrapper.
pub fn command(
    wrapper: &[String],
    script: &Script,
    store: &Path,
    ledger: &Path,
    manner: Manner,
) -> Command {
    let this = std::env::current_exe().unwrap();
    // The script runs in the child's first thread: see `main`.
    let mut command = match wrapper {
        [] => Command::new(this),
        [first, rest @ ..] => {
            let mut command = Command::new(first);
            command.args(rest).arg(this);
            command
        }
    };
    command
        .env(SCRIPT, script.to_string())
        .env(STORE, store)
        .env(LEDGER, ledger)
        .env(MANNER, format!("{manner:?}"))
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Runs the script that the parent named and ends the process, if there is a parent.
pub fn run() {
    let Ok(script) = std::env::var(SCRIPT) else {
        return;
    };
    let path = |name| PathBuf::from(std::env::var_os(name).unwrap());
    let book = Arc::new(Book::open(&path(LEDGER)));
    let panicked = Arc::new(AtomicBool::new(false));
    let (told, seen) = (Arc::clone(&book), Arc::clone(&panicked));
    std::panic::set_hook(Box::new(move |panic| {
        seen.store(true, Ordering::SeqCst);
        told.tell(&format!("panic {panic}"));
    }));
    book.tell(&format!("script {script}"));
    book.tell(&format!("child {}", std::process::id()));
    let manner = match &*std::env::var(MANNER).unwrap() {
        "Rash" => Manner::Rash,
        "Relaxed" => Manner::Relaxed,
        _ => Manner::Honest,
    };
    let script: Script = script.parse().unwrap();
    let ran = std::panic::catch_unwind(|| work(&script, &path(STORE), &book, manner));
    if ran.is_err() || panicked.load(Ordering::SeqCst) {
        exit(PANICKED);
    }
    book.tell("end");
    // The store is not closed, unless the script says so.
    exit(0);
}

fn work(script: &Script, directory: &Path, book: &Book, manner: Manner) {
    let is_rash = manner == Manner::Rash;
    let options = match manner {
        Manner::Relaxed => options().durability(Durability::Relaxed),
        Manner::Honest | Manner::Rash => options(),
    };
    let mut store: Option<Store> = None;
    for (number, step) in script.steps.iter().enumerate() {
        book.tell(&format!("try {number}"));
        if is_rash {
            book.tell(&format!("done {number}"));
        }
        let opened = match step {
            Step::Make => Some(options.create(directory)),
            Step::Open => Some(options.open(directory)),
            _ => None,
        };
        let result = match (opened, &store) {
            (Some(Ok(opened)), _) => {
                store = Some(opened);
                Ok(Vec::new())
            }
            (Some(Err(error)), _) => Err(error.into()),
            (None, _) if *step == Step::Close => {
                store = None;
                Ok(Vec::new())
            }
            (None, Some(store)) => perform(*step, number, store),
            (None, None) => {
                book.tell(&format!("failed {number} Closed"));
                continue;
            }
        };
        if !is_rash {
            book.tell_result(number, &result);
        }
        if let (Err(_), Some(store)) = (&result, &store) {
            let read = read(store).map_or_else(|error| kind(&error), |()| "ok".into());
            book.tell(&format!("read {number} {read}"));
        }
    }
    // Closing is a separate step.
    std::mem::forget(store);
}

/// Reads what most stores contain from the start, unless the script has deleted it.
fn read(store: &Store) -> Result<(), Error> {
    store.stats()?;
    match store.resolve((base(), promptbook::VersionNumber::new(1, 0))) {
        Err(Error::PromptNotFound { .. } | Error::VersionNotFound { .. }) => Ok(()),
        read => read.map(drop),
    }
}
