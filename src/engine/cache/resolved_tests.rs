use std::collections::BTreeMap;

use super::*;
use crate::engine::find_version;
use crate::model::id::{PromptName, VersionId};
use crate::model::selector::Selector;
use crate::storage::Index;
use crate::storage::testing::values::{prompt_id, version, version_id};
use crate::storage::testing::{HistoryWriter, in_memory};

fn mark(number: u64) -> Option<ChangeMark> {
    ChangeMark::new(number.to_ne_bytes())
}

fn spec(text: &str) -> VersionSpec {
    text.parse().unwrap()
}

fn answer(prompt: u32) -> Arc<Version> {
    Arc::new(version(prompt_id(prompt), prompt, "1.0", b"{}"))
}

/// Returns a history of prompts 1 to 4, named `a` to `d`, with one version each.
fn history() -> Arc<dyn Index> {
    let (index, _) = in_memory();
    let mut scribe = HistoryWriter::new(&*index);
    for (number, name) in (1..).zip(["a", "b", "c", "d"]) {
        scribe.create(number, name, &[]);
        scribe.commit(number, number, "1.0");
        scribe.point(number, "production", Some(number));
    }
    index
}

fn catch_up(
    known: &ResolvedSpecs,
    index: &dyn Index,
) -> (Option<ChangeMark>, Option<SnapshotStamp>) {
    let mark = index.change_mark();
    (mark, stamp(known, mark, &*index.snapshot().unwrap()))
}

fn stamp(
    known: &ResolvedSpecs,
    mark: Option<ChangeMark>,
    snapshot: &dyn Snapshot,
) -> Option<SnapshotStamp> {
    known.catch_up(mark, snapshot).unwrap();
    let last = snapshot.last_operation().unwrap();
    known.stamp(mark, LogPosition::after_last(last))
}

/// Resolves a spec as a caller does: from the cache if possible.
fn ask(known: &ResolvedSpecs, index: &dyn Index, spec: &VersionSpec) -> Option<VersionId> {
    let (mark, stamp) = catch_up(known, index);
    if let Some(version) = known.version(mark, spec) {
        return Some(version.id);
    }
    let found = find_version(&*index.snapshot().unwrap(), spec).ok()?;
    known.put_version(stamp, spec, &Arc::new(found.clone()));
    Some(found.id)
}

#[test]
fn an_answer_is_returned_under_its_mark_only() {
    let (known, index) = (ResolvedSpecs::default(), history());
    let (now, stamp) = catch_up(&known, &*index);
    let a = spec("a@production");
    assert_eq!(known.version(now, &a), None);
    known.put_version(stamp, &a, &answer(1));
    assert_eq!(known.version(now, &a).unwrap().id, version_id(1));
    assert_eq!(known.resolved(now, &a), None, "its body is not cached");
    assert_eq!(known.version(now, &spec("b@production")), None);
    assert_eq!(known.version(mark(999), &a), None, "a stale answer");
    assert_eq!(known.version(None, &a), None, "there is no mark");
    known.put_version(None, &a, &answer(2));
    let another = stamp.map(|stamp| SnapshotStamp {
        mark: mark(999).unwrap(),
        ..stamp
    });
    known.put_version(another, &a, &answer(2));
    assert_eq!(known.version(now, &a).unwrap().id, version_id(1));
}

#[test]
fn an_operation_invalidates_only_answers_that_depend_on_its_prompt_or_name() {
    let specs = [
        "a@production",
        "000001@latest",
        "b@production",
        "id:000002@latest",
    ]
    .map(spec);
    let kept = |change: &dyn Fn(&mut HistoryWriter<'_>)| -> Vec<bool> {
        let (known, index) = (ResolvedSpecs::default(), history());
        specs
            .iter()
            .for_each(|spec| assert!(ask(&known, &*index, spec).is_some()));
        change(&mut HistoryWriter::new(&*index));
        let (mark, _) = catch_up(&known, &*index);
        let kept = specs.iter().map(|spec| known.version(mark, spec).is_some());
        kept.collect()
    };
    assert_eq!(kept(&|_| ()), [true; 4]);
    assert_eq!(kept(&|scribe| scribe.drop_journal(&[])), [true; 4]);
    let of_a = [false, false, true, true];
    assert_eq!(kept(&|scribe| drop(scribe.commit(1, 9, "1.1"))), of_a);
    assert_eq!(kept(&|scribe| scribe.point(1, "other", Some(1))), of_a);
    assert_eq!(kept(&|scribe| scribe.change(1, "z", &[])), of_a);
    assert_eq!(kept(&|scribe| scribe.point(3, "other", Some(3))), [true; 4]);
    let of_the_name = [true, true, false, true];
    assert_eq!(kept(&|scribe| scribe.create(9, "b", &[])), of_the_name);
    assert_eq!(kept(&|scribe| scribe.change(4, "b", &[])), of_the_name);
    // First as many operations as are worth reading, then one more.
    let many = |operations: u64| {
        move |scribe: &mut HistoryWriter<'_>| {
            (0..operations).for_each(|_| scribe.change(4, "d", &[]))
        }
    };
    assert_eq!(kept(&many(MAX_CATCH_UP_OPERATIONS)), [true; 4]);
    assert_eq!(kept(&many(MAX_CATCH_UP_OPERATIONS + 1)), [false; 4]);
}

/// A slow thread comes back with a snapshot from before the change.
#[test]
fn an_earlier_snapshot_changes_nothing() {
    let (known, index) = (ResolvedSpecs::default(), history());
    let (early, mark_before) = (index.snapshot().unwrap(), index.change_mark());
    // A snapshot may begin at its first read.
    early.last_operation().unwrap();
    let a = spec("a@production");
    HistoryWriter::new(&*index).commit(1, 9, "1.1");
    assert_eq!(ask(&known, &*index, &a), Some(version_id(1)));
    let stamp = stamp(&known, mark_before, &*early);
    known.put_version(stamp, &a, &answer(2));
    assert_eq!(known.version(mark_before, &a), None);
    let now = index.change_mark();
    assert_eq!(known.version(now, &a).unwrap().id, version_id(1));
}

/// A commit comes between two snapshots that were taken after the same mark was read.
///
/// Otherwise the answer of the earlier snapshot would stay among those of the later one.
#[test]
fn snapshots_of_the_same_mark_are_distinguished() {
    let index = history();
    let (mark, early) = (index.change_mark(), index.snapshot().unwrap());
    early.last_operation().unwrap();
    HistoryWriter::new(&*index).point(1, "production", None);
    let late = index.snapshot().unwrap();
    let a = spec("a@production");
    for first in [&late, &early] {
        let known = ResolvedSpecs::default();
        stamp(&known, mark, &**first);
        let stamp = stamp(&known, mark, &*early);
        known.put_version(stamp, &a, &answer(1));
        assert_eq!(ask(&known, &*index, &a), None, "a stale answer");
    }
}

/// This happens when another store's file replaces this store's.
#[test]
fn another_history_clears_the_cache() {
    let (known, index) = (ResolvedSpecs::default(), history());
    let a = spec("a@production");
    assert!(ask(&known, &*index, &a).is_some());
    let (other, _) = in_memory();
    let mut scribe = HistoryWriter::new(&*other);
    scribe.create(1, "a", &[]);
    (0..20).for_each(|_| scribe.change(1, "a", &["tag"]));
    let snapshot = other.snapshot().unwrap();
    known.catch_up(mark(999), &*snapshot).unwrap();
    assert_eq!(known.version(mark(999), &a), None);
}

#[test]
fn answers_are_bounded_by_number_and_by_bytes() {
    let (known, index) = (ResolvedSpecs::default(), history());
    let (now, stamp) = catch_up(&known, &*index);
    let numbered = |number: usize| {
        VersionSpec::new(
            prompt_id(1),
            format!("e{number}").parse::<Selector>().unwrap(),
        )
    };
    for number in 0..=MAX_ANSWERS {
        known.put_version(stamp, &numbered(number), &answer(1));
        assert!(
            known.current.load().answers.size() <= MAX_ANSWERS,
            "too many"
        );
    }
    assert!(
        known.version(now, &numbered(MAX_ANSWERS)).is_some(),
        "the last is not cached"
    );
    let text = format!(r#"{{"text": "{}"}}"#, "x".repeat(MAX_BYTES / 10));
    let resolved = Arc::new(Resolved {
        prompt_name: None,
        version: answer(1),
        body: Body::try_from(text).unwrap(),
    });
    for number in 0..30 {
        known.put_resolved(stamp, &numbered(number), &resolved);
        // The second time, the answer replaces itself and is counted once.
        known.put_resolved(stamp, &numbered(number), &resolved);
        assert!(known.resolved(now, &numbered(number)).is_some());
        let current = known.current.load();
        let answers = current.answers.iter();
        let sum: usize = answers.map(|(spec, answer)| weight(spec, answer)).sum();
        assert_eq!(current.bytes, sum);
        assert!(sum <= MAX_BYTES, "too many bytes");
    }
}

#[test]
fn the_memory_of_names_is_counted() {
    let (known, index) = (ResolvedSpecs::default(), history());
    let (_, stamp) = catch_up(&known, &*index);
    let length = 65_535;
    for number in 0..1000 {
        let name: PromptName = format!("{number:0length$}").parse().unwrap();
        known.put_version(stamp, &VersionSpec::new(name, Selector::Latest), &answer(1));
        let answers = known.current.load().answers.size();
        assert!(answers * 3 * length <= MAX_BYTES, "{answers} long names");
    }
}

/// Whatever happens, the cache answers what the index answers.
///
/// The histories have names that several prompts share or that are ids of others, and prompts that
/// are renamed, deleted and created again.
#[test]
fn random_histories_are_answered_as_the_index_does() {
    let names = ["a", "b", "000001", "000002", "id:000003"];
    let specs: Vec<VersionSpec> = names
        .iter()
        .chain(&["id:000001", "000003", "000004"])
        .flat_map(|name| ["latest", "production", "^1"].map(|of| format!("{name}@{of}")))
        .chain((1..9).map(|number| version_id(number).to_string()))
        .map(|text| spec(&text))
        .collect();
    for seed in 0..8 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (known, index) = (ResolvedSpecs::default(), in_memory().0);
        let mut scribe = HistoryWriter::new(&*index);
        let mut live: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let (mut prompts, mut versions) = (0, 0);
        let mut answered = 0;
        for _ in 0..150 {
            let some = rng.choice(live.keys().copied());
            let name = rng.choice(names).unwrap();
            match (rng.u8(..10), some) {
                (0..2, _) | (_, None) => {
                    prompts += 1;
                    scribe.create(prompts, name, &[]);
                    live.insert(prompts, Vec::new());
                }
                (2, Some(prompt)) => scribe.change(prompt, name, &[]),
                (3, Some(prompt)) if live.len() > 2 => {
                    scribe.delete_prompt(prompt);
                    live.remove(&prompt);
                }
                (4..7, Some(prompt)) => {
                    versions += 1;
                    scribe.commit(prompt, versions, &format!("1.{versions}"));
                    live.entry(prompt).or_default().push(versions);
                }
                (_, Some(prompt)) => {
                    let to = rng.choice(live[&prompt].iter().copied());
                    if let Some(to) = to {
                        scribe.point(prompt, "production", Some(to));
                    }
                }
            }
            for spec in &specs {
                if rng.bool() {
                    let found = find_version(&*index.snapshot().unwrap(), spec).ok();
                    let found = found.map(|version| version.id);
                    assert_eq!(ask(&known, &*index, spec), found, "{spec:?}, seed {seed}");
                    answered += usize::from(found.is_some());
                }
            }
        }
        assert!(answered > 200, "too few specs were found: {answered}");
    }
}

/// If messages and names are long, fewer answers are cached.
#[test]
fn answers_are_bounded_by_their_memory() {
    let (known, index) = (ResolvedSpecs::default(), history());
    let (now, stamp) = catch_up(&known, &*index);
    let mut long = version(prompt_id(1), 1, "1.0", b"{}");
    long.message = "m".repeat(MAX_BYTES / 10);
    let long = Arc::new(long);
    for number in 0..30 {
        let spec = VersionSpec::new(
            prompt_id(1),
            format!("e{number}").parse::<Selector>().unwrap(),
        );
        known.put_version(stamp, &spec, &long);
        assert!(known.version(now, &spec).is_some());
        assert!(known.current.load().answers.size() <= 10, "too many bytes");
    }
    let mut objects = format!(r#"{{"x":[{}{{}}]}}"#, r#"{"":0},"#.repeat(MAX_BYTES / 500));
    assert!(objects.len() < MAX_BYTES / 10);
    objects.push(' ');
    let resolved = Arc::new(Resolved {
        prompt_name: None,
        version: answer(1),
        body: Body::try_from(objects).unwrap(),
    });
    let large = spec("a@production");
    known.put_resolved(stamp, &large, &resolved);
    assert_eq!(known.resolved(now, &large), None, "too large to be cached");
}
