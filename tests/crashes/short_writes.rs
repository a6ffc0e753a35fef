//! Writes that end early.
//!
//! No file may grow beyond a size (`RLIMIT_FSIZE`). A write that crosses the limit writes what fits
//! and reports that, and the next write to that file fails. A disk that fills up in the middle of a
//! page behaves in the same way.

use std::fmt;
use std::fs;
use std::path::Path;

use crate::check::check;
use crate::child::Manner;
use crate::runs::Run;
use crate::scratch;
use crate::script::{Script, named};

/// The ledger is a file too, and must fit.
const MIN_FILE_BYTES: u64 = 4096;

/// A script whose files end at a size.
struct Case {
    script: Script,
    most: u64,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {} bytes a file", self.script, self.most)
    }
}

/// Returns whether file sizes can be limited here. If not, reports that, and fails if CI is true.
fn is_there() -> bool {
    let is_there = scratch::can_limit_files();
    if !is_there {
        scratch::not_run("env or prlimit does not work here");
    }
    is_there
}

impl Case {
    fn run(&self, manner: Manner) -> Run {
        Run::of(&self.script, &scratch::file_limit(self.most), manner)
    }

    fn is_told_the_truth(&self, manner: Manner) {
        let run = self.run(manner);
        run.is_through();
        check(&run.store(), &run.ledger());
    }
}

/// Returns sizes up to that of the largest file, as many for each script.
fn cases(scripts: &[Script], of_each: usize) -> Vec<Case> {
    let mut rng = scratch::rng();
    let mut cases = Vec::new();
    let sizes = scratch::of_each(scripts, |script| {
        let run = Run::of(script, &[], Manner::Honest);
        run.is_through();
        largest(&run.store()).max(MIN_FILE_BYTES)
    });
    for (script, largest) in scripts.iter().zip(sizes) {
        for _ in 0..of_each {
            let (script, most) = (script.clone(), rng.u64(MIN_FILE_BYTES..=largest));
            cases.push(Case { script, most });
        }
    }
    cases
}

fn largest(folder: &Path) -> u64 {
    let size = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            largest(&path)
        } else {
            path.metadata().unwrap().len()
        }
    };
    fs::read_dir(folder).unwrap().map(size).max().unwrap_or(0)
}

pub fn a_write_that_is_cut_short_is_reported() {
    if !is_there() {
        return;
    }
    let of_each = scratch::scaled(12).unwrap_or(1200);
    let cases = cases(&named(), of_each);
    println!("{} sizes of files tried", cases.len());
    scratch::all_hold(&cases, |case| case.is_told_the_truth(Manner::Honest));
}

/// Control: a process that takes a failure for a success is caught.
pub fn a_short_write_that_is_acknowledged_is_caught() {
    if !is_there() {
        return;
    }
    let cases = cases(&["closed: open commit commit".parse().unwrap()], 40);
    let failed = scratch::failures(&cases, |case| case.is_told_the_truth(Manner::Rash));
    println!(
        "{} of {} sizes of files were caught",
        failed.len(),
        cases.len()
    );
    assert!(!failed.is_empty(), "nothing was caught");
}
