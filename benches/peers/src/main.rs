//! promptbook beside what one would pick instead, in one run: the same prompts and changes for each.
//!
//! From the repository's root: `cargo run --release --manifest-path benches/peers/Cargo.toml`, with `-- --quick` to see
//! that it works, and `-- --only NAME` for one peer.

#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a benchmark reaches around the store, to its files"
)]

#[path = "../../support/bodies.rs"]
mod bodies;
mod measure;
mod peer;
mod peers;
mod report;
mod run;
mod table;
mod workload;

use std::fs::File;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};

use crate::peer::Peer;
use crate::report::Outcome;
use crate::workload::{FULL, QUICK, Sizes, Workload};

struct Entry {
    name: &'static str,
    run: fn(&Workload, &Path) -> Outcome,
}

const PEERS: [Entry; 8] = [
    entry::<peers::Promptbook>(),
    entry::<peers::Sqlite>(),
    entry::<peers::Redb>(),
    entry::<peers::Git>(),
    entry::<peers::Git2>(),
    entry::<peers::Promptvault>(),
    entry::<peers::Cacache>(),
    entry::<peers::Files>(),
];

const fn entry<P: Peer>() -> Entry {
    Entry {
        name: P::NAME,
        run: outcome::<P>,
    }
}

fn outcome<P: Peer>(workload: &Workload, place: &Path) -> Outcome {
    Outcome {
        name: P::NAME,
        layout: P::LAYOUT,
        durability: P::DURABILITY,
        measured: run::measure::<P>(workload, place),
    }
}

struct Arguments {
    sizes: Sizes,
    only: Option<String>,
}

fn arguments() -> Result<Arguments> {
    let mut parsed = Arguments {
        sizes: FULL,
        only: None,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--quick" => parsed.sizes = QUICK,
            "--only" => parsed.only = Some(arguments.next().context("--only needs a peer")?),
            other => bail!("{other}: there are --quick and --only NAME"),
        }
    }
    Ok(parsed)
}

fn main() -> Result<ExitCode> {
    let Arguments { sizes, only } = arguments()?;
    let chosen = PEERS
        .iter()
        .filter(|peer| only.as_deref().is_none_or(|only| only == peer.name));
    // Beside the program: temporary directories of the system may be in memory, where nothing costs what it costs.
    let program = std::env::current_exe()?;
    let place = program.parent().context("the program is nowhere")?;
    let workload = Workload::new(sizes);
    let outcomes: Vec<Outcome> = chosen
        .map(|peer| {
            eprintln!("{} …", peer.name);
            // What the one before left to be written must not slow this one.
            rustix::fs::syncfs(File::open(place)?)?;
            Ok((peer.run)(&workload, place))
        })
        .collect::<Result<_>>()?;
    ensure!(!outcomes.is_empty(), "no such peer");
    report::print(&outcomes, &sizes);

    let failed = outcomes.iter().any(|outcome| outcome.measured.is_err());
    let must_run = std::env::var("CI").is_ok_and(|ci| ci == "true");
    Ok(match failed && must_run {
        true => ExitCode::FAILURE,
        false => ExitCode::SUCCESS,
    })
}
