//! Historical views and undo, tested on random histories and case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::Prompt;
use promptbook::history::{Change, Moment, Operation, OperationKind};
use promptbook::list::{PromptFilter, VersionFilter};
use promptbook::maintenance::GcOptions;
use promptbook::{
    BumpPolicy, EnvironmentName, EnvironmentUpdate, Error, NewPrompt, NewVersion, PromptId,
    PromptName, Selector, Store, StoreOptions, VersionId, View,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::config;
use crate::model::op::{Op, ops};
use crate::model::stage::Stage;
use crate::support::{Place, commit, create, new_store, new_store_with};

/// A prompt without its environments, which have lines of their own.
fn bare(mut prompt: Prompt) -> Prompt {
    prompt.environments.clear();
    prompt
}

/// Returns the result of every read of a view, one line each.
fn reads(view: &View) -> Vec<String> {
    let mut lines = vec![
        format!("{:?}", view.prompts().count().unwrap()),
        format!("{:?}", view.tags().unwrap()),
        format!("{:?}", view.environment_names().unwrap()),
        format!("{:?}", view.environment_list().unwrap()),
    ];
    let all = PromptFilter::default();
    let prompts = view
        .prompts()
        .with_filter(&all)
        .page(None, usize::MAX)
        .unwrap();
    let some = view
        .prompts()
        .with_filter(&all.clone().tag("a").name_contains("REET"))
        .page(None, 2);
    let some: Vec<Prompt> = some.unwrap().into_iter().map(bare).collect();
    lines.push(format!("{some:?}"));
    for words in ["greeting", "first", "role user", "m0"] {
        let hits = view.search(words, usize::MAX).unwrap();
        let hits = hits
            .iter()
            .map(|hit| format!("{words} {:?} {}", hit.matched, hit.prompt.id));
        // The ranking depends on what else was searched.
        let mut hits: Vec<String> = hits.collect();
        hits.sort();
        lines.extend(hits);
    }
    for (at, prompt) in prompts.iter().enumerate() {
        assert_eq!(view.prompt(prompt.id).unwrap(), *prompt);
        let older = view
            .prompts()
            .with_filter(&all)
            .page(Some(prompt.id), 1)
            .unwrap();
        assert_eq!(older.first(), prompts.get(at + 1));
        let named = view
            .prompt(prompt.name.clone())
            .map(bare)
            .map_err(|error| error.to_string());
        lines.push(format!(
            "{:?} {named:?} {:?}",
            bare(prompt.clone()),
            view.version_counts(prompt.id)
        ));
        assert_eq!(prompt.environments, view.environments(prompt.id).unwrap());
        for environment in view.environments(prompt.id).unwrap() {
            let version = view.version((prompt.id, environment.name.clone())).unwrap();
            assert_eq!(version.id, environment.version_id);
            lines.push(format!("{environment:?}"));
        }
        let every = VersionFilter::default();
        let versions = view
            .versions(prompt.id)
            .with_filter(&every)
            .page(None, usize::MAX)
            .unwrap();
        let majors = every.clone().major(1);
        lines.push(format!(
            "{:?}",
            view.versions(prompt.id)
                .with_filter(&majors)
                .page(None, 2)
                .unwrap()
        ));
        for version in versions {
            let resolved = view.resolve(version.id).unwrap();
            assert_eq!(*resolved.version, version);
            let contract = view.contract(version.id).unwrap();
            lines.push(format!("{version:?} {} {contract:?}", resolved.body.text()));
        }
    }
    lines
}

/// Returns the result of every read except the times of moves: an undo counts as a move.
fn reads_without_move_times(view: &View) -> Vec<String> {
    let mut lines = reads(view);
    for line in &mut lines {
        while let Some(at) = line.find(" updated_at: ") {
            let end = at + line[at..].find(", environments").unwrap();
            line.replace_range(at..end, "");
        }
        if let Some(at) = line.find(", moved_at: ") {
            line.truncate(at);
        }
    }
    lines
}

fn last(store: &Store) -> u64 {
    let newest = store.operations().page(None, 1).unwrap();
    newest.first().map_or(0, |operation| operation.number)
}

/// Runs a history. Returns the reads after each operation that was the last one of a call.
fn play(
    stage: &mut Stage,
    ops: &[Op],
    read: fn(&View) -> Vec<String>,
) -> BTreeMap<u64, Vec<String>> {
    let mut played = BTreeMap::from([(0, read(stage.store().as_view()))]);
    for op in ops.iter().filter(|op| !matches!(op, Op::Collect { .. })) {
        stage.perform(op);
        let store = stage.store();
        played
            .entry(last(store))
            .or_insert_with(|| read(store.as_view()));
    }
    played
}

fn stages() -> [Stage; 2] {
    [
        Stage::in_memory(BumpPolicy::Free, 1),
        Stage::in_a_place(BumpPolicy::Enforced, 0),
    ]
}

fn is_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_historical_view_reads_as_the_store_did(ops in ops()) {
        for mut stage in stages() {
            let played = play(&mut stage, &ops, reads);
            for (number, then) in &played {
                let view = stage.store().at(*number).unwrap();
                prop_assert_eq!(&reads(&view), then, "as of operation {}", number);
                prop_assert_eq!(&reads(&view), then, "second read");
            }
        }
    }

    #[test]
    fn undoing_everything_in_order_restores_each_earlier_state(ops in ops()) {
        for mut stage in stages() {
            let played = play(&mut stage, &ops, reads_without_move_times);
            let store = stage.store();
            let end = last(store);
            for number in (1..=end).rev() {
                let undone = store.undo(number).unwrap();
                prop_assert_eq!(&undone.content.undoes, &[number]);
                if let Some(then) = played.get(&(number - 1)) {
                    let now = reads_without_move_times(store.as_view());
                    prop_assert_eq!(&now, then, "operation {} undone", number);
                }
            }
            is_sound(store);
            // Redoes everything by undoing the undos.
            for number in 1..=end {
                store.undo(2 * end + 1 - number).unwrap();
                if let Some(then) = played.get(&number) {
                    let now = reads_without_move_times(store.as_view());
                    prop_assert_eq!(&now, then, "operation {} redone", number);
                }
            }
            is_sound(store);
        }
    }

    #[test]
    fn undo_newest_restores_the_empty_store(ops in ops()) {
        for mut stage in stages() {
            let played = play(&mut stage, &ops, reads_without_move_times);
            let store = stage.store();
            let end = last(store);
            for number in (1..=end).rev() {
                let undone = store.undo_newest().unwrap().unwrap();
                prop_assert_eq!(undone.content.undoes, [number]);
            }
            prop_assert_eq!(store.undo_newest().unwrap(), None);
            prop_assert_eq!(&reads_without_move_times(store.as_view()), &played[&0]);
        }
    }

    /// Undoes operations one after the other, undos included, alone or with their dependents.
    #[test]
    fn the_store_has_the_state_of_the_operations_in_effect(
        ops in ops(),
        picks in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..12),
    ) {
        for mut stage in stages() {
            play(&mut stage, &ops, |_| Vec::new());
            let store = stage.store();
            for (pick, with_later) in &picks {
                let number = pick.index(usize::try_from(last(store)).unwrap()) as u64 + 1;
                let refused = undo(store, number, *with_later).err();
                prop_assert!(
                    matches!(
                        refused,
                        None | Some(Error::UndoBlocked { .. } | Error::AlreadyUndone { .. })
                    ),
                    "{:?}",
                    refused
                );
                prop_assert_eq!(expected_prompts(store), actual_prompts(store), "operation {} undone", number);
                prop_assert_eq!(expected_list(store), store.environment_list().unwrap());
            }
            is_sound(store);
            while store.undo_newest().unwrap().is_some() {}
            prop_assert_eq!(store.prompts().count().unwrap(), 0);
        }
    }

    /// Any operation, in any order, is either undone, alone or with its dependents, or refused
    /// without a change. An undo can itself be undone.
    #[test]
    fn every_undo_can_be_undone(
        ops in ops(),
        picks in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..12),
    ) {
        for mut stage in stages() {
            play(&mut stage, &ops, |_| Vec::new());
            let store = stage.store();
            for (pick, with_later) in &picks {
                let number = pick.index(usize::try_from(last(store)).unwrap()) as u64 + 1;
                let before = reads_without_move_times(store.as_view());
                let end = last(store);
                match undo(store, number, *with_later) {
                    Ok(undone) => {
                        prop_assert!(undone.content.undoes.contains(&number));
                        is_sound(store);
                        store.undo(&undone).unwrap();
                        prop_assert_eq!(&reads_without_move_times(store.as_view()), &before);
                        if *with_later {
                            // Leaves an undone operation in the history.
                            store.undo_newest().unwrap();
                        }
                    }
                    Err(Error::UndoBlocked { later, .. }) => {
                        prop_assert!(!with_later && !later.is_empty());
                        prop_assert_eq!(last(store), end);
                    }
                    Err(Error::AlreadyUndone { by, .. }) => {
                        prop_assert!(by > number);
                        prop_assert_eq!(last(store), end);
                    }
                    Err(error) => panic!("operation {number}: {error:?}"),
                }
            }
            is_sound(store);
        }
    }
}

/// The name, tags, live versions and environments of a prompt.
type PromptSummary = (
    String,
    Vec<String>,
    BTreeSet<VersionId>,
    BTreeMap<String, VersionId>,
);

/// Returns the prompts that result from the operations in effect: those that were not undone, or
/// were redone.
fn expected_prompts(store: &Store) -> BTreeMap<PromptId, PromptSummary> {
    let mut lines: BTreeMap<PromptId, PromptSummary> = BTreeMap::new();
    for change in &changes_in_effect(store) {
        match change {
            Change::Prompt {
                id, after: None, ..
            } => {
                lines.remove(id);
            }
            Change::Prompt {
                id,
                before,
                after: Some(after),
            } => {
                let line = lines.entry(*id).or_default();
                let before = before.as_ref();
                if before.is_none_or(|before| before.name != after.name) {
                    line.0 = after.name.to_string();
                }
                if before.is_none_or(|before| before.tags != after.tags) {
                    line.1.clone_from(&after.tags);
                }
            }
            Change::VersionCreated(version) => {
                let line = lines.entry(version.prompt_id).or_default();
                line.2.insert(version.id);
            }
            Change::VersionDeleted { prompt, id } => {
                lines.entry(*prompt).or_default().2.remove(id);
            }
            Change::Environment {
                prompt,
                name,
                after,
                ..
            } => {
                let pointers = &mut lines.entry(*prompt).or_default().3;
                match after {
                    Some(to) => pointers.insert(name.to_string(), *to),
                    None => pointers.remove(name.as_str()),
                };
            }
            // The list is no part of a prompt.
            Change::EnvironmentList { .. } => {}
            other => panic!("a change that only an undo makes: {other:?}"),
        }
    }
    lines
}

/// Returns the changes of the operations in effect, oldest first.
fn changes_in_effect(store: &Store) -> Vec<Change> {
    let newest_first = store.operations().page(None, usize::MAX).unwrap();
    let mut taken_back: BTreeSet<u64> = BTreeSet::new();
    let mut in_effect = Vec::new();
    for operation in newest_first {
        if !taken_back.contains(&operation.number) {
            taken_back.extend(&operation.content.undoes);
            in_effect.push(operation.content);
        }
    }
    let done = in_effect.into_iter().rev();
    let changes = done.filter(|content| content.undoes.is_empty());
    changes.flat_map(|content| content.changes).collect()
}

/// Returns the environment list that results from the operations in effect.
fn expected_list(store: &Store) -> Option<Vec<EnvironmentName>> {
    let mut newest_first = changes_in_effect(store).into_iter().rev();
    let last = newest_first.find_map(|change| match change {
        Change::EnvironmentList { after, .. } => Some(after),
        _ => None,
    });
    last.flatten()
}

fn actual_prompts(store: &Store) -> BTreeMap<PromptId, PromptSummary> {
    let prompts = store.prompts().page(None, usize::MAX);
    let lines = prompts.unwrap().into_iter().map(|prompt| {
        let versions = store.versions(prompt.id).page(None, usize::MAX);
        let versions = versions.unwrap().into_iter().map(|version| version.id);
        let pointers = store.environments(prompt.id).unwrap().into_iter();
        let pointers = pointers.map(|to| (to.name.to_string(), to.version_id));
        let name = prompt.name.to_string();
        let line = (name, prompt.tags, versions.collect(), pointers.collect());
        (prompt.id, line)
    });
    lines.collect()
}

fn undo(store: &Store, number: u64, with_later: bool) -> promptbook::Result<Operation> {
    if with_later {
        store.undo_with_later(number)
    } else {
        store.undo(number)
    }
}

fn both(test: fn(&Store)) {
    test(&new_store());
    let place = Place::new();
    test(&place.create());
    is_sound(&place.open());
}

fn number_of(view: &View, spec: &str) -> String {
    view.version(spec).unwrap().number.to_string()
}

#[test]
fn an_operation_is_undone_with_its_dependents() {
    both(|store| {
        create(store, "greeting"); // 1
        commit(store, "greeting", "one"); // 2
        commit(store, "greeting", "two"); // 3
        store.rename("greeting", "hello").unwrap(); // 4
        let moved = store.set_environment("hello", "production", "1.1");
        moved.unwrap(); // 5
        let blocked_by = |number: u64| match store.undo(number) {
            Err(Error::UndoBlocked { operation, later }) if operation == number => later,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            blocked_by(2),
            [3, 5],
            "its dependents are a later version and an environment, not the rename"
        );
        assert_eq!(blocked_by(1), [2, 3, 4, 5]);
        assert_eq!(last(store), 5);

        let undone = store.undo_with_later(2u64).unwrap(); // 6
        assert_eq!(undone.content.kind, OperationKind::Undo);
        assert_eq!(undone.content.undoes, [5, 3, 2]);
        assert_eq!(number_of(store.as_view(), "hello@production"), "1.0");
        assert_eq!(number_of(store.as_view(), "hello"), "1.0");
        match store.undo(3u64) {
            Err(Error::AlreadyUndone {
                operation: 3,
                by: 6,
            }) => {}
            other => panic!("{other:?}"),
        }
        // An undone operation no longer depends on any other.
        assert_eq!(blocked_by(1), [4]);
        store.undo(6u64).unwrap();
        assert_eq!(number_of(store.as_view(), "hello@production"), "1.1");
        assert_eq!(number_of(store.as_view(), "hello"), "1.2");
        let next = commit(store, "hello", "three");
        assert_eq!(
            next.number.to_string(),
            "1.3",
            "a number was assigned twice"
        );
    });
}

/// The effects of an undo on later operations disappear with those operations.
#[test]
fn an_undo_of_later_operations_depends_on_nothing() {
    both(|store| {
        create(store, "p"); // 1
        let set = store.set_environment("p", "staging", "1.0");
        set.unwrap(); // 2
        store.rename("p", "q").unwrap(); // 3
        store.delete_prompt("q").unwrap(); // 4
        let undone = store.undo_with_later(2u64).unwrap(); // 5
        assert_eq!(undone.content.undoes, [4, 2]);
        store.undo(3u64).unwrap(); // 6
        assert_eq!(number_of(store.as_view(), "p@production"), "1.0");
        assert_eq!(store.undo_newest().unwrap().unwrap().content.undoes, [1]);
    });
}

/// A version that was deleted and collected does not prevent an undo of earlier operations.
#[test]
fn a_collected_version_does_not_prevent_an_undo_before_it() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p"); // 1
    let version = commit(&store, "p", "two"); // 2
    store.delete_version(version.id).unwrap(); // 3
    store
        .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
        .unwrap();
    let refused = store.undo(3u64);
    assert!(
        matches!(refused, Err(Error::BodyCollected { .. })),
        "{refused:?}"
    );
    let undone = store.undo_with_later(2u64).unwrap(); // 4
    assert_eq!(undone.content.undoes, [3, 2]);
    assert_eq!(number_of(store.as_view(), "p"), "1.0");
    store.undo(1u64).unwrap();
    assert_eq!(store.prompts().count().unwrap(), 0);
    is_sound(&store);
}

#[test]
fn a_release_of_several_environments_is_undone_as_one() {
    both(|store| {
        for name in ["a", "b"] {
            create(store, name);
            commit(store, name, "next");
        }
        let moves = ["a", "b"].map(|name| {
            let wish = EnvironmentUpdate::set(name, "production", "1.1");
            wish.reason("Release 7")
        });
        store.update_environments(moves).unwrap();
        let release = last(store);
        assert_eq!(number_of(store.as_view(), "b@production"), "1.1");
        store.undo(release).unwrap();
        for name in ["a@production", "b@production"] {
            assert_eq!(number_of(store.as_view(), name), "1.0");
        }
        let holders = store.environment_log("a", "production", 9).unwrap();
        let told: Vec<_> = holders
            .iter()
            .map(|held| (held.number.to_string(), held.kind, held.reason.as_deref()))
            .collect();
        let (first, released, back) = (
            ("1.0".into(), OperationKind::Create, Some("Initial version")),
            ("1.1".into(), OperationKind::Move, Some("Release 7")),
            ("1.0".into(), OperationKind::Undo, None),
        );
        assert_eq!(told, [back, released, first]);
        assert_eq!(holders[0].until, None);
        assert_eq!(holders[1].until, Some(holders[0].from));
        assert_eq!(
            store.environment_log("a", "production", 1).unwrap().len(),
            1
        );
        assert!(store.environment_log("a", "nowhere", 9).unwrap().is_empty());
    });
}

#[test]
fn a_removed_environment_leaves_a_gap_in_its_log() {
    both(|store| {
        create(store, "a");
        let removed = store.remove_environment("a", "production");
        removed.unwrap();
        let set = store.set_environment("a", "production", Selector::Latest);
        set.unwrap();
        let holders = store.environment_log("a", "production", 9).unwrap();
        assert_eq!(holders.len(), 2);
        assert!(holders[1].until.unwrap() <= holders[0].from);
        assert_eq!(holders[1].operation, 1);
    });
}

#[test]
fn an_environment_that_returns_within_one_operation_has_not_moved() {
    both(|store| {
        create(store, "p");
        commit(store, "p", "two");
        let moves = ["1.1", "1.0"].map(|to| EnvironmentUpdate::set("p", "production", to));
        store.update_environments(moves).unwrap();
        let holders = store.environment_log("p", "production", 9).unwrap();
        let told: Vec<_> = holders
            .iter()
            .map(|held| (held.operation, held.until))
            .collect();
        assert_eq!(told, [(1, None)]);
    });
}

#[test]
fn undoing_a_rename_keeps_later_tags() {
    both(|store| {
        create(store, "old");
        store.rename("old", "new").unwrap();
        store.set_tags("new", &["kept"]).unwrap();
        store.undo(2u64).unwrap();
        assert_eq!(store.prompt("old").unwrap().tags, ["kept"]);
    });
}

#[test]
fn a_deleted_version_can_be_restored_until_its_body_is_collected() {
    let place = Place::new();
    let now = std::sync::Arc::new(std::sync::Mutex::new(
        "2025-06-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap(),
    ));
    let clock = std::sync::Arc::clone(&now);
    let options = StoreOptions::new().clock(move || *clock.lock().unwrap());
    let store = place.create_with(&options);
    create(&store, "greeting");
    let version = commit(&store, "greeting", "once");
    store.checkpoint().unwrap();
    let deleted = store.delete_version(version.id).unwrap();
    let operation = last(&store);

    let day = Duration::from_secs(24 * 60 * 60);
    *now.lock().unwrap() += 29 * day;
    assert_eq!(store.collect_garbage().unwrap().bodies, 0);
    let undone = store.undo(operation).unwrap();
    assert_eq!(store.version(version.id).unwrap(), deleted);
    assert!(store.resolve(version.id).is_ok());
    store.undo(&undone).unwrap(); // Deletes the version again, as of now.

    *now.lock().unwrap() += 31 * day;
    assert_eq!(store.collect_garbage().unwrap().bodies, 1);
    match store.undo_newest() {
        // The commit is the newest operation in effect, apart from its deletion.
        Err(ref error @ Error::BodyCollected { blob, .. }) => {
            assert_eq!(blob, version.blob);
            let named = format!("version {} of \"greeting\"", version.number);
            assert!(error.to_string().contains(&named), "{error}");
        }
        other => panic!("{other:?}"),
    }
    // The earlier handle may still have the body in memory.
    let then = place.open().at(operation - 1).unwrap();
    assert_eq!(
        then.version(version.id).unwrap(),
        version,
        "the metadata of a collected version"
    );
    match then.resolve(version.id) {
        Err(ref error @ Error::BodyCollected { blob, .. }) => {
            assert_eq!(blob, version.blob);
            let named = format!("version {} of \"greeting\"", version.number);
            assert!(error.to_string().contains(&named), "{error}");
        }
        other => panic!("{other:?}"),
    }
}

fn prompt(store: &Store, name: &str, body: Value) {
    store.create_prompt(NewPrompt::new(name, body)).unwrap();
}

#[test]
fn a_historical_view_fills_partials_of_that_time() {
    both(|store| {
        let tone = |text: &str| json!({"messages": [{"role": "system", "content": text}]});
        let new = NewPrompt::new("tone", tone("Be brief, {{hc:name:string}}."));
        store.create_prompt(new.id("tone01")).unwrap();
        let body = json!({"messages": [{"role": "system", "content": "{{hcp:tone01:0}}"}]});
        prompt(store, "greeting", body);
        let before = Moment::from(last(store));
        let new = NewVersion::new("tone", tone("Be warm, {{hc:name:string}}."));
        let new = new.environment(EnvironmentName::production());
        store.commit(new).unwrap();
        store.delete_prompt("tone").unwrap();

        let rendered = |view: &View| {
            let rendered = view.render("greeting@production", [("name", "Ada")])?;
            Ok::<_, Error>(rendered.body["messages"][0]["content"].clone())
        };
        assert!(matches!(
            rendered(store.as_view()),
            Err(Error::Render { .. })
        ));
        assert_eq!(
            rendered(&store.at(before).unwrap()).unwrap(),
            "Be brief, Ada."
        );
        assert_eq!(rendered(&store.at(3u64).unwrap()).unwrap(), "Be warm, Ada.");
        let then = store.at(3u64).unwrap();
        assert_eq!(rendered(&then.at(2u64).unwrap()).unwrap(), "Be brief, Ada.");
        assert!(matches!(
            then.at(4u64),
            Err(Error::OperationNotFound { .. })
        ));
    });
}

#[test]
fn a_view_is_selected_by_time_number_or_id() {
    let start = "2025-06-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let calls = std::sync::atomic::AtomicI32::new(0);
    let options = StoreOptions::new().clock(move || {
        let minutes = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        start + chrono::Duration::minutes(minutes.into())
    });
    let store = new_store_with(&options);
    for name in ["a", "b", "c"] {
        create(&store, name); // At 0, 1 and 2 minutes.
    }
    let count = |moment: Moment| store.at(moment).unwrap().prompts().count().unwrap();
    let minutes = |minutes| Moment::Time(start + chrono::Duration::minutes(minutes));
    assert_eq!(
        [-1, 0, 1, 2, 9].map(|at| count(minutes(at))),
        [0, 1, 2, 3, 3]
    );
    assert_eq!([0, 1, 3].map(|number: u64| count(number.into())), [0, 1, 3]);
    let second = &store.operations().page(Some(3), 1).unwrap()[0];
    assert_eq!(count(second.into()), 2);
    assert_eq!(count(second.id.to_string().parse().unwrap()), 2);
    assert_eq!(count("2025-06-01T02:01:30+02:00".parse().unwrap()), 2);
    assert!("yesterday".parse::<Moment>().is_err());
    match store.at(4u64) {
        Err(Error::OperationNotFound { operation }) => assert_eq!(operation, "4"),
        other => panic!("{other:?}"),
    }
    let view = store.at(2u64).unwrap();
    assert_eq!(view.operation(), Some(2));
    assert_eq!(view.operations().page(None, 9).unwrap().len(), 2);
}

/// A clock that was ahead for one operation hides no later operation, and a clock that was behind
/// hides no earlier one.
#[test]
fn a_view_at_a_time_includes_the_last_operation_made_by_then() {
    let place = Place::new();
    let now = Arc::new(Mutex::new(DateTime::<Utc>::UNIX_EPOCH));
    let clock = Arc::clone(&now);
    let options = StoreOptions::new().clock(move || *clock.lock().unwrap());
    let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
    let said = [
        "2026-01-01T00:00:00Z",
        "2036-01-01T00:00:00Z",
        "2026-01-03T00:00:00Z",
        "1960-01-01T00:00:00Z",
        "2026-01-05T00:00:00Z",
    ];
    for store in [new_store_with(&options), place.create_with(&options)] {
        let mut archived = false;
        for (number, said) in said.iter().enumerate() {
            *now.lock().unwrap() = at(said);
            create(&store, &format!("{number}"));
        }
        loop {
            let seen = |time: &str| store.at(at(time)).unwrap().operation().unwrap();
            assert_eq!(seen("1959-12-31T00:00:00Z"), 0);
            assert_eq!(seen("1960-01-01T00:00:00Z"), 4);
            assert_eq!(seen("2026-01-02T00:00:00Z"), 4);
            assert_eq!(seen("2026-01-04T00:00:00Z"), 4);
            assert_eq!(seen("2026-01-05T00:00:00Z"), 5);
            if archived {
                break;
            }
            // In a directory, this is enough that the first operations are archived in segments.
            *now.lock().unwrap() = at("2026-02-01T00:00:00Z");
            (0..400).for_each(|number| drop(create(&store, &format!("later {number}"))));
            store.repack().unwrap();
            assert_eq!(seen("2035-01-01T00:00:00Z"), 405);
            archived = true;
        }
        let then = store.at(at("2026-01-04T00:00:00Z")).unwrap();
        assert_eq!(
            then.prompts().count().unwrap(),
            4,
            "the operations are not ordered by number"
        );
        is_sound(&store);
    }
}

#[test]
fn names_are_found_as_they_were() {
    both(|store| {
        create(store, "first"); // 1
        store.rename("first", "second").unwrap(); // 2
        create(store, "first"); // 3: another prompt.
        store.delete_prompt("second").unwrap(); // 4
        let id = |number: u64, name: &str| {
            let found = store.at(number).unwrap().prompt(name);
            found
                .map(|prompt| prompt.id)
                .map_err(|error| error.to_string())
        };
        let made = |number: u64| {
            let operation = &store.operations().page(Some(number + 1), 1).unwrap()[0];
            match &operation.content.changes[0] {
                Change::Prompt { id, .. } => Ok(*id),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(id(1, "first"), made(1));
        assert_eq!(id(2, "second"), made(1));
        assert!(id(2, "first").is_err());
        assert_eq!(id(3, "first"), made(3));
        assert_eq!(id(3, "second"), made(1));
        assert!(id(4, "second").is_err());
    });
}

#[test]
fn names_of_any_text_are_found_as_they_were() {
    let place = Place::new();
    for store in [new_store(), place.create()] {
        let names = [
            "",
            "a\0b",
            "a\0",
            "\"\\\u{1b}\n",
            "\u{7f}\u{301}",
            &"é".repeat(32 * 1024),
        ];
        let id = create(&store, "first").prompt.id;
        for name in names {
            store.rename(id, name).unwrap();
        }
        for (operation, name) in (2_u64..).zip(names) {
            let then = store.at(operation).unwrap();
            let by_name = |name: &str| then.prompt(name.parse::<PromptName>().unwrap());
            assert_eq!(by_name(name).unwrap().id, id, "{name:.20?}");
            let others = names.iter().filter(|other| **other != name);
            for other in others {
                let missing = by_name(other).unwrap_err();
                assert!(
                    matches!(missing, Error::PromptNotFound { .. }),
                    "{other:.20?}"
                );
                assert!(missing.to_string().len() < 500, "{missing:.500}");
            }
        }
        let renamed = store.operations().prompt(id).page(None, 9).unwrap();
        assert_eq!(renamed.len(), names.len() + 1);
        store.undo(renamed[0].number).unwrap();
        assert_eq!(store.prompt(id).unwrap().name.as_str(), names[4]);
        assert_eq!(store.verify().unwrap().violations, []);
    }
}
