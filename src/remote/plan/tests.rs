//! Random histories of both sides, compared with a model of what each side must have.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::compare::{PromptChange, Settlement, SideChanges, ThreeWay, compare};
use super::side::PromptSide;
use crate::{EnvironmentName, VersionId, VersionNumber};

/// A change of one side.
#[derive(Clone, Debug)]
enum Edit {
    Commit,
    Major,
    Point(u8, u8),
    Unpoint(u8),
    DeleteVersion(u8),
    Rename(u8),
    Tag(u8),
    Delete,
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        4 => Just(Edit::Commit),
        1 => Just(Edit::Major),
        4 => (0..3u8, any::<u8>()).prop_map(|(name, to)| Edit::Point(name, to)),
        1 => (0..3u8).prop_map(Edit::Unpoint),
        2 => any::<u8>().prop_map(Edit::DeleteVersion),
        1 => (0..3u8).prop_map(Edit::Rename),
        1 => (0..3u8).prop_map(Edit::Tag),
        1 => Just(Edit::Delete),
    ]
}

fn environment(name: u8) -> EnvironmentName {
    ["production", "staging", "dev"][usize::from(name)]
        .parse()
        .unwrap()
}

/// A side of a prompt, which draws ids that no other side draws.
#[derive(Clone)]
struct Author {
    side: Option<PromptSide>,
    first: u8,
    drawn: u8,
}

impl Author {
    fn version(&mut self) -> VersionId {
        self.drawn += 1;
        VersionId::from_bytes([
            self.first, self.drawn, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ])
    }

    fn make(&mut self, edit: &Edit) {
        let id = self.version();
        let Some(side) = &mut self.side else { return };
        let chosen = |side: &PromptSide, at: u8| {
            let ids: Vec<VersionId> = side.versions.keys().copied().collect();
            (!ids.is_empty()).then(|| ids[usize::from(at) % ids.len()])
        };
        let used = side.used_numbers();
        let highest = used.last().copied().unwrap_or(VersionNumber::new(0, 0));
        match edit {
            Edit::Commit => {
                let number = VersionNumber::new(highest.major, highest.minor + 1);
                side.versions.insert(id, number);
            }
            Edit::Major => {
                side.versions
                    .insert(id, VersionNumber::new(highest.major + 1, 0));
            }
            Edit::Point(name, to) => {
                if let Some(to) = chosen(side, *to) {
                    side.environments.insert(environment(*name), to);
                }
            }
            Edit::Unpoint(name) => drop(side.environments.remove(&environment(*name))),
            Edit::DeleteVersion(at) => {
                if let Some(lost) = chosen(side, *at) {
                    let number = side.versions.remove(&lost).unwrap();
                    side.deleted.insert(lost, number);
                    side.environments.retain(|_, to| *to != lost);
                }
            }
            Edit::Rename(name) => side.name = name.to_string().parse().unwrap(),
            Edit::Tag(tag) => side.tags = vec![tag.to_string()],
            Edit::Delete => self.side = None,
        }
    }
}

fn common() -> PromptSide {
    let version = |at| VersionId::from_bytes([at; 16]);
    PromptSide {
        name: "common".parse().unwrap(),
        tags: Vec::new(),
        versions: BTreeMap::from([
            (version(1), VersionNumber::new(0, 0)),
            (version(2), VersionNumber::new(0, 1)),
        ]),
        environments: BTreeMap::from([(environment(0), version(1))]),
        deleted: BTreeMap::new(),
    }
}

/// Applies changes to a side, as a pull or a push does.
fn apply(
    side: Option<PromptSide>,
    changes: &SideChanges,
    other: Option<&PromptSide>,
) -> Option<PromptSide> {
    match changes.prompt {
        PromptChange::Deleted => return None,
        PromptChange::Created | PromptChange::Restored => return other.cloned(),
        PromptChange::Kept => {}
    }
    let mut side = side?;
    if let Some(name) = &changes.name {
        side.name = name.clone();
    }
    if let Some(tags) = &changes.tags {
        side.tags.clone_from(tags);
    }
    for id in &changes.new {
        let number = other.unwrap().versions[id];
        assert!(
            side.versions.insert(*id, number).is_none(),
            "{id} is not new"
        );
        side.deleted.remove(id);
    }
    for (name, to) in &changes.environments {
        match to {
            Some(to) => drop(side.environments.insert(name.clone(), *to)),
            None => drop(side.environments.remove(name)),
        }
    }
    for id in &changes.deleted {
        let number = side.versions.remove(id).expect("a version that exists");
        side.deleted.insert(*id, number);
    }
    for (name, to) in &side.environments {
        assert!(
            side.versions.contains_key(to),
            "{name} points to a deleted version"
        );
    }
    Some(side)
}

/// The merge of one value, if it does not contradict itself.
fn merged<T: PartialEq + Clone>(base: &T, ours: &T, theirs: &T) -> Option<T> {
    if ours == theirs || theirs == base {
        Some(ours.clone())
    } else if ours == base {
        Some(theirs.clone())
    } else {
        None
    }
}

/// What both sides must have after a merge, by another way than [`compare`]; none for a conflict.
fn model(
    base: &PromptSide,
    ours: &Option<PromptSide>,
    theirs: &Option<PromptSide>,
) -> Option<Option<PromptSide>> {
    let (ours, theirs) = match (ours, theirs) {
        (Some(ours), Some(theirs)) => (ours, theirs),
        (None, None) => return Some(None),
        (Some(one), None) | (None, Some(one)) => return one.is_equal(base).then_some(None),
    };
    let mut result = base.clone();
    result.name = merged(&base.name, &ours.name, &theirs.name)?;
    result.tags = merged(&base.tags, &ours.tags, &theirs.tags)?;
    let ids = [base, ours, theirs]
        .into_iter()
        .flat_map(|side| side.versions.keys());
    result.versions.clear();
    for id in ids.copied().collect::<std::collections::BTreeSet<_>>() {
        let has = |side: &PromptSide| side.versions.contains_key(&id);
        if merged(&has(base), &has(ours), &has(theirs))? {
            let number = ours.versions.get(&id).or(theirs.versions.get(&id)).unwrap();
            result.versions.insert(id, *number);
        }
    }
    result.environments.clear();
    for name in (0..3).map(environment) {
        let at = |side: &PromptSide| side.environments.get(&name).copied();
        if let Some(to) = merged(&at(base), &at(ours), &at(theirs))? {
            if !result.versions.contains_key(&to) {
                return None;
            }
            result.environments.insert(name, to);
        }
    }
    // No number may belong to two versions, nor one that was deleted here come back.
    let mut numbers: Vec<VersionNumber> = result.versions.values().copied().collect();
    numbers.sort_unstable();
    if !numbers.is_sorted_by(|one, next| one < next) {
        return None;
    }
    let new = result
        .versions
        .iter()
        .filter(|(id, _)| !ours.versions.contains_key(id));
    let reused = new
        .clone()
        .any(|(_, number)| ours.deleted.values().any(|used| used == number));
    let taken = new
        .clone()
        .any(|(_, number)| ours.versions.values().any(|used| used == number));
    (!reused && !taken).then_some(Some(result))
}

fn is_same(one: &Option<PromptSide>, other: &Option<PromptSide>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => one.is_equal(other),
        _ => false,
    }
}

fn three_way(
    base: &PromptSide,
    ours: &Author,
    theirs: &Author,
    settlement: Option<Settlement>,
) -> ThreeWay {
    compare(
        Some(base),
        ours.side.as_ref(),
        theirs.side.as_ref(),
        settlement,
        false,
    )
}

fn histories(ours: &[Edit], theirs: &[Edit]) -> (Author, Author) {
    let author = |first| Author {
        side: Some(common()),
        first,
        drawn: 0,
    };
    let (mut here, mut there) = (author(10), author(20));
    ours.iter().for_each(|edit| here.make(edit));
    theirs.iter().for_each(|edit| there.make(edit));
    (here, there)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn both_sides_end_as_the_model_says(
        ours in prop::collection::vec(edit(), 0..6),
        theirs in prop::collection::vec(edit(), 0..6),
    ) {
        let base = common();
        let (here, there) = histories(&ours, &theirs);
        let found = three_way(&base, &here, &there, None);
        let expected = model(&base, &here.side, &there.side);
        prop_assert_eq!(found.conflicts.is_empty(), expected.is_some(), "{:?}", found);
        let Some(expected) = expected else { return Ok(()) };

        // The pull, after which the remote's side is what both had in common.
        let pulled = apply(here.side.clone(), &found.here, there.side.as_ref());
        let after = compare(there.side.as_ref(), pulled.as_ref(), there.side.as_ref(), None, false);
        prop_assert!(after.here.is_empty() && after.conflicts.is_empty(), "{after:?}");
        prop_assert_eq!(&after.there, &found.there);
        // The push.
        let pushed = apply(there.side.clone(), &after.there, pulled.as_ref());
        prop_assert!(is_same(&pulled, &expected), "{pulled:?}\n{expected:?}");
        prop_assert!(is_same(&pushed, &expected), "{pushed:?}\n{expected:?}");
    }

    #[test]
    fn a_settled_conflict_leaves_none(
        ours in prop::collection::vec(edit(), 0..6),
        theirs in prop::collection::vec(edit(), 0..6),
        is_ours in any::<bool>(),
    ) {
        let base = common();
        let (here, there) = histories(&ours, &theirs);
        let settlement = if is_ours { Settlement::Ours } else { Settlement::Theirs };
        let settled = three_way(&base, &here, &there, Some(settlement));
        prop_assert!(settled.conflicts.is_empty(), "{settled:?}");
        let pulled = apply(here.side.clone(), &settled.here, there.side.as_ref());
        // A side that deleted the prompt is recorded by the lack of a common state.
        let seen = there.side.as_ref();
        let after = compare(seen, pulled.as_ref(), there.side.as_ref(), None, true);
        prop_assert!(after.conflicts.is_empty(), "{after:?}");
        prop_assert!(after.here.is_empty(), "{after:?}");
        let pushed = apply(there.side.clone(), &after.there, pulled.as_ref());
        prop_assert!(is_same(&pushed, &pulled), "{pushed:?}\n{pulled:?}");
        // No version that only one side made is lost, unless that side's prompt was not taken.
        if let (Some(ours), Some(theirs), Some(result)) = (&here.side, &there.side, &pulled) {
            for (id, _) in ours.versions.iter().chain(&theirs.versions) {
                let is_new = !base.versions.contains_key(id);
                prop_assert!(!is_new || result.versions.contains_key(id), "{id} is lost");
            }
        }
    }
}

/// Without a common state, nothing is deleted, and what differs is a conflict.
#[test]
fn a_lost_state_deletes_nothing() {
    let mut ours = common();
    let theirs = common();
    let equal = compare(None, Some(&ours), Some(&theirs), None, false);
    assert_eq!(equal, ThreeWay::default());
    let lost = *ours.versions.keys().last().unwrap();
    ours.versions.remove(&lost);
    ours.environments
        .insert(environment(1), *ours.versions.keys().next().unwrap());
    let found = compare(None, Some(&ours), Some(&theirs), None, false);
    assert!(found.conflicts.is_empty() && found.here.new.contains(&lost));
    assert_eq!(found.there.environments.len(), 1);
    ours.name = "other".parse().unwrap();
    let found = compare(None, Some(&ours), Some(&theirs), None, false);
    assert_eq!(found.conflicts.len(), 1, "{found:?}");
}
