//! Growth of the time of every operation with the contents of a store, in a directory and in
//! memory:
//!
//! `cargo bench --bench growth -- [SECTION...] [--most N]`
//!
//! The sections are those of [`SECTIONS`]; by default all are run. Each creates a store with 1,000,
//! then 10,000, then 100,000 of its items, at most `--most`, and times one call of each operation
//! there. A call is skipped if, by the growth so far, it would take more than
//! [`MAX_CALL_TIME`](table::MAX_CALL_TIME). `--test` only checks that everything runs.
//!
//! Flushes are excluded: stores in a directory are opened with [`Durability::Relaxed`]. Times are
//! processor times of the calling thread, so they are the same on a busy machine.

// It prints figures, and a failure should stop it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    clippy::cast_precision_loss
)]

mod environments;
mod operations;
mod prompts;
mod table;
mod tags;
mod versions;

use std::process::ExitCode;

use promptbook::{Durability, Store, StoreOptions};

use table::{Case, Table};

type Section = (&'static str, fn(&mut Case<'_>));

const SECTIONS: &[Section] = &[
    ("versions", versions::run),
    ("environments", environments::run),
    ("prompts", prompts::run),
    ("labels", tags::labels),
    ("template tags", tags::in_a_body),
    ("operations", operations::run),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let (sizes, sections) = match parse(&arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    for (name, run) in sections {
        let mut table = Table::new(&sizes);
        for place in ["directory", "memory"] {
            for size in &sizes {
                eprintln!("{name}, {place}, {size}");
                let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
                let options = StoreOptions::new().durability(Durability::Relaxed);
                let store: Store = match place {
                    "memory" => options.in_memory(),
                    _ => options.create(directory.path()),
                }
                .unwrap();
                run(&mut table.case(name, place, *size, &store));
            }
        }
        println!("{table}");
    }
    ExitCode::SUCCESS
}

fn parse(arguments: &[String]) -> Result<(Vec<usize>, Vec<Section>), String> {
    let (mut most, mut test) = (100_000, false);
    let mut sections = Vec::new();
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--test" => test = true,
            "--most" => {
                let number = arguments.next().and_then(|text| text.parse().ok());
                most = number.ok_or("--most needs a number")?;
            }
            name => {
                let found = SECTIONS.iter().find(|section| section.0 == name);
                sections.push(*found.ok_or_else(|| format!("there is no section {name}"))?);
            }
        }
    }
    if sections.is_empty() {
        sections.extend(SECTIONS);
    }
    let sizes = if test {
        vec![10, 20]
    } else {
        vec![1_000, 10_000, 100_000]
    };
    Ok((
        sizes.into_iter().filter(|size| *size <= most).collect(),
        sections,
    ))
}
