//! Lists, counts, search by name, and paging through everything.

use std::hint::black_box;

use promptbook::list::PromptFilter;
use promptbook::{Prompt, PromptId, Selector, Store, Version, VersionSpec};

use crate::bench::{Bench, LONG};
use crate::floor::{self, Reader};
use crate::measure::{Samples, after_each, in_turns, memory};
use crate::report::{Amount, Report, Row};

const NEWEST: u32 = 50;
/// A text in the names of nearly all prompts, and one in the name of the oldest prompt only.
const COMMON: &str = "prompt ";
const RARE: &str = "majors";
/// Turns, and calls in each.
const TURNS: usize = 20;
const CALLS: usize = 25;
/// Changes, after each of which a version is looked up.
const CHANGES: usize = 200;
const PAGE: usize = 100;

const RATIO: f64 = 1.5;

pub(crate) fn run(bench: &Bench, report: &mut Report) {
    let store = bench.open();
    let floor = Reader::open(bench.directory());
    let long = store.prompt(LONG).unwrap().id;
    store.checkpoint().unwrap();
    let mut lists = Lists { bench, report };
    lists.compare(
        "newest 50 versions of a prompt",
        || store.versions(long).page(None, NEWEST as usize).unwrap(),
        || floor.versions(long.as_str(), NEWEST),
        |ours, floor| {
            assert_eq!(ours.len(), NEWEST as usize);
            assert!(ours.iter().map(key).eq(floor.iter().map(floor_key)));
        },
    );
    lists.prompts("newest 50 prompts", &store, "", || floor.prompts(NEWEST));
    for (target, text) in [("common", COMMON), ("rare", RARE)] {
        let target = format!("newest 50 prompts of a name that contains a {target} text");
        lists.prompts(&target, &store, text, || floor.prompts_named(text, NEWEST));
    }
    lists.compare(
        "count of a prompt's versions",
        || store.version_counts(long).unwrap(),
        || floor.version_counts(long.as_str()),
        |ours, floor| assert_eq!((ours.total, ours.highest_major), (floor.0.into(), floor.1)),
    );
    lists.compare(
        "count of prompts",
        || store.prompts().count().unwrap(),
        || floor.prompt_count(),
        |ours, floor| assert_eq!(*ours, u64::from(*floor)),
    );
    lists.highest(&store, &floor, long);
    pages(report, &store);
}

fn key(version: &Version) -> ([u8; 16], Vec<String>) {
    let environments = version.environments.iter().map(ToString::to_string);
    (*version.id.as_bytes(), environments.collect())
}

fn floor_key(version: &floor::Version) -> ([u8; 16], Vec<String>) {
    (version.id, version.environments.clone())
}

struct Lists<'a> {
    bench: &'a Bench,
    report: &'a mut Report,
}

impl Lists<'_> {
    fn compare<A, B>(
        &mut self,
        target: &str,
        ours: impl Fn() -> A,
        floor: impl Fn() -> B,
        same: impl Fn(&A, &B),
    ) {
        same(&ours(), &floor());
        let calls = self.bench.times(CALLS);
        let (ours, floor) = in_turns(
            self.bench.times(TURNS),
            |samples| (0..calls).for_each(|_| drop(black_box(samples.time(&ours)))),
            |samples| (0..calls).for_each(|_| drop(black_box(samples.time(&floor)))),
        );
        self.report
            .add(Row::new(target, &ours).beside(&floor).aim_ratio(RATIO));
    }

    fn prompts(
        &mut self,
        target: &str,
        store: &Store,
        name: &str,
        floor: impl Fn() -> Vec<floor::Prompt>,
    ) {
        let filter = PromptFilter::default().name_contains(name);
        let key = |prompt: &Prompt| {
            (
                prompt.id.to_string(),
                prompt.name.to_string(),
                prompt.versions,
            )
        };
        self.compare(
            target,
            || {
                store
                    .prompts()
                    .with_filter(&filter)
                    .page(None, NEWEST as usize)
                    .unwrap()
            },
            floor,
            |ours, floor| {
                let floor = floor.iter().map(|prompt| {
                    (
                        prompt.id.clone(),
                        prompt.name.clone(),
                        prompt.versions.into(),
                    )
                });
                assert!(!ours.is_empty() && ours.iter().map(key).eq(floor));
            },
        );
    }

    /// Measures the highest version of a major, from memory, and right after a change of the
    /// prompt.
    fn highest(&mut self, store: &Store, floor: &Reader, long: PromptId) {
        let spec = VersionSpec::new(long, "^2".parse::<Selector>().unwrap());
        let ours = || store.version(spec.clone()).unwrap();
        let bare = || floor.highest(long.as_str(), 2);
        let same = |ours: &Version, floor: &floor::Version| {
            assert_eq!(key(ours), floor_key(floor));
            assert_eq!(
                (ours.number.major, u64::from(ours.number.minor)),
                (2, self.bench.long_major() - 1)
            );
        };
        let mut to = ["1.0", "1.1"].into_iter().cycle();
        let (first, floor_first) = after_each(
            self.bench.times(CHANGES),
            || store.set_environment(long, "staging", to.next().unwrap()),
            ours,
            bare,
            |moved, ours, floor| {
                moved.unwrap();
                same(&ours, &floor);
            },
        );
        let target = "highest version of ^2";
        self.compare(target, ours, bare, same);
        let target = format!("{target}, first after a change of its prompt");
        self.report.add(
            Row::new(target, &first)
                .beside(&floor_first)
                .aim_ratio(RATIO),
        );
    }
}

/// Reads everything page by page, and measures by how much memory has grown then.
fn pages(report: &mut Report, store: &Store) {
    let memory = || memory("VmRSS:");
    let (mut ids, mut samples, before) = (Vec::new(), Samples::default(), memory());
    let mut most = before;
    loop {
        let page = samples.time(|| store.prompts().page(ids.last().copied(), PAGE));
        let page = page.unwrap();
        ids.extend(page.iter().map(|prompt| prompt.id));
        most = most.max(memory());
        if page.len() < PAGE {
            break;
        }
    }
    assert_eq!(ids.len() as u64, store.prompts().count().unwrap());
    paged(report, "all prompts", &samples, most - before);

    let (mut samples, before) = (Samples::default(), memory());
    let mut most = before;
    for id in ids {
        let mut last = None;
        loop {
            let page = samples.time(|| store.versions(id).page(last, PAGE));
            let page = page.unwrap();
            last = page.last().map(|version| version.id);
            if page.len() < PAGE {
                break;
            }
        }
        most = most.max(memory());
    }
    paged(report, "all versions", &samples, most - before);
}

#[allow(clippy::cast_precision_loss)] // Memory is far below 2^52 bytes.
fn paged(report: &mut Report, what: &str, samples: &Samples, grown: u64) {
    let target = format!("{what} in {} pages of {PAGE}", samples.count());
    report.add(Row::new(format!("{target}, a page"), samples));
    let grown = Amount::Bytes(grown as f64);
    report.add(Row::new(format!("{target}, memory grown by"), grown));
}
