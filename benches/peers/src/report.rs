//! What was measured, as text.

use std::time::Duration;

use anyhow::Result;

use crate::measure::{BLOCK, ENOUGH, Timing};
use crate::run::{Import, Measured, Stored};
use crate::table::Table;
use crate::workload::{LISTED, PART, Sizes};

/// A peer, and what was measured of it or why nothing was.
pub struct Outcome {
    pub name: &'static str,
    pub layout: &'static str,
    pub durability: &'static str,
    pub measured: Result<Measured>,
}

pub fn print(outcomes: &[Outcome], sizes: &Sizes) {
    let tables = [times(outcomes), disk(outcomes)];
    println!("Median / 99th percentile of each operation; versions imported a second.\n");
    println!("{}", tables[0].plain());
    println!("Bytes on disk, allocated / apparent, of the closed store.\n");
    println!("{}", tables[1].plain());
    for outcome in outcomes {
        println!("{}", outcome.name);
        println!("  is        {}", outcome.layout);
        println!("  survives  {}", outcome.durability);
        if let Err(error) = &outcome.measured {
            println!("  NOT RUN   {error:#}");
        }
    }
    println!("\n{}", method(sizes));
    println!("\nAs Markdown:\n");
    for table in tables {
        println!("{}", table.markdown());
    }
}

fn times(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&[
        "",
        "a flush",
        "commit",
        "move",
        "resolve, warm",
        "resolve, changed",
        "list newest",
        "open, resolve",
        "import",
    ]);
    for outcome in outcomes {
        let name = outcome.name.to_owned();
        table.row(match &outcome.measured {
            Err(_) => vec![name, "not run".into()],
            Ok(m) => {
                let timings = [m.commit, m.release, m.warm, m.changed, m.list, m.open];
                let cells = timings.iter().map(timing);
                let import = format!("{}/s", grouped(rate(&m.import)));
                let flush = m.flush.map(|timing| duration(timing.median)).join(" … ");
                [name, flush]
                    .into_iter()
                    .chain(cells)
                    .chain([import])
                    .collect()
            }
        });
    }
    table
}

fn disk(outcomes: &[Outcome]) -> Table {
    let mut table = Table::new(&["", "a version", "a byte of body", "in all"]);
    for outcome in outcomes {
        let stored = outcome
            .measured
            .iter()
            .flat_map(|measured| &measured.stored);
        for stored in stored {
            let name = match stored.after {
                None => outcome.name.to_owned(),
                Some(after) => format!("{}, after {after}", outcome.name),
            };
            let Stored {
                disk,
                versions,
                body_bytes,
                ..
            } = stored;
            let sizes = [disk.allocated, disk.apparent].map(|bytes| bytes as f64);
            let cell = |text: &dyn Fn(f64) -> String| sizes.map(text).join(" / ");
            table.row(vec![
                name,
                cell(&|bytes| grouped(bytes / *versions as f64)),
                cell(&|bytes| format!("{:.2}", bytes / *body_bytes as f64)),
                cell(&|bytes| format!("{:.1} MB", bytes / 1e6)),
            ]);
        }
    }
    table
}

fn method(sizes: &Sizes) -> String {
    format!(
        "One client; up to so many samples of each, {ENOUGH} at least, {:?} at most (the 99th percentile of few is the \
         worst):\n\
         a flush           of a file that grew by 4 KB, before and after the commits and moves: where it differs, \
         somebody else used the disk\n\
         commit            {} versions to {} prompts, each durable before the next\n\
         move              of production, {} times, each durable\n\
         resolve, warm     production's body, unchanged, of {} prompts of {} versions in a random order, {} calls; \
         calls of less than 10 µs are timed in blocks of {BLOCK}\n\
         resolve, changed  right after a second handle committed and released, {} times; redb's by the same handle\n\
         list newest       {LISTED} versions' names and messages, of {}\n\
         open, resolve     a new handle and its first body; the files are in the system's cache\n\
         import            the {} prompts at once, durable at its end; of them one in {PART}, where a \
         peer has no batches\n\
         Each body read is compared with what was written.",
        sizes.budget,
        sizes.commits,
        sizes.committed_prompts,
        sizes.moves,
        sizes.prompts,
        sizes.versions,
        grouped(sizes.warm as f64),
        sizes.changes,
        sizes.long_history,
        sizes.prompts,
    )
}

fn rate(import: &Import) -> f64 {
    import.versions as f64 / import.time.as_secs_f64()
}

fn timing(timing: &Timing) -> String {
    format!("{} / {}", duration(timing.median), duration(timing.p99))
}

/// To three digits.
fn duration(duration: Duration) -> String {
    let nanos = duration.as_nanos() as f64;
    let (value, unit) = match nanos {
        0.0..1e3 => (nanos, "ns"),
        1e3..1e6 => (nanos / 1e3, "µs"),
        1e6..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let digits = match value {
        0.0..10.0 if unit != "ns" => 2,
        10.0..100.0 if unit != "ns" => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// A whole number, its thousands apart.
fn grouped(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
    groups.join(",")
}
