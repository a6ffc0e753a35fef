//! Packed bodies: the speed of reads and writes, and the space compared with git.
//!
//! The size of bodies is log-normal around 2 KB, and each version is one to three small edits from
//! the one before. git has one bare repository, with a branch per prompt, a commit per version,
//! each with a tree of one file, and a ref per environment. This layout costs git least.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::sync_channel;
use std::time::Instant;

use promptbook::maintenance::VerifyOptions;
use promptbook::{BlobId, Body, NewPrompt, NewVersion, Store};

use crate::bench::{Bench, temporary};
use crate::floor::{Floor, Rows};
use crate::measure::{Samples, as_f64, median, per_second};
use crate::report::{Amount, Report, Row};
use crate::support::bodies::Versions;

/// Versions in a transaction, which is one import.
const IMPORT: u64 = 20_000;
const TURNS: usize = 3;
/// Larger numbers of versions are not given to git, which would take hours.
const GIT: u64 = 100_000;

const RATIO: f64 = 1.0;
const RATE: f64 = 50_000.0;
const SPACE: f64 = 0.8;
const READ: f64 = 15e-6;
const READ_P99: f64 = 40e-6;
const OPEN: f64 = 5e-3;
const QUICK: f64 = 10.0;
const VERIFY: f64 = 500e6;
const FILES: f64 = 1000.0;

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    imports(bench, report);
    let directory = temporary();
    let start = Instant::now();
    let bytes = {
        let store = Store::create(directory.path()).unwrap();
        let bytes = make(&store, bench);
        store.checkpoint().unwrap();
        bytes
    };
    let built = start.elapsed().as_secs_f64();
    report.add(Row::new(
        "packs: a store made, its bodies too",
        Amount::Time(built),
    ));
    let versions = bench.prompts * bench.versions;
    let a_version = |bytes: u64| Amount::Bytes(float(bytes) / float(versions));

    let (made, files) = space(directory.path());
    let store = Store::open(directory.path()).unwrap();
    read(bench, &store, "of an import", report);
    store.repack().unwrap();
    store.checkpoint().unwrap();
    read(bench, &store, "after gc --aggressive", report);
    drop(store);
    let (packed, _) = space(directory.path());
    let git = (versions <= GIT).then(|| git(bench));
    let beside = |row: Row| match git {
        Some(git) => row.beside(a_version(git)).aim_ratio(SPACE),
        None => row.beside(a_version(bytes)),
    };
    let target = "packs: space of all, a version, after an import";
    report.add(beside(Row::new(target, a_version(made))));
    let target = "packs: space of all, a version, after gc --aggressive, beside git's";
    report.add(beside(Row::new(target, a_version(packed))));
    let [packs, blobs] = ["blobs/packs", "blobs"].map(|part| space(&directory.path().join(part)).0);
    let parts = [
        ("packs", packs),
        ("bodies that are files", blobs - packs),
        ("index", packed - blobs),
    ];
    for (part, bytes) in parts {
        report.add(Row::new(format!("packs: of it {part}"), a_version(bytes)));
    }
    report.add(Row::new("packs: files", Amount::Count(float(files))).aim(Amount::Count(FILES)));
    verify(directory.path(), report);
}

fn verify(directory: &Path, report: &mut Report) {
    let mut open = Samples::default();
    for _ in 0..20 {
        drop(open.time(|| Store::open(directory).unwrap()));
    }
    report.add(Row::new("packs: open", &open).aim(Amount::Time(OPEN)));
    let store = Store::open(directory).unwrap();
    let start = Instant::now();
    assert!(
        store
            .verify_with(VerifyOptions::new().quick())
            .unwrap()
            .is_clean()
    );
    let quick = start.elapsed().as_secs_f64();
    report.add(Row::new("packs: verify --quick", Amount::Time(quick)).aim(Amount::Time(QUICK)));
    let start = Instant::now();
    // Bodies are verified last, except for the search index.
    let mut bodies = None;
    let options = VerifyOptions::new().progress(|progress| {
        if progress.done > 0 {
            bodies.get_or_insert_with(Instant::now);
        }
    });
    let verified = store.verify_with(options).unwrap();
    let took = start.elapsed().as_secs_f64();
    let bodies = bodies.unwrap().elapsed().as_secs_f64();
    assert!(verified.is_clean());
    let rate = |took: f64| Amount::Rate(float(verified.bytes) / took);
    let row = Row::new("packs: verify, bytes of bodies, alone", rate(bodies));
    report.add(row.aim(Amount::Rate(VERIFY)));
    let row = Row::new(
        "packs: verify, bytes of bodies, history and rows too",
        rate(took),
    );
    report.add(row);
}

/// Returns the bodies of a prompt's versions without repetitions, because an edit may reverse an
/// earlier one.
fn bodies(bench: &Bench, prompt: u64) -> impl Iterator<Item = String> {
    let mut seen = HashSet::new();
    let distinct = Versions::new(prompt).filter(move |body| seen.insert(body.clone()));
    distinct.take(usize::try_from(bench.versions).unwrap())
}

/// Creates the store and returns the total size of its bodies.
fn make(store: &Store, bench: &Bench) -> u64 {
    let at_once = (IMPORT / bench.versions).max(1);
    let mut bytes = 0;
    for first in (0..bench.prompts).step_by(usize::try_from(at_once).unwrap()) {
        let prompts = first..(first + at_once).min(bench.prompts);
        let bodies: Vec<Vec<String>> = prompts
            .map(|prompt| bodies(bench, prompt).collect())
            .collect();
        bytes += bodies
            .iter()
            .flatten()
            .map(|body| body.len() as u64)
            .sum::<u64>();
        import(store, first, &bodies);
    }
    bytes
}

/// Imports in one transaction, while another thread parses and hashes the bodies of the next
/// prompts.
fn import(store: &Store, first: u64, bodies: &[Vec<String>]) {
    std::thread::scope(|scope| {
        let (ahead, read) = sync_channel(4);
        scope.spawn(move || {
            let mut prompts = bodies.iter().map(|versions| parsed(versions));
            prompts.try_for_each(|prompt| ahead.send(prompt)).unwrap();
        });
        import_parsed(store, first, read.into_iter());
    });
}

fn parsed(versions: &[String]) -> Vec<Body> {
    let versions = versions.iter().map(|body| body.as_str().try_into());
    versions.collect::<Result<_, _>>().unwrap()
}

fn import_parsed(store: &Store, first: u64, prompts: impl Iterator<Item = Vec<Body>>) {
    let import = |batch: &mut promptbook::Batch<'_>| {
        for (prompt, versions) in (first..).zip(prompts) {
            let mut versions = versions.into_iter();
            let body = versions.next().unwrap();
            let new = NewPrompt::new(format!("prompt {prompt}").as_str(), body);
            let id = batch.create_prompt(new)?.prompt.id;
            for (version, body) in (1..).zip(versions) {
                let new = NewVersion::new(id, body);
                batch.commit(new.message(format!("Edit {version}")))?;
            }
        }
        Ok(())
    };
    store.batch(import).unwrap();
}

/// Imports the same rows and bytes into both in one transaction, in turns.
fn imports(bench: &Bench, report: &mut Report) {
    let prompts_at_once = (IMPORT / bench.versions).clamp(1, bench.prompts);
    let (mut ours, mut alone, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let directories = [temporary(), temporary(), temporary()];
    let store = Store::create(directories[0].path()).unwrap();
    let by_one = Store::create(directories[2].path()).unwrap();
    drop(Store::create(directories[1].path()).unwrap());
    let mut floor = Floor::open(directories[1].path());
    for turn in 0..TURNS as u64 {
        let numbers = turn * prompts_at_once..(turn + 1) * prompts_at_once;
        let made: Vec<Vec<String>> = numbers
            .map(|prompt| bodies(bench, prompt).collect())
            .collect();
        let versions = made.iter().map(Vec::len).sum();
        let start = Instant::now();
        import(&store, turn * prompts_at_once, &made);
        ours.push(per_second(versions, start.elapsed()));
        store.repack().unwrap(); // It also does what a store otherwise does in pauses.
        let start = Instant::now();
        let prompts = made.iter().map(|versions| parsed(versions));
        import_parsed(&by_one, turn * prompts_at_once, prompts);
        alone.push(per_second(versions, start.elapsed()));
        by_one.repack().unwrap();
        let rows = made.into_iter().map(|bodies| {
            let rows = (0..)
                .zip(bodies)
                .map(|(version, body)| Rows::of(body, version));
            rows.collect::<Vec<_>>()
        });
        let rows: Vec<Vec<Rows>> = rows.collect();
        let start = Instant::now();
        floor.transaction(|floor| {
            for (prompt, rows) in (turn * prompts_at_once..).zip(&rows) {
                let mut rows = rows.iter();
                let mut line =
                    floor.create_prompt(&format!("prompt {prompt}"), rows.next().unwrap());
                rows.for_each(|rows| floor.commit(&mut line, rows));
            }
        });
        bare.push(per_second(versions, start.elapsed()));
        floor.rest();
    }
    let (rate, bare) = (Amount::Rate(median(ours)), Amount::Rate(median(bare)));
    let row = Row::new("packs: import, versions, in one transaction", rate);
    report.add(row.beside(bare).aim_ratio(RATIO));
    report.add(Row::new("packs: the same", rate).aim(Amount::Rate(RATE)));
    let alone = Amount::Rate(median(alone));
    let row = Row::new("packs: the same, bodies parsed by the same thread", alone);
    report.add(row.beside(bare));
}

/// Reads each body once, so that no cache of the store contains it.
fn read(bench: &Bench, store: &Store, when: &str, report: &mut Report) {
    let most = bench.times(50_000);
    let mut ids: Vec<BlobId> = (0..bench.prompts)
        .flat_map(|prompt| bodies(bench, prompt).map(|body| BlobId::of(body.as_bytes())))
        .take(10 * most)
        .collect();
    fastrand::Rng::with_seed(1).shuffle(&mut ids);
    ids.dedup();
    let mut samples = Samples::default();
    for id in ids.into_iter().take(most) {
        let body = samples.time(|| store.body(id).unwrap());
        assert_eq!(body.id(), id);
    }
    report.add(Row::new(format!("packs: read of a body {when}"), &samples).aim(Amount::Time(READ)));
    let p99 = Amount::Time(samples.p99());
    report.add(Row::new("packs: the same, p99", p99).aim(Amount::Time(READ_P99)));
}

/// Returns the space allocated by all files and directories, in bytes, and the number of files.
fn space(directory: &Path) -> (u64, u64) {
    // A small number of bodies is not packed, so there may be no directory of packs.
    if !directory.exists() {
        return (0, 0);
    }
    let (mut bytes, mut files) = (directory.metadata().unwrap().blocks() * 512, 0);
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let (inner, more) = space(&path);
            (bytes, files) = (bytes + inner, files + more);
        } else {
            bytes += path.metadata().unwrap().blocks() * 512;
            files += 1;
        }
    }
    (bytes, files)
}

/// Returns the space that the same bodies take in git after an aggressive garbage collection.
fn git(bench: &Bench) -> u64 {
    let directory = temporary();
    let run = |arguments: &[&str], input: &mut dyn FnMut(&mut dyn std::io::Write)| {
        let mut git = Command::new("git")
            .arg("-C")
            .arg(directory.path())
            .args(arguments)
            .envs([
                ("GIT_CONFIG_NOSYSTEM", "1"),
                ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        input(&mut std::io::BufWriter::new(git.stdin.take().unwrap()));
        assert!(git.wait().unwrap().success(), "git {arguments:?}");
    };
    run(&["init", "--bare", "--quiet"], &mut |_| ());
    run(&["fast-import", "--quiet"], &mut |to| {
        for prompt in 0..bench.prompts {
            for (version, body) in bodies(bench, prompt).enumerate() {
                let message = match version {
                    0 => "Initial version".to_owned(),
                    version => format!("Edit {version}"),
                };
                let at = 1_700_000_000 + prompt * bench.versions + version as u64;
                writeln!(
                    to,
                    "commit refs/heads/prompt-{prompt}\ncommitter Ada <ada@example.com> {at} +0000\ndata {}\n{message}",
                    message.len()
                )
                .unwrap();
                writeln!(
                    to,
                    "M 100644 inline prompt-{prompt}.json\ndata {}\n{body}",
                    body.len()
                )
                .unwrap();
                if version == 0 {
                    writeln!(
                        to,
                        "reset refs/environments/production/prompt-{prompt}\nfrom refs/heads/prompt-{prompt}\n"
                    )
                    .unwrap();
                }
            }
        }
    });
    run(
        &["gc", "--aggressive", "--prune=now", "--quiet"],
        &mut |_| (),
    );
    space(directory.path()).0
}

fn float(number: u64) -> f64 {
    as_f64(usize::try_from(number).unwrap())
}
