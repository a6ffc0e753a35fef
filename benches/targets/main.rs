//! Every performance target, beside the floor that bounds it, in one run and one table:
//!
//! `cargo bench --bench targets --features cli -- [SECTION...] [--prompts N] [--versions M]
//! [--store DIRECTORY]`
//!
//! The sections are those of [`SECTIONS`]; by default all are run, on 1,000 prompts of 20 versions.
//! `--store` keeps the store in a directory, or uses the one that is there: creating a large one
//! takes minutes. `--test` only checks that everything runs. Linux only: `/proc` provides the
//! memory figures.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reaches around the store, to its files"
)]
// It prints figures, and a failure should stop it.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used
)]

#[path = "../support/mod.rs"]
mod support;

mod bench;
mod child;
mod clients;
mod cold;
mod commit;
mod floor;
mod import;
mod large;
mod lists;
mod measure;
mod packs;
mod report;
mod resolve;
mod space;

use std::process::ExitCode;

use bench::Bench;
use report::Report;

type Section = (&'static str, fn(&Bench, &mut Report));

const SECTIONS: &[Section] = &[
    ("resolve", resolve::run),
    ("commit", commit::run),
    ("clients", clients::run),
    ("import", import::run),
    ("cold", cold::run),
    ("lists", lists::run),
    ("large", large::run),
    ("space", space::run),
    ("packs", packs::run),
];

fn main() -> ExitCode {
    // Cargo passes `--bench`, which has no meaning here.
    let arguments = std::env::args().skip(1).filter(|text| text != "--bench");
    let arguments: Vec<String> = arguments.collect();
    if let Some((child::MARK, role)) = arguments.split_first().map(|(a, b)| (a.as_str(), b)) {
        child::main(role);
        return ExitCode::SUCCESS;
    }
    let (bench, sections) = match parse(arguments) {
        Ok(parsed) => parsed,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut report = Report::default();
    for (name, run) in sections {
        eprintln!("{name}");
        run(&bench, &mut report);
    }
    println!("{}, {}", bench.size(), bench.place());
    println!("\n{report}");
    ExitCode::SUCCESS
}

fn parse(arguments: Vec<String>) -> Result<(Bench, Vec<Section>), String> {
    let test = arguments.iter().any(|argument| argument == "--test");
    let (mut prompts, mut versions) = if test { (10, 3) } else { (1000, 20) };
    let mut store = None;
    let mut sections = Vec::new();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let mut value = || {
            let missing = || format!("{argument} needs a value");
            arguments.next().ok_or_else(missing)
        };
        match argument.as_str() {
            "--test" => {}
            "--prompts" => prompts = number(&value()?)?,
            "--versions" => versions = number(&value()?)?,
            "--store" => store = Some(value()?.into()),
            name => {
                let found = SECTIONS.iter().find(|section| section.0 == name);
                sections.push(*found.ok_or_else(|| unknown(name))?);
            }
        }
    }
    if sections.is_empty() {
        sections.extend(SECTIONS);
    }
    Ok((Bench::new(prompts, versions, store, test), sections))
}

fn number(text: &str) -> Result<u64, String> {
    text.parse()
        .map_err(|error| format!("{text} is no number: {error}"))
}

fn unknown(name: &str) -> String {
    let known: Vec<&str> = SECTIONS.iter().map(|section| section.0).collect();
    format!("there is no section {name}, but {}", known.join(", "))
}
