//! Moves of environments to versions that break callers of the ones that they point to.

use promptbook::{
    Bump, BumpPolicy, EnvironmentUpdate, Error, ErrorKind, NewPrompt, NewVersion, Store,
    StoreOptions,
};

use crate::support::new_store;

fn body(text: &str) -> String {
    format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#)
}

const ONE: &str = "Hi {{hc:name:string}}";
const TWO: &str = "Hi {{hc:name:string}}, {{hc:age:number}}";

/// Version 1.0 is in production, and 2.0 breaks its callers.
fn two_majors(store: &Store) {
    store.create_prompt(NewPrompt::new("p", body(ONE))).unwrap();
    let version = store.commit(NewVersion::new("p", body(TWO))).unwrap();
    assert_eq!(version.number.to_string(), "2.0");
}

fn production(store: &Store) -> String {
    let version = store.version("p@production").unwrap();
    version.number.to_string()
}

#[track_caller]
fn assert_refused<T: std::fmt::Debug>(result: Result<T, Error>, to: Option<&str>) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Refused);
    assert_eq!(error.breakages().len(), 1, "{error}");
    match error {
        Error::BreakingMove {
            prompt,
            environment,
            to: number,
            ..
        } => {
            assert_eq!(
                (prompt.name.unwrap().as_str(), environment.as_str()),
                ("p", "production")
            );
            assert_eq!(number.map(|number| number.to_string()).as_deref(), to);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_breaking_move_is_refused_unless_it_is_allowed() {
    let store = new_store();
    two_majors(&store);
    let operations = store.operations().count().unwrap();
    assert_refused(store.set_environment("p", "production", "2.0"), Some("2.0"));
    assert_refused(
        store.batch(|batch| batch.set_environment("p", "production", "2.0")),
        Some("2.0"),
    );
    // All or none of several updates.
    let updates = [
        EnvironmentUpdate::set("p", "staging", "2.0"),
        EnvironmentUpdate::set("p", "production", "2.0"),
    ];
    assert_refused(store.update_environments(updates), Some("2.0"));
    assert_eq!(store.operations().count().unwrap(), operations);

    let update = EnvironmentUpdate::set("p", "production", "2.0").allow_breaking();
    let moved = store.update_environment(update).unwrap();
    assert_eq!(moved.breakages.len(), 1);
    // A version that was there before may return, whatever it breaks.
    store.set_environment("p", "production", "1.0").unwrap();
    let moved = store.set_environment("p", "production", "2.0").unwrap();
    assert_eq!(moved.breakages.len(), 1);
    // So may one that an undo takes back.
    store.undo_newest().unwrap();
    assert_eq!(production(&store), "1.0");
}

#[test]
fn an_environment_that_points_nowhere_has_no_callers() {
    let store = new_store();
    two_majors(&store);
    let moved = store.set_environment("p", "dev", "2.0").unwrap();
    assert_eq!(moved.breakages, []);
    store.remove_environment("p", "production").unwrap();
    store.set_environment("p", "production", "2.0").unwrap();
}

#[test]
fn a_free_store_compares_nothing() {
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .in_memory()
        .unwrap();
    two_majors(&store);
    let moved = store.set_environment("p", "production", "2.0").unwrap();
    assert_eq!(moved.breakages, []);
    let new = NewVersion::new("p", body("Hi {{hc:other:string}}"));
    store.commit(new.environment("production")).unwrap();
}

#[test]
fn a_commit_is_compared_with_the_version_of_its_environment() {
    let store = new_store();
    two_majors(&store);
    // It breaks no caller of its base, 2.0, but those of 1.0.
    let new = NewVersion::new("p", body(&TWO.replace("Hi", "Hello"))).environment("production");
    let versions = || store.prompt("p").unwrap().versions;
    assert_refused(store.commit(new.clone()), None);
    assert_refused(store.batch(|batch| batch.commit(new.clone())), None);
    assert_refused(store.commit(new.clone().bump(Bump::Minor)), None);
    assert_eq!(versions(), 2);
    // The other way round: a major version of 2.0 that breaks no caller of 1.0.
    let back = NewVersion::new("p", body(ONE)).environment("production");
    assert_eq!(store.commit(back).unwrap().number.to_string(), "3.0");
    let major = new.clone().bump(Bump::Major);
    assert_eq!(store.commit(major).unwrap().number.to_string(), "4.0");
    assert_eq!(production(&store), "4.0");
    let shorter = NewVersion::new("p", body("Hi {{hc:age:number}}")).environment("production");
    assert_refused(store.commit(shorter.clone()), None);
    store.commit(shorter.allow_breaking()).unwrap();
}

#[test]
fn an_unchanged_body_moves_its_environment_by_the_same_rule() {
    let store = new_store();
    two_majors(&store);
    let same = NewVersion::new("p", body(TWO)).environment("production");
    assert_refused(store.commit_if_changed(same.clone()), Some("2.0"));
    let ensured = store.commit_if_changed(same.allow_breaking()).unwrap();
    assert!(!ensured.created);
    assert_eq!(production(&store), "2.0");
}

/// Large bodies are compared before the transaction.
#[test]
fn large_bodies_follow_the_same_rule() {
    let store = new_store();
    let large = |text: &str| body(&format!("{text} {}", "x".repeat(80_000)));
    store
        .create_prompt(NewPrompt::new("p", large(ONE)))
        .unwrap();
    let new = NewVersion::new("p", large(TWO));
    assert_refused(store.commit(new.clone().environment("production")), None);
    store.commit(new).unwrap();
    assert_refused(store.set_environment("p", "production", "2.0"), Some("2.0"));
    store
        .commit(NewVersion::new("p", large("Hello {{hc:name:string}}")).base("1.0"))
        .unwrap();
    store.set_environment("p", "production", "1.1").unwrap();
}

/// The contract of a version includes its partials.
#[test]
fn partials_count() {
    let store = new_store();
    let tone = store
        .create_prompt(NewPrompt::new("tone", body("Be warm")))
        .unwrap();
    store
        .create_prompt(NewPrompt::new("p", body("Hi")))
        .unwrap();
    store
        .commit(NewVersion::new("tone", body("{{hc:tone:string}}")))
        .unwrap();
    let tag = format!("{{{{hcp:{}:0:dev}}}}", tone.prompt.id);
    let version = store.commit(
        NewVersion::new("p", body(&tag))
            .force(true)
            .bump(Bump::Minor),
    );
    let version = version.unwrap().id;
    store.set_environment("tone", "dev", "2.0").unwrap();
    assert_refused(
        store.set_environment("p", "production", version),
        Some("1.1"),
    );
    let back = EnvironmentUpdate::set("tone", "dev", "1.0").allow_breaking();
    store.update_environment(back).unwrap();
    store.set_environment("p", "production", version).unwrap();
}
