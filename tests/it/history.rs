//! The store as it was, and operations taken back: after random histories, and case by case.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::{
    BumpPolicy, Change, EnvironmentName, EnvironmentUpdate, Error, Moment, NewPrompt, NewVersion,
    Operation, OperationFilter, OperationKind, PromptFilter, PromptId, PromptName, Selector, Store,
    StoreOptions, VersionFilter, VersionId, View,
};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::model::config;
use crate::model::op::{Op, ops};
use crate::model::stage::Stage;
use crate::support::{Place, commit, create};

/// Every read of a view, a line each.
fn reads(view: &View) -> Vec<String> {
    let mut lines = vec![
        format!("{:?}", view.prompt_count().unwrap()),
        format!("{:?}", view.tags().unwrap()),
        format!("{:?}", view.environment_names().unwrap()),
    ];
    let all = PromptFilter::default();
    let prompts = view.prompts(&all, None, usize::MAX).unwrap();
    let some = view.prompts(&all.clone().tag("a").name_contains("REET"), None, 2);
    lines.push(format!("{:?}", some.unwrap()));
    for words in ["greeting", "first", "role user", "m0"] {
        let hits = view.search(words, usize::MAX).unwrap();
        let hits = hits
            .iter()
            .map(|hit| format!("{words} {:?} {}", hit.matched, hit.prompt.id));
        // Which text matches best depends on what else was searched.
        let mut hits: Vec<String> = hits.collect();
        hits.sort();
        lines.extend(hits);
    }
    for (at, prompt) in prompts.iter().enumerate() {
        assert_eq!(view.prompt(prompt.id).unwrap(), *prompt);
        let older = view.prompts(&all, Some(prompt.id), 1).unwrap();
        assert_eq!(older.first(), prompts.get(at + 1));
        let named = view
            .prompt(prompt.name.clone())
            .map_err(|error| error.to_string());
        lines.push(format!(
            "{prompt:?} {named:?} {:?}",
            view.version_counts(prompt.id)
        ));
        for environment in view.environments(prompt.id).unwrap() {
            let version = view.version((prompt.id, environment.name.clone())).unwrap();
            assert_eq!(version.id, environment.version_id);
            lines.push(format!("{environment:?}"));
        }
        let every = VersionFilter::default();
        let versions = view.versions(prompt.id, &every, None, usize::MAX).unwrap();
        let majors = every.clone().major(1);
        lines.push(format!(
            "{:?}",
            view.versions(prompt.id, &majors, None, 2).unwrap()
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

/// Every read but since when pointers are where they are: that an operation was taken back is a move too.
fn reads_but_moments_of_moves(view: &View) -> Vec<String> {
    let mut lines = reads(view);
    for line in &mut lines {
        if let Some(at) = line.find(", moved_at: ") {
            line.truncate(at);
        }
    }
    lines
}

fn last(store: &Store) -> u64 {
    let newest = store
        .operations(&OperationFilter::default(), None, 1)
        .unwrap();
    newest.first().map_or(0, |operation| operation.number)
}

/// Plays a history; gives the reads after each operation that was the last for a while.
fn play(
    stage: &mut Stage,
    ops: &[Op],
    read: fn(&View) -> Vec<String>,
) -> BTreeMap<u64, Vec<String>> {
    let mut played = BTreeMap::from([(0, read(stage.store()))]);
    for op in ops.iter().filter(|op| !matches!(op, Op::Collect { .. })) {
        stage.perform(op);
        let store = stage.store();
        played.entry(last(store)).or_insert_with(|| read(store));
    }
    played
}

fn stages() -> [Stage; 2] {
    [
        Stage::in_memory(BumpPolicy::Free, 1),
        Stage::in_a_directory(BumpPolicy::Enforced, 0),
    ]
}

fn is_sound(store: &Store) {
    let report = store.verify(|_| ()).unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_view_of_the_past_reads_as_the_store_did(ops in ops()) {
        for mut stage in stages() {
            let played = play(&mut stage, &ops, reads);
            for (number, then) in &played {
                let view = stage.store().at(*number).unwrap();
                prop_assert_eq!(&reads(&view), then, "as of operation {}", number);
                prop_assert_eq!(&reads(&view), then, "once more");
            }
        }
    }

    #[test]
    fn everything_taken_back_in_order_gives_the_store_of_before(ops in ops()) {
        for mut stage in stages() {
            let played = play(&mut stage, &ops, reads_but_moments_of_moves);
            let store = stage.store();
            let end = last(store);
            for number in (1..=end).rev() {
                let undone = store.undo(number).unwrap();
                prop_assert_eq!(&undone.content.undoes, &[number]);
                if let Some(then) = played.get(&(number - 1)) {
                    let now = reads_but_moments_of_moves(store);
                    prop_assert_eq!(&now, then, "operation {} taken back", number);
                }
            }
            is_sound(store);
            // And all of it again, by taking back what took it back.
            for number in 1..=end {
                store.undo(2 * end + 1 - number).unwrap();
                if let Some(then) = played.get(&number) {
                    let now = reads_but_moments_of_moves(store);
                    prop_assert_eq!(&now, then, "operation {} brought again", number);
                }
            }
            is_sound(store);
        }
    }

    #[test]
    fn the_newest_is_taken_back_until_nothing_is_left(ops in ops()) {
        for mut stage in stages() {
            let played = play(&mut stage, &ops, reads_but_moments_of_moves);
            let store = stage.store();
            let end = last(store);
            for number in (1..=end).rev() {
                let undone = store.undo_newest().unwrap().unwrap();
                prop_assert_eq!(undone.content.undoes, [number]);
            }
            prop_assert_eq!(store.undo_newest().unwrap(), None);
            prop_assert_eq!(&reads_but_moments_of_moves(store), &played[&0]);
        }
    }

    /// Operations taken back one after the other, undos among them, alone or with what stands on them.
    #[test]
    fn the_store_is_what_the_operations_in_effect_make_of_it(
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
                prop_assert_eq!(made_of(store), held_by(store), "operation {} taken back", number);
            }
            is_sound(store);
            while store.undo_newest().unwrap().is_some() {}
            prop_assert_eq!(store.prompt_count().unwrap(), 0);
        }
    }

    /// Any operation, in any order: it is taken back, alone or with what stands on it, or refused and nothing changes; and
    /// what took it back can be taken back.
    #[test]
    fn what_is_taken_back_can_be_brought_again(
        ops in ops(),
        picks in proptest::collection::vec((any::<prop::sample::Index>(), any::<bool>()), 1..12),
    ) {
        for mut stage in stages() {
            play(&mut stage, &ops, |_| Vec::new());
            let store = stage.store();
            for (pick, with_later) in &picks {
                let number = pick.index(usize::try_from(last(store)).unwrap()) as u64 + 1;
                let before = reads_but_moments_of_moves(store);
                let end = last(store);
                match undo(store, number, *with_later) {
                    Ok(undone) => {
                        prop_assert!(undone.content.undoes.contains(&number));
                        is_sound(store);
                        store.undo(&undone).unwrap();
                        prop_assert_eq!(&reads_but_moments_of_moves(store), &before);
                        if *with_later {
                            // Leaves the history with something taken back.
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

/// A prompt's name, tags, live versions and pointers.
type Line = (
    String,
    Vec<String>,
    BTreeSet<VersionId>,
    BTreeMap<String, VersionId>,
);

/// What the operations that are in effect make of the prompts: those that were not taken back, or were brought again.
fn made_of(store: &Store) -> BTreeMap<PromptId, Line> {
    let newest_first = store
        .operations(&OperationFilter::default(), None, usize::MAX)
        .unwrap();
    let mut taken_back: BTreeSet<u64> = BTreeSet::new();
    let mut in_effect = Vec::new();
    for operation in &newest_first {
        if !taken_back.contains(&operation.number) {
            taken_back.extend(&operation.content.undoes);
            in_effect.push(operation);
        }
    }
    let mut lines: BTreeMap<PromptId, Line> = BTreeMap::new();
    let done = in_effect.iter().rev();
    let changes = done.filter(|operation| operation.content.undoes.is_empty());
    for change in changes.flat_map(|operation| &operation.content.changes) {
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
            other => panic!("only an undo does this: {other:?}"),
        }
    }
    lines
}

fn held_by(store: &Store) -> BTreeMap<PromptId, Line> {
    let prompts = store.prompts(&PromptFilter::default(), None, usize::MAX);
    let lines = prompts.unwrap().into_iter().map(|prompt| {
        let versions = store.versions(prompt.id, &VersionFilter::default(), None, usize::MAX);
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
    match with_later {
        true => store.undo_with_later(number),
        false => store.undo(number),
    }
}

fn both(test: fn(&Store)) {
    test(&Store::in_memory().unwrap());
    let place = Place::new();
    test(&place.create());
    is_sound(&place.open());
}

fn number_of(view: &View, spec: &str) -> String {
    view.version(spec).unwrap().number.to_string()
}

#[test]
fn an_operation_that_others_stand_on_is_taken_back_with_them() {
    both(|store| {
        create(store, "greeting"); // 1
        commit(store, "greeting", "one"); // 2
        commit(store, "greeting", "two"); // 3
        store.rename("greeting", "hello").unwrap(); // 4
        let moved = store.set_environment("hello", "production", "1.1");
        moved.unwrap(); // 5
        let stood_on = |number: u64| match store.undo(number) {
            Err(Error::UndoBlocked { operation, later }) if operation == number => later,
            other => panic!("{other:?}"),
        };
        assert_eq!(stood_on(2), [3, 5], "a base, and a pointer; not the name");
        assert_eq!(stood_on(1), [2, 3, 4, 5]);
        assert_eq!(last(store), 5);

        let undone = store.undo_with_later(2u64).unwrap(); // 6
        assert_eq!(undone.content.kind, OperationKind::Undo);
        assert_eq!(undone.content.undoes, [5, 3, 2]);
        assert_eq!(number_of(store, "hello@production"), "1.0");
        assert_eq!(number_of(store, "hello"), "1.0");
        match store.undo(3u64) {
            Err(Error::AlreadyUndone {
                operation: 3,
                by: 6,
            }) => {}
            other => panic!("{other:?}"),
        }
        // What was taken back stands on nothing any more.
        assert_eq!(stood_on(1), [4]);
        store.undo(6u64).unwrap();
        assert_eq!(number_of(store, "hello@production"), "1.1");
        assert_eq!(number_of(store, "hello"), "1.2");
        let next = commit(store, "hello", "three");
        assert_eq!(next.number.to_string(), "1.3", "a number given twice");
    });
}

/// What an undo did to operations after the one at hand is gone with them.
#[test]
fn an_undo_of_later_operations_stands_on_nothing() {
    both(|store| {
        create(store, "p"); // 1
        let set = store.set_environment("p", "staging", "1.0");
        set.unwrap(); // 2
        store.rename("p", "q").unwrap(); // 3
        store.delete_prompt("q").unwrap(); // 4
        let undone = store.undo_with_later(2u64).unwrap(); // 5
        assert_eq!(undone.content.undoes, [4, 2]);
        store.undo(3u64).unwrap(); // 6
        assert_eq!(number_of(store, "p@production"), "1.0");
        assert_eq!(store.undo_newest().unwrap().unwrap().content.undoes, [1]);
    });
}

/// A version that was deleted and collected keeps nobody from taking back what came before it.
#[test]
fn what_would_be_deleted_again_needs_no_body() {
    let place = Place::new();
    let store = place.create();
    create(&store, "p"); // 1
    let version = commit(&store, "p", "two"); // 2
    store.delete_version(version.id).unwrap(); // 3
    store.collect_garbage(Duration::ZERO).unwrap();
    let refused = store.undo(3u64);
    assert!(
        matches!(refused, Err(Error::BodyCollected { .. })),
        "{refused:?}"
    );
    let undone = store.undo_with_later(2u64).unwrap(); // 4
    assert_eq!(undone.content.undoes, [3, 2]);
    assert_eq!(number_of(&store, "p"), "1.0");
    store.undo(1u64).unwrap();
    assert_eq!(store.prompt_count().unwrap(), 0);
    is_sound(&store);
}

#[test]
fn a_release_of_several_pointers_is_taken_back_as_one() {
    both(|store| {
        for name in ["a", "b"] {
            create(store, name);
            commit(store, name, "next");
        }
        let moves = ["a", "b"].map(|name| {
            let wish = EnvironmentUpdate::set(name, "production", "1.1");
            wish.message("Release 7")
        });
        store.update_environments(moves).unwrap();
        let release = last(store);
        assert_eq!(number_of(store, "b@production"), "1.1");
        store.undo(release).unwrap();
        for name in ["a@production", "b@production"] {
            assert_eq!(number_of(store, name), "1.0");
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
fn a_pointer_that_was_removed_leaves_a_gap() {
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
fn a_pointer_that_comes_back_in_one_operation_has_not_moved() {
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
fn a_name_is_taken_back_and_the_tags_stay() {
    both(|store| {
        create(store, "old");
        store.rename("old", "new").unwrap();
        store.set_tags("new", &["kept"]).unwrap();
        store.undo(2u64).unwrap();
        assert_eq!(store.prompt("old").unwrap().tags, ["kept"]);
    });
}

#[test]
fn a_deleted_version_comes_back_as_long_as_its_body_is_kept() {
    let place = Place::new();
    let now = std::sync::Arc::new(std::sync::Mutex::new(
        "2025-06-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap(),
    ));
    let clock = std::sync::Arc::clone(&now);
    let options = StoreOptions::new().clock(move || *clock.lock().unwrap());
    let store = options.create(place.path()).unwrap();
    create(&store, "greeting");
    let version = commit(&store, "greeting", "once");
    store.checkpoint(|_| ()).unwrap();
    let deleted = store.delete_version(version.id).unwrap();
    let operation = last(&store);

    let day = Duration::from_secs(24 * 60 * 60);
    *now.lock().unwrap() += 29 * day;
    assert_eq!(store.collect_garbage(Store::RETENTION).unwrap().bodies, 0);
    let undone = store.undo(operation).unwrap();
    assert_eq!(store.version(version.id).unwrap(), deleted);
    assert!(store.resolve(version.id).is_ok());
    store.undo(&undone).unwrap(); // deleted again, from now on

    *now.lock().unwrap() += 31 * day;
    assert_eq!(store.collect_garbage(Store::RETENTION).unwrap().bodies, 1);
    match store.undo_newest() {
        // The commit is what is still in effect but for its deletion.
        Err(Error::BodyCollected { blob }) => assert_eq!(blob, version.blob),
        other => panic!("{other:?}"),
    }
    // The handle from before may still have the body in memory.
    let then = place.open().at(operation - 1).unwrap();
    assert_eq!(
        then.version(version.id).unwrap(),
        version,
        "what is known of it"
    );
    match then.resolve(version.id) {
        Err(Error::BodyCollected { blob }) => assert_eq!(blob, version.blob),
        other => panic!("{other:?}"),
    }
}

fn prompt(store: &Store, name: &str, body: Value) {
    store.create_prompt(NewPrompt::new(name, body)).unwrap();
}

#[test]
fn a_view_of_the_past_fills_partials_as_they_were() {
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
        assert!(matches!(rendered(store), Err(Error::Render { .. })));
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
fn moments_are_times_numbers_and_ids() {
    let start = "2025-06-01T00:00:00Z".parse::<DateTime<Utc>>().unwrap();
    let calls = std::sync::atomic::AtomicI32::new(0);
    let options = StoreOptions::new().clock(move || {
        let minutes = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        start + chrono::Duration::minutes(minutes.into())
    });
    let store = options.in_memory().unwrap();
    for name in ["a", "b", "c"] {
        create(&store, name); // at 0, 1 and 2 minutes
    }
    let count = |moment: Moment| store.at(moment).unwrap().prompt_count().unwrap();
    let minutes = |minutes| Moment::Time(start + chrono::Duration::minutes(minutes));
    assert_eq!(
        [-1, 0, 1, 2, 9].map(|at| count(minutes(at))),
        [0, 1, 2, 3, 3]
    );
    assert_eq!([0, 1, 3].map(|number: u64| count(number.into())), [0, 1, 3]);
    let second = &store
        .operations(&OperationFilter::default(), Some(3), 1)
        .unwrap()[0];
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
    assert_eq!(
        view.operations(&OperationFilter::default(), None, 9)
            .unwrap()
            .len(),
        2
    );
}

/// A clock that was ahead for one operation hides none that came after it, and one that was behind none before it.
#[test]
fn a_time_is_after_the_last_operation_that_was_made_by_it() {
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
    for store in [
        options.in_memory().unwrap(),
        options.create(place.path()).unwrap(),
    ] {
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
            // So many that the first ones are in chunks, in a directory.
            *now.lock().unwrap() = at("2026-02-01T00:00:00Z");
            (0..400).for_each(|number| drop(create(&store, &format!("later {number}"))));
            store.repack().unwrap();
            assert_eq!(seen("2035-01-01T00:00:00Z"), 405);
            archived = true;
        }
        let then = store.at(at("2026-01-04T00:00:00Z")).unwrap();
        assert_eq!(
            then.prompt_count().unwrap(),
            4,
            "numbers alone are the order"
        );
        is_sound(&store);
    }
}

#[test]
fn names_are_found_as_they_were() {
    both(|store| {
        create(store, "first"); // 1
        store.rename("first", "second").unwrap(); // 2
        create(store, "first"); // 3: another
        store.delete_prompt("second").unwrap(); // 4
        let id = |number: u64, name: &str| {
            let found = store.at(number).unwrap().prompt(name);
            found
                .map(|prompt| prompt.id)
                .map_err(|error| error.to_string())
        };
        let made = |number: u64| {
            let operation = &store
                .operations(&OperationFilter::default(), Some(number + 1), 1)
                .unwrap()[0];
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
    for store in [Store::in_memory().unwrap(), place.create()] {
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
        let renamed = store
            .operations(&OperationFilter::default().prompt(id), None, 9)
            .unwrap();
        assert_eq!(renamed.len(), names.len() + 1);
        store.undo(renamed[0].number).unwrap();
        assert_eq!(store.prompt(id).unwrap().name.as_str(), names[4]);
        assert_eq!(store.verify(|_| ()).unwrap().violations, []);
    }
}
