//! Runs of one script by a child, and their results.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::child::{Manner, PANICKED, command};
use crate::ledger::Ledger;
use crate::script::Script;
use crate::{scratch, starts};

/// More time than any child needs.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A child's store and ledger.
pub struct Run {
    directory: TempDir,
    status: ExitStatus,
}

impl Run {
    /// Runs a script from its start, through a wrapper, and waits until the child has ended.
    pub fn of(script: &Script, wrapper: &[String], manner: Manner) -> Self {
        Self::prepared(script, wrapper, manner, |_| ())
    }

    /// Does the same, and shows the directory to `look` before the script starts.
    pub fn prepared(
        script: &Script,
        wrapper: &[String],
        manner: Manner,
        look: impl FnOnce(&Path),
    ) -> Self {
        let directory = scratch::directory();
        let (store, ledger) = (
            directory.path().join("store"),
            directory.path().join("ledger"),
        );
        starts::place(script.start, &store);
        look(directory.path());
        let mut command = command(wrapper, script, &store, &ledger, manner);
        let mut child = command.spawn().unwrap();
        let since = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if since.elapsed() > TIMEOUT {
                if let Some(hung) = Ledger::read(&ledger).child {
                    let _ = Command::new("kill")
                        .args(["-9", &hung.to_string()])
                        .status();
                }
                let _ = child.wait();
                panic!("the child hangs");
            }
            std::thread::sleep(Duration::from_millis(1));
        };
        Self { directory, status }
    }

    pub fn store(&self) -> PathBuf {
        self.directory.path().join("store")
    }

    pub fn ledger_path(&self) -> PathBuf {
        self.directory.path().join("ledger")
    }

    pub fn ledger(&self) -> Ledger {
        Ledger::read(&self.ledger_path())
    }

    pub fn was_killed(&self) -> bool {
        self.status.signal() == Some(9)
    }

    /// Checks that the script ran to its end, whatever its steps returned, and that nothing
    /// panicked.
    pub fn is_through(&self) {
        let ledger = self.ledger();
        assert!(
            ledger.panics.is_empty(),
            "the child panicked: {:?}",
            ledger.panics
        );
        assert_ne!(self.status.code(), Some(PANICKED), "the child panicked");
        assert!(
            self.status.success() && ledger.ended,
            "the child ended by {}",
            self.status
        );
    }
}
