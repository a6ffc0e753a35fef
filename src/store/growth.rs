//! Tests of how the work of operations grows with the size of a store.
//!
//! The work is counted in rows that are looked at and steps of SQLite's virtual machine, so it is
//! the same in each run.

use std::time::Duration;

use crate::engine::catch_up;
use crate::list::VersionFilter;
use crate::maintenance::GcOptions;
use crate::model::work_counter;
use crate::{
    Body, Durability, EnvironmentUpdate, Error, NewPrompt, NewVersion, PromptId, Selector, Store,
    StoreOptions, VersionSpec,
};

/// The maximum factor by which the work may grow if the size grows by four.
///
/// Quadratic work would grow by 16.
const MOST: u64 = 6;

/// Compares the work of an operation at a size and at four times the size, for both backends.
fn grows<T>(size: usize, make: impl Fn(&Store, usize) -> T, operation: impl Fn(&Store, usize, T)) {
    for place in ["directory", "memory"] {
        let count = |size: usize| {
            let directory = tempfile::tempdir().unwrap();
            let options = StoreOptions::new().durability(Durability::Relaxed).seed(7);
            let store = match place {
                "directory" => options.create(directory.path()).unwrap(),
                _ => options.in_memory().unwrap(),
            };
            let made = make(&store, size);
            // A verification that indexing in the background interrupts begins again.
            let (index, bodies) = (&*store.shared().index, &*store.shared().bodies);
            assert_eq!(catch_up(index, bodies, |_| true).unwrap(), 0);
            let steps = work_counter::steps(|| operation(&store, size, made));
            assert!(store.verify().unwrap().is_clean());
            steps
        };
        let (small, large) = (count(size), count(4 * size));
        assert!(small > size as u64 / 100, "{place}: no work was counted");
        assert!(
            large < MOST * small,
            "{place}: {small} steps at {size}, {large} at {}",
            4 * size
        );
    }
}

fn body(number: usize) -> String {
    format!(r#"{{"messages": [{{"role": "user", "content": "Say {number}."}}]}}"#)
}

/// Creates a prompt with a number of versions. Each version is an operation.
fn versions(store: &Store, versions: usize) -> PromptId {
    let new = NewPrompt::new("many", body(0));
    let id = store.create_prompt(new).unwrap().prompt.id;
    let committed = store.batch(|batch| {
        for number in 1..versions {
            batch.commit(NewVersion::new(id, body(number)))?;
        }
        Ok(())
    });
    committed.unwrap();
    id
}

fn of(prompt: PromptId, selector: &str) -> VersionSpec {
    VersionSpec::new(prompt, selector.parse::<Selector>().unwrap())
}

fn moves(prompts: &[PromptId], environments: usize, to: &str) -> Vec<EnvironmentUpdate> {
    let names = |prompt| {
        (0..environments).map(move |number| {
            let name = format!("env-{number}");
            EnvironmentUpdate::set(prompt, name.as_str(), to)
        })
    };
    prompts.iter().copied().flat_map(names).collect()
}

/// Creates a prompt with a few versions and a number of environments.
fn environments(store: &Store, environments: usize) -> PromptId {
    let id = versions(store, 4);
    let moved = store.update_environments(moves(&[id], environments, "1.1"));
    moved.unwrap();
    id
}

fn prompts(store: &Store, prompts: usize) -> Vec<PromptId> {
    let made = store.batch(|batch| {
        let create = |number| {
            let new = NewPrompt::new(format!("prompt {number}").as_str(), body(number));
            let id = batch.create_prompt(new)?.prompt.id;
            batch.commit(NewVersion::new(id, body(number + 1_000_000)))?;
            Ok(id)
        };
        (0..prompts).map(create).collect()
    });
    made.unwrap()
}

#[test]
fn prompts_are_found_by_name_without_a_walk() {
    grows(200, prompts, |store, size, ids| {
        for (number, id) in (0..size).zip(ids) {
            let name = format!("prompt {number}");
            assert_eq!(store.prompt(name.as_str()).unwrap().id, id);
        }
    });
}

#[test]
fn versions_are_found_by_number_without_a_walk() {
    grows(200, versions, |store, size, id| {
        for minor in 0..size {
            let found = store.version(of(id, &format!("1.{minor}"))).unwrap();
            assert_eq!(found.number.minor as usize, minor);
        }
    });
}

#[test]
fn undo_restores_a_prompt_with_its_versions() {
    let deleted = |store: &Store, size| {
        let id = versions(store, size);
        store.delete_prompt(id).unwrap();
        id
    };
    grows(100, deleted, |store, size, id| {
        store.undo_newest().unwrap();
        assert_eq!(store.prompt(id).unwrap().versions, size as u64);
    });
}

#[test]
fn dependent_operations_are_undone() {
    grows(100, versions, |store, _, id| {
        store.undo_with_later(1).unwrap();
        assert!(store.prompt(id).is_err());
    });
}

#[test]
fn an_undo_of_dependent_operations_is_undone() {
    let undone = |store: &Store, size| {
        let id = versions(store, size);
        (id, store.undo_with_later(1).unwrap())
    };
    grows(100, undone, |store, size, (id, undone)| {
        store.undo(&undone).unwrap();
        assert_eq!(store.prompt(id).unwrap().versions, size as u64);
    });
}

#[test]
fn one_deletion_among_many_versions_is_undone() {
    let deleted = |store: &Store, size| {
        let id = versions(store, size);
        store.delete_version(of(id, "1.7")).unwrap();
        id
    };
    grows(100, deleted, |store, size, id| {
        store.undo_newest().unwrap();
        assert_eq!(store.prompt(id).unwrap().versions, size as u64);
    });
}

/// The bodies of the deleted versions are gone, so the undo skips these versions.
#[test]
fn undo_skips_versions_that_were_deleted_again() {
    let gone = |store: &Store, size| {
        let id = versions(store, size);
        for _ in 1..size {
            store.delete_version(of(id, "latest")).unwrap();
        }
        store
            .collect_garbage_with(GcOptions::new().retention(Duration::ZERO))
            .unwrap();
        id
    };
    grows(50, gone, |store, _, id| {
        store.undo_with_later(1).unwrap();
        assert!(store.prompt(id).is_err());
    });
}

#[test]
fn the_highest_versions_are_deleted_one_by_one() {
    grows(50, versions, |store, size, id| {
        for _ in 1..size {
            store.delete_version(of(id, "latest")).unwrap();
        }
        assert_eq!(store.version(of(id, "latest")).unwrap().number.minor, 0);
    });
}

#[test]
fn all_environments_of_a_prompt_are_moved_again() {
    grows(100, environments, |store, size, id| {
        store
            .update_environments(moves(&[id], size, "1.2"))
            .unwrap();
        store.undo_newest().unwrap();
        let found = store.environments(id).unwrap();
        assert!(found.iter().filter(|one| one.number.minor == 1).count() == size);
    });
}

/// As in a move from staging to production: all targets are looked up before any environment moves.
#[test]
fn environments_are_moved_to_where_others_point() {
    grows(100, environments, |store, size, id| {
        let name = |number: usize| format!("env-{}", number % size);
        let moves =
            (0..size).map(|number| EnvironmentUpdate::set(id, name(number), name(number + 1)));
        store.update_environments(moves).unwrap();
    });
}

#[test]
fn versions_are_listed_with_their_environments() {
    let both = |store: &Store, size| {
        let id = versions(store, size);
        store
            .update_environments(moves(&[id], size, "1.1"))
            .unwrap();
        id
    };
    grows(100, both, |store, size, id| {
        let all = VersionFilter::default();
        let found = store
            .versions(id)
            .with_filter(&all)
            .page(None, usize::MAX)
            .unwrap();
        assert_eq!(found.len(), size);
        assert_eq!(found[size - 2].environments.len(), size);
    });
}

/// Each move is one operation on all prompts. It must not be read once for each prompt.
#[test]
fn moves_of_many_prompts_are_undone() {
    let moved = |store: &Store, size| {
        let ids = prompts(store, size);
        for to in ["1.0", "1.1", "1.0", "1.1"] {
            store.update_environments(moves(&ids, 1, to)).unwrap();
        }
        ids
    };
    grows(50, moved, |store, _, ids| {
        store.undo_newest().unwrap();
        let at = store.version(of(ids[3], "env-0")).unwrap();
        assert_eq!(at.number.minor, 0);
        let last = store.position().unwrap().number();
        store.undo_with_later(last - 3).unwrap();
    });
    grows(50, moved, |store, _, _| {
        assert!(store.verify().unwrap().is_clean());
    });
}

#[test]
fn a_move_of_many_prompts_is_undone_and_redone() {
    let undone = |store: &Store, size| {
        let ids = prompts(store, size);
        store.update_environments(moves(&ids, 1, "1.0")).unwrap();
        ids
    };
    grows(50, undone, |store, _, ids| {
        let last = store.position().unwrap().number();
        let undone = store.undo_with_later(last).unwrap();
        store.undo(&undone).unwrap();
        assert!(store.version(of(ids[3], "env-0")).is_ok());
    });
}

#[test]
fn prompts_are_found_by_name_and_versions_by_number() {
    grows(100, prompts, |store, size, _| {
        for number in 0..size {
            let name = format!("prompt {number}");
            assert_eq!(store.prompt(&*name).unwrap().versions, 2);
        }
    });
    grows(100, versions, |store, size, id| {
        for number in 0..size {
            let version = store.version(of(id, &format!("1.{number}"))).unwrap();
            assert_eq!(version.number.minor as usize, number);
        }
        let absent = format!("1.{size}");
        assert!(store.version(of(id, &absent)).is_err());
    });
}

/// The work of a single call does not depend on the size of the store.
#[test]
fn single_calls_do_not_grow_with_the_store() {
    for place in ["directory", "memory"] {
        let count = |size: usize| {
            let directory = tempfile::tempdir().unwrap();
            let options = StoreOptions::new().durability(Durability::Relaxed).seed(7);
            let store = match place {
                "directory" => options.create(directory.path()).unwrap(),
                _ => options.in_memory().unwrap(),
            };
            let id = versions(&store, size);
            store
                .update_environments(moves(&[id], size, "1.1"))
                .unwrap();
            prompts(&store, size);
            work_counter::steps(|| {
                store.commit(NewVersion::new(id, body(size))).unwrap();
                store.set_environment(id, "env-7", "1.3").unwrap();
                store.delete_version(of(id, "latest")).unwrap();
                store.version("prompt 7@latest").unwrap();
                let all = VersionFilter::default();
                let page = store.versions(id).with_filter(&all).page(None, 10).unwrap();
                store
                    .versions(id)
                    .with_filter(&all)
                    .page(page.last().map(|one| one.id), 10)
                    .unwrap();
                store.rename("prompt 7", "renamed").unwrap();
                store.set_tags("renamed", &["a"]).unwrap();
            })
        };
        let (small, large) = (count(50), count(400));
        assert!(
            large < 2 * small,
            "{place}: {small} steps at 50, {large} at 400"
        );
    }
}

#[test]
fn all_changes_of_many_prompts_are_listed() {
    let moved = |store: &Store, size| {
        let ids = prompts(store, size);
        store.update_environments(moves(&ids, 1, "1.0")).unwrap();
    };
    grows(50, moved, |store, size, ()| {
        let told = store.changes_since(crate::history::LogPosition::START, usize::MAX);
        assert_eq!(told.unwrap().len(), 2 * size + 1);
    });
}

/// An operation on many prompts must not be read once for each prompt.
#[test]
fn moves_of_many_prompts_are_indexed() {
    let count = |size: usize| {
        // A store in memory has no maintenance worker that would do this work earlier.
        let store = Store::in_memory().unwrap();
        let ids = prompts(&store, size);
        store.update_environments(moves(&ids, 1, "1.0")).unwrap();
        let (index, bodies) = (&*store.shared().index, &*store.shared().bodies);
        let steps =
            work_counter::steps(|| assert_eq!(catch_up(index, bodies, |_| true).unwrap(), 0));
        assert!(store.verify().unwrap().is_clean());
        steps
    };
    let (small, large) = (count(50), count(200));
    assert!(large < MOST * small, "{small} steps at 50, {large} at 200");
}

fn asking(variables: usize) -> Body {
    let tags = (0..variables).map(|number| format!("{{{{hc:v{number}:string}}}}"));
    let text = tags.collect::<Vec<_>>().join(" ");
    let body = serde_json::json!({"messages": [{"role": "user", "content": text}]});
    body.try_into().unwrap()
}

#[test]
fn a_body_of_too_many_tags_is_refused_whole() {
    let store = Store::in_memory().unwrap();
    let most = Body::MAX_TEMPLATE_TAGS;
    let id = store
        .create_prompt(NewPrompt::new("asking", asking(most)))
        .unwrap();
    let more = || NewVersion::new(id.prompt.id, asking(most + 1));
    let refused = |error: Error| {
        let text = error.to_string();
        assert!(matches!(error, Error::InvalidBody { .. }), "{text}");
        assert!(text.contains("more than 10000 template tags"), "{text}");
    };
    refused(store.commit(more()).unwrap_err());
    let batch = store.batch(|batch| batch.commit(more()));
    refused(batch.unwrap_err());
    let new = || NewPrompt::new("more", asking(most + 1));
    refused(store.create_prompt(new()).unwrap_err());
    refused(store.batch(|batch| batch.create_prompt(new())).unwrap_err());
    // Text that is not a tag does not count, however long it is.
    let text = "{{hc:none} ".repeat(50_000);
    let body = serde_json::json!({"messages": [{"role": "user", "content": text}]});
    let plain = NewVersion::new(id.prompt.id, body);
    assert_eq!(store.commit(plain).unwrap().number.to_string(), "2.0");
}

#[test]
fn too_many_tags_of_a_prompt_are_refused() {
    let store = Store::in_memory().unwrap();
    let new = NewPrompt::new("tagged", body(0));
    let id = store.create_prompt(new).unwrap().prompt.id;
    let tags: Vec<String> = (0..10_001).map(|number| number.to_string()).collect();
    let error = store.set_tags(id, &tags).unwrap_err().to_string();
    assert!(error.contains("a prompt has 10000 tags at most"), "{error}");
    store.set_tags(id, &tags[1..]).unwrap();
    let tags: Vec<String> = vec!["t".repeat(1024); 1025];
    let error = store.set_tags(id, &tags).unwrap_err().to_string();
    assert!(error.contains("1048576 bytes at most"), "{error}");
    store.set_tags(id, &tags[1..]).unwrap();
}
