//! The calls that an app makes most, as an app writes them.

use std::sync::Barrier;

use promptbook::changes::RenameOptions;
use promptbook::error::OpenError;
use promptbook::{
    Error, ErrorKind, Inputs, NewPrompt, NewVersion, PromptSource, Result, Store, StoreOptions,
    VersionSpec,
};
use serde_json::json;

use crate::support::{Place, new_store};

const BODY: &str = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;
const WARM: &str =
    r#"{"messages": [{"role": "user", "content": "Warmly greet {{hc:name:string}}."}]}"#;

fn seed(store: &Store) -> Result<()> {
    let name = String::from("greeting");
    store.ensure_prompt(NewPrompt::new("greeting", BODY))?;
    store.commit_if_changed(NewVersion::new("greeting", WARM))?;
    store.set_environment(&name, "production", "^1")?;
    Ok(())
}

#[test]
fn an_app_can_be_run_twice() -> Result<()> {
    let place = Place::new();
    let name = String::from("greeting");
    for _ in 0..2 {
        let store = place.open_or_create_with(&StoreOptions::new());
        seed(&store)?;
        let text = store.render((&name, "production"), [("name", "Ada")])?;
        assert_eq!(text.body["messages"][0]["content"], "Warmly greet Ada.");
        assert_eq!(store.prompt("greeting")?.versions, 2);
        assert_eq!(store.prompts().count()?, 1);
    }
    Ok(())
}

#[test]
fn an_error_of_opening_has_its_own_type_and_converts() {
    fn open(path: &std::path::Path) -> Result<Store> {
        Ok(Store::open(path)?)
    }
    let place = Place::new();
    let path = place.path().join("none");
    let Err(error @ OpenError::NotAStore { .. }) = Store::open(&path) else {
        panic!("it opened a store that does not exist");
    };
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(!error.is_retryable());
    let converted = open(&path).unwrap_err();
    assert_eq!(converted.to_string(), error.to_string());
    assert_eq!(converted.kind(), error.kind());
    assert!(matches!(
        converted,
        Error::Open(OpenError::NotAStore { .. })
    ));

    // A failure of the index is the same variant, whichever call it fails.
    std::fs::create_dir_all(path.join("blobs/ab")).unwrap();
    std::fs::write(path.join("index.db"), [0; 8192]).unwrap();
    let damaged = Store::open(&path).unwrap_err();
    assert_eq!(damaged.kind(), ErrorKind::Corrupt);
    assert!(matches!(damaged, OpenError::Storage(_)), "{damaged:?}");
    assert!(matches!(open(&path), Err(Error::Storage(_))));
}

#[test]
fn a_refused_commit_says_why() -> Result<()> {
    let store = new_store();
    seed(&store)?;
    let new = NewVersion::new(
        "greeting",
        json!({"messages": [{"role": "user", "content": "{{hc:age:number}}"}]}),
    )
    .message("Be warm")
    .environment("staging")
    .bump(promptbook::Bump::Minor);
    match store.commit(new) {
        Err(error) if error.kind() == ErrorKind::Refused => {
            assert_eq!(error.breakages().len(), 2, "{error}");
        }
        Err(error) if error.is_retryable() => panic!("{error}"),
        other => panic!("{other:?}"),
    }
    Ok(())
}

#[test]
fn a_builder_keeps_the_first_error_until_it_is_used() {
    let store = new_store();
    seed(&store).unwrap();
    let kind = |result: Result<promptbook::Version>| result.unwrap_err().kind();
    let new = NewVersion::new("greeting", BODY);
    assert_eq!(
        kind(store.commit(new.clone().environment(""))),
        ErrorKind::Invalid
    );
    assert_eq!(kind(store.commit(new.base("^x"))), ErrorKind::Invalid);
    let new = NewVersion::new("greeting", "no JSON").environment("");
    let error = store.commit(new).unwrap_err();
    assert!(
        matches!(error, promptbook::Error::InvalidBody { .. }),
        "{error}"
    );
    assert!(store.create_prompt(NewPrompt::new("x", json!([]))).is_err());
    assert!(store.render("greeting", json!(["no object"])).is_err());
    assert_eq!(store.prompt("greeting").unwrap().versions, 2);
}

#[test]
fn a_store_and_a_frozen_file_are_called_alike() -> Result<()> {
    let store = new_store();
    seed(&store)?;
    let frozen = store.freeze("production")?;
    let name = String::from("greeting");
    for ok in [true, false] {
        let source: &dyn PromptSource = if ok { &store } else { &frozen };
        let text = source.render((&name, "production"), [("name", "Ada")])?;
        assert_eq!(text.body["messages"][0]["content"], "Warmly greet Ada.");
        for selector in ["1.1", "^1", "latest"] {
            source.render((&name, selector), [("name", "Ada")])?;
        }
        for selector in ["1.7", "^2", "staging"] {
            let error = source.render((&name, selector), Inputs::new()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotFound, "{selector}: {error}");
        }
        assert_eq!(source.contract("greeting@production")?.variables.len(), 1);
    }
    Ok(())
}

#[test]
fn an_author_shares_everything_else() -> Result<()> {
    let store = new_store();
    seed(&store)?;
    let as_bob = store.with_author("bob");
    let version = as_bob.commit(NewVersion::new("greeting", BODY))?;
    assert_eq!(version.author, "bob");
    assert_eq!(store.version("greeting")?, version);
    let mine = store.commit(NewVersion::new("greeting", WARM))?;
    assert_eq!(mine.author, store.author());
    let tagged = as_bob.batch(|batch| batch.set_tags("greeting", &["warm"]))?;
    assert_eq!(tagged.tags, ["warm"]);
    let newest = &store.operations().page(None, 1)?[0];
    assert_eq!(newest.content.author, "bob");
    let undone = store.undo_newest()?.unwrap();
    assert_eq!(undone.content.author, store.author());
    Ok(())
}

#[test]
fn only_memory_answers_without_blocking() -> Result<()> {
    let store = new_store();
    seed(&store)?;
    let spec: VersionSpec = "greeting@production".parse()?;
    assert!(store.try_resolve_cached(&spec).is_none());
    let resolved = store.resolve(&spec)?;
    assert_eq!(store.try_resolve_cached(&spec), Some(resolved));
    store.commit(NewVersion::new("greeting", BODY).environment("production"))?;
    assert!(store.try_resolve_cached(&spec).is_none(), "it is stale");
    Ok(())
}

#[test]
fn a_taken_name_is_refused_unless_it_is_asked_for() -> Result<()> {
    let store = new_store();
    let first = store.create_prompt(NewPrompt::new("a", BODY))?.prompt;
    let taken = |error: promptbook::Error| match error {
        promptbook::Error::NameTaken { id, .. } => id,
        other => panic!("{other}"),
    };
    let error = store.create_prompt(NewPrompt::new("a", BODY)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(taken(error), first.id);
    let second = store.create_prompt(NewPrompt::new("b", BODY))?.prompt;
    assert_eq!(taken(store.rename("b", "a").unwrap_err()), first.id);
    assert_eq!(store.rename("b", "b")?.name, second.name);
    let error = store.batch(|batch| batch.create_prompt(NewPrompt::new("a", BODY)));
    assert_eq!(taken(error.unwrap_err()), first.id);

    store.rename_with("b", "a", RenameOptions::new().allow_duplicate_name())?;
    let third = NewPrompt::new("a", BODY).allow_duplicate_name();
    let third = store.create_prompt(third)?.prompt;
    for error in [
        store.prompt("a").map(drop).unwrap_err(),
        store
            .ensure_prompt(NewPrompt::new("a", BODY))
            .map(drop)
            .unwrap_err(),
    ] {
        let promptbook::Error::AmbiguousPrompt { ids, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(ids, [third.id, second.id, first.id]);
    }

    // An undo brings a name back although it was taken in the meantime.
    let store = new_store();
    store.create_prompt(NewPrompt::new("a", BODY))?;
    store.delete_prompt("a")?;
    store.create_prompt(NewPrompt::new("a", BODY))?;
    store.undo(2)?;
    assert_eq!(store.prompt("a").unwrap_err().kind(), ErrorKind::Ambiguous);
    Ok(())
}

#[test]
fn a_commit_of_an_equal_body_moves_the_environment_only() -> Result<()> {
    let store = new_store();
    seed(&store)?;
    let new = NewVersion::new("greeting", WARM);
    let there = store.commit_if_changed(new.clone().environment("staging"))?;
    assert!(!there.created);
    assert_eq!(there.version.number.to_string(), "1.1");
    assert_eq!(store.version("greeting@staging")?, there.version);
    let operations = store.operations().count()?;
    store.commit_if_changed(new.clone().environment("staging"))?;
    assert_eq!(store.operations().count()?, operations);
    // Compared with another base, the body is new.
    let on_first = store.batch(|batch| batch.commit_if_changed(new.base("1.0")))?;
    assert!(on_first.created);
    assert_eq!(on_first.version.number.to_string(), "1.2");
    Ok(())
}

#[test]
fn of_many_that_ensure_a_prompt_one_creates_it() {
    let place = Place::new();
    drop(place.create());
    let start = Barrier::new(4);
    let created: usize = std::thread::scope(|scope| {
        let runs = [(); 4].map(|()| {
            scope.spawn(|| {
                // A handle of its own has its own connections and locks, as a process has.
                let store = place.open();
                start.wait();
                let ensured = store
                    .ensure_prompt(NewPrompt::new("greeting", BODY))
                    .unwrap();
                let committed = store
                    .commit_if_changed(NewVersion::new("greeting", WARM))
                    .unwrap();
                usize::from(ensured.created) + usize::from(committed.created)
            })
        });
        runs.into_iter().map(|run| run.join().unwrap()).sum()
    });
    assert_eq!(created, 2);
    let store = place.open();
    assert_eq!(store.prompt("greeting").unwrap().versions, 2);
    assert_eq!(store.prompts().count().unwrap(), 1);
}
