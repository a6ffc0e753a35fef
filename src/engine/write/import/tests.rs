//! Tests of imports, on a store in memory and on one in a directory.

use chrono::TimeDelta;

use super::*;
use crate::model::version_number::Bump;
use crate::model::record::{OperationFilter};
use crate::{NewPrompt, NewVersion, Store, StoreOptions};

fn body(number: u32) -> Body {
    let text = format!(r#"{{"model": "m{number}",  "messages": []}}"#);
    Body::try_from(text).unwrap()
}

fn version(number: u32) -> PortableVersion {
    PortableVersion {
        id: None,
        number: None,
        message: format!("message {number}"),
        author: None,
        created_at: None,
        environments: Some(Vec::new()),
        inputs: Vec::new(),
        body: body(number),
    }
}

fn numbered(number: &str) -> PortableVersion {
    PortableVersion {
        number: Some(number.parse().unwrap()),
        ..version(1)
    }
}

fn prompt(versions: Vec<PortableVersion>) -> PortablePrompt {
    PortablePrompt {
        id: None,
        name: "imported".parse().unwrap(),
        tags: vec!["a".into(), "b".into()],
        created_at: None,
        versions,
    }
}

fn version_id(number: u8) -> VersionId {
    VersionId::from_bytes([number; 16])
}

fn names(names: &[&str]) -> Vec<EnvironmentName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn import(store: &Store, prompt: &PortablePrompt) -> Result<PromptId> {
    store.batch(|batch| batch.import(prompt))
}

/// Runs a test on each kind of store, and verifies the store afterwards.
fn on_both(test: impl Fn(&Store)) {
    let place = tempfile::tempdir().unwrap();
    let options = StoreOptions::new().author("importer");
    for store in [options.in_memory(), options.create(place.path())] {
        let store = store.unwrap();
        test(&store);
        let report = store.verify().unwrap();
        assert!(report.is_clean(), "{:?}", report.violations);
    }
}

#[test]
fn an_import_preserves_ids_numbers_times_and_environments() {
    on_both(|store| {
        let at: DateTime<Utc> = "2025-01-02T03:04:05.123456789Z".parse().unwrap();
        let day = |days| Some(at + TimeDelta::days(days));
        let mut given = prompt(vec![version(1), version(2), version(1)]);
        given.id = Some("abc123".parse().unwrap());
        given.created_at = Some(at);
        for (number, version) in (1..).zip(&mut given.versions) {
            version.id = Some(version_id(number));
            version.author = Some(format!("author {number}"));
            version.created_at = day(number.into());
        }
        given.versions[0].number = Some("3.7".parse().unwrap());
        given.versions[2].number = Some("2.0".parse().unwrap());
        given.versions[0].environments = names(&["production", "staging"]);
        given.versions[2].environments = names(&["dev"]);
        let id = import(store, &given).unwrap();

        let found = store.prompt(id).unwrap();
        assert_eq!((found.id, &found.name), (given.id.unwrap(), &given.name));
        assert_eq!((found.created_at, &found.tags), (kept(at), &given.tags));
        assert_eq!(found.latest, Some("3.8".parse().unwrap()));
        let mut versions = store
            .versions(id).page(None, usize::MAX)
            .unwrap();
        versions.reverse();
        let numbers: Vec<String> = versions.iter().map(|v| v.number.to_string()).collect();
        assert_eq!(numbers, ["3.7", "3.8", "2.0"]);
        for (number, (found, given)) in (1..).zip(versions.iter().zip(&given.versions)) {
            assert_eq!(found.id, version_id(number));
            assert_eq!(
                (&found.message, Some(&found.author)),
                (&given.message, given.author.as_ref())
            );
            assert_eq!(found.created_at, kept(given.created_at.unwrap()));
            assert_eq!(
                (found.blob, found.environments.len()),
                (given.body.id(), given.environments.len())
            );
            assert_eq!(
                store.resolve(found.id).unwrap().body.text(),
                given.body.text()
            );
        }
        assert_eq!(versions[1].base, Some(versions[0].id));
        assert_eq!(store.version("imported@staging").unwrap().id, version_id(1));
        assert_eq!(store.version("imported@dev").unwrap().id, version_id(3));
    });
}

#[test]
fn an_import_is_one_operation() {
    on_both(|store| {
        let mut given = prompt(vec![version(1), version(2)]);
        given.versions[1].environments = names(&["production"]);
        let id = import(store, &given).unwrap();
        let operations = store
            .operations().page(None, 9)
            .unwrap();
        let [operation] = &operations[..] else {
            panic!("{operations:?}")
        };
        let content = &operation.content;
        assert_eq!(content.kind, OperationKind::Import);
        assert_eq!(content.kind.as_str(), "import");
        assert_eq!(content.author, "importer");
        assert_eq!(content.at, store.prompt(id).unwrap().created_at);
        assert!(matches!(
            &content.changes[..],
            [
                Change::Prompt { before: None, .. },
                Change::VersionCreated(_),
                Change::VersionCreated(_),
                Change::Environment { before: None, .. },
            ]
        ));
        let version = store.version("imported@production").unwrap();
        assert_eq!(
            (&*version.author, version.created_at),
            ("importer", content.at)
        );
    });
}

#[test]
fn numbers_continue_after_the_imported_ones() {
    on_both(|store| {
        let id = import(
            store,
            &prompt(vec![numbered("2.5"), numbered("7.0"), numbered("2.1")]),
        );
        let id = id.unwrap();
        let commit = |base: &str, bump| {
            let new = NewVersion::new(id, body(9)).bump(bump);
            let base: crate::Selector = base.parse().unwrap();
            store.commit(new.base(base)).unwrap().number.to_string()
        };
        assert_eq!(commit("2.1", Bump::Minor), "2.6");
        assert_eq!(commit("latest", Bump::Minor), "7.1");
        assert_eq!(commit("2.5", Bump::Major), "8.0");
        store.delete_prompt(id).unwrap();
    });
}

#[test]
fn a_first_version_without_a_number_gets_the_first_number_of_the_store() {
    let store = StoreOptions::new().first_version(0, 0).in_memory().unwrap();
    import(&store, &prompt(vec![version(1), version(2)])).unwrap();
    assert_eq!(store.version("imported").unwrap().number.to_string(), "0.1");
}

#[test]
fn a_prompt_without_versions_is_imported() {
    on_both(|store| {
        let id = import(store, &prompt(Vec::new())).unwrap();
        assert_eq!(store.prompt(id).unwrap().versions, 0);
        let first = store.commit(NewVersion::new(id, body(1))).unwrap();
        assert_eq!(first.number.to_string(), "1.0");
    });
}

#[test]
fn a_breaking_version_is_imported_as_a_minor() {
    on_both(|store| {
        let mut breaking = version(2);
        let text = r#"{"messages": [{"role": "user", "content": "{{hc:name:string}}"}]}"#;
        breaking.body = Body::try_from(text).unwrap();
        import(store, &prompt(vec![version(1), breaking])).unwrap();
        assert_eq!(store.version("imported").unwrap().number.to_string(), "1.1");
    });
}

#[test]
fn recorded_inputs_are_imported() {
    on_both(|store| {
        let at = DateTime::from_timestamp_micros(1_700_000_000_000_001);
        let inputs = PortableInputs {
            request_id: "request".into(),
            inputs: Map::from_iter([("name".into(), "Ada".into())]),
            environment: Some(EnvironmentName::production()),
            recorded_at: at,
        };
        let mut given = prompt(vec![version(1)]);
        given.versions[0].id = Some(version_id(1));
        given.versions[0].inputs = vec![inputs.clone()];
        import(store, &given).unwrap();
        let found = store.inputs(version_id(1), "request").unwrap();
        assert_eq!(
            (found.inputs.into_map(), found.environment),
            (inputs.inputs, inputs.environment)
        );
        assert_eq!(Some(found.recorded_at), at);
    });
}

#[test]
fn a_contradictory_import_is_refused_before_any_write() {
    let twice = |change: &dyn Fn(&mut PortableVersion)| {
        let mut given = prompt(vec![numbered("1.0"), numbered("1.1")]);
        given.versions.iter_mut().for_each(change);
        given
    };
    let inputs = PortableInputs {
        request_id: "request".into(),
        inputs: Map::new(),
        environment: None,
        recorded_at: None,
    };
    let mut long = prompt(Vec::new());
    long.tags.push("t".repeat(64 * 1024 + 1));
    let refused = [
        ("tag", long),
        (
            "commit message",
            twice(&|version| version.message = "m".repeat(64 * 1024 + 1)),
        ),
        (
            "version number",
            twice(&|version| version.number = Some(VersionNumber::new(1, 0))),
        ),
        (
            "version number",
            prompt(vec![numbered("1.1"), numbered("1.0"), version(3)]),
        ),
        (
            "version id",
            twice(&|version| version.id = Some(version_id(1))),
        ),
        (
            "environment name",
            twice(&|version| version.environments = names(&["dev"])),
        ),
        (
            "request id",
            twice(&|version| version.inputs = vec![inputs.clone(), inputs.clone()]),
        ),
    ];
    on_both(|store| {
        for (what, given) in &refused {
            // The batch is committed nevertheless, to show that it contains nothing. ~306 In the
            // second round the ids belong to a deleted prompt.
            let error = store
                .batch(|batch| Ok(batch.import(given).unwrap_err()))
                .unwrap();
            assert!(
                matches!(&error, Error::InvalidArgument(invalid) if invalid.what == *what),
                "{error}"
            );
        }
        let last = prompt(vec![numbered(&format!("1.{}", u32::MAX)), version(2)]);
        let error = import(store, &last).unwrap_err();
        assert!(matches!(error, Error::NumbersExhausted { .. }), "{error}");
        assert_eq!(store.stats().unwrap().operations, 0);
        assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    });
}

#[test]
fn ids_that_are_or_were_taken_are_refused() {
    on_both(|store| {
        let mut given = prompt(vec![version(1)]);
        given.id = Some("abc123".parse().unwrap());
        given.versions[0].id = Some(version_id(1));
        let id = import(store, &given).unwrap();
        for _ in 0..2 {
            let error = import(store, &given).unwrap_err();
            assert!(
                matches!(error, Error::PromptIdTaken { id } if Some(id) == given.id),
                "{error}"
            );
            let mut other = given.clone();
            other.id = None;
            let error = import(store, &other).unwrap_err();
            assert!(
                matches!(error, Error::VersionIdTaken { id } if id == version_id(1)),
                "{error}"
            );
            let _ = store.delete_prompt(id); // Now they were.
        }
        assert_eq!(store.prompts().count().unwrap(), 0);
    });
}

/// Stores with the same seed draw the same ids, at least at the same time.
#[test]
fn a_reserved_id_is_not_drawn() {
    let options = StoreOptions::new().seed(7).clock(DateTime::<Utc>::default);
    let drawn = options.in_memory().unwrap();
    let drawn = drawn
        .create_prompt(NewPrompt::new("p", body(1)))
        .unwrap();
    let mut second = prompt(vec![version(2), version(3)]);
    second.id = Some(drawn.prompt.id);
    second.versions[1].id = Some(drawn.version.id);
    let store = options.in_memory().unwrap();
    store
        .batch(|batch| {
            let prompts = [prompt(vec![version(1)]), second];
            batch.reserve(&prompts);
            prompts
                .iter()
                .try_for_each(|prompt| batch.import(prompt).map(drop))
        })
        .unwrap();
    assert_eq!(store.prompts().count().unwrap(), 2);
}

#[test]
fn times_are_stored_to_the_microsecond() {
    on_both(|store| {
        for at in [
            "1901-02-03T04:05:06.789Z",
            "2016-12-31T23:59:60.5Z",
            "+12345-01-01T00:00:00.000001Z",
            "-0044-03-15T12:00:00Z",
        ] {
            let mut given = prompt(vec![version(1)]);
            given.created_at = Some(at.parse().unwrap());
            import(store, &given).unwrap();
        }
    });
}
