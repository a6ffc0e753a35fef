//! Version numbers and ids: never reused.

use promptbook::{Bump, BumpPolicy, Error, NewPrompt, NewVersion, Store, StoreOptions};

use crate::support::{Place, body, create, is_sound, new_store_with};

fn both() -> [(Option<Place>, Store); 2] {
    let place = Place::new();
    let options = StoreOptions::new().policy(BumpPolicy::Free);
    let store = place.create_with(&options);
    [(Some(place), store), (None, new_store_with(&options))]
}

fn next(store: &Store, bump: Bump) -> String {
    let new = NewVersion::new("greeting", body(fastrand::u64(..)));
    store.commit(new.bump(bump)).unwrap().number.to_string()
}

#[test]
fn the_number_of_a_deleted_version_is_not_reused() {
    for (_place, store) in both() {
        create(&store, "greeting");
        assert_eq!(next(&store, Bump::Minor), "1.1");
        assert_eq!(next(&store, Bump::Minor), "1.2");
        store.delete_version("greeting@1.2").unwrap();
        assert_eq!(next(&store, Bump::Minor), "1.3", "1.2 was assigned before");
        assert_eq!(next(&store, Bump::Major), "2.0");
        store.delete_version("greeting@2.0").unwrap();
        assert_eq!(next(&store, Bump::Major), "3.0", "2.0 was assigned before");
        for number in ["1.0", "1.1", "1.3", "3.0"] {
            store
                .delete_version(format!("greeting@{number}").as_str())
                .unwrap();
        }
        assert_eq!(
            next(&store, Bump::Auto),
            "4.0",
            "the next major follows the highest that was ever assigned"
        );
        is_sound(&store);
    }
}

#[test]
fn ids_of_a_deleted_prompt_are_not_reused() {
    for (_place, store) in both() {
        let made = create(&store, "greeting");
        store.delete_prompt("greeting").unwrap();
        let again = NewPrompt::new("greeting", body("again")).id(made.prompt.id);
        let refused = store.create_prompt(again);
        assert!(matches!(refused, Err(Error::PromptIdTaken { id }) if id == made.prompt.id));
        assert_eq!(store.operations().page(None, 9).unwrap().len(), 2);
        let other = create(&store, "greeting");
        assert_ne!(other.prompt.id, made.prompt.id);
        assert_ne!(other.version.id, made.version.id);
    }
}

/// Two handles with the same seed draw the same ids. An id that is taken is not assigned, also
/// across handles.
#[test]
fn handles_with_one_seed_assign_different_ids() {
    let place = Place::new();
    let moment = "2026-01-02T03:04:05Z".parse().unwrap();
    let options = StoreOptions::new().seed(1).clock(move || moment);
    let first = place.create_with(&options);
    let second = place.try_open(&options).unwrap();
    let (one, two) = (create(&first, "one"), create(&second, "two"));
    assert_ne!(one.prompt.id, two.prompt.id);
    assert_ne!(one.version.id, two.version.id);
    is_sound(&first);
}

/// The highest possible minor number is listed by its major like any other.
#[test]
fn the_highest_minor_is_listed() {
    let place = Place::new();
    let options = StoreOptions::new().first_version(1, u32::MAX);
    let stores = [place.create_with(&options), new_store_with(&options)];
    for store in stores {
        create(&store, "greeting");
        let filter = promptbook::list::VersionFilter::default().major(1);
        let found = store
            .versions("greeting")
            .with_filter(&filter)
            .page(None, 9)
            .unwrap();
        assert_eq!(found.len(), 1, "1.{} was left out", u32::MAX);
    }
}
