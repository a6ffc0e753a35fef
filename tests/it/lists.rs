//! Lists: iterators that read pages, their filters and orders, and counts.

use promptbook::history::OperationKind;
use promptbook::list::PromptOrder;
use promptbook::{Batch, Error, NewPrompt, NewVersion, Result, Store, StoreOptions, View};

use crate::support::{Place, body, commit, create, new_store};

/// More rows than an iterator reads at once.
const MANY: usize = 600;

fn many(store: &Store) {
    let fill = |batch: &mut Batch<'_>| {
        for number in 0..MANY {
            let new = NewPrompt::new(format!("prompt {number:03}"), body(number));
            batch.create_prompt(if number % 2 == 0 {
                new.tag("even")
            } else {
                new
            })?;
        }
        Ok(())
    };
    store.batch(fill).unwrap();
    let fill = |batch: &mut Batch<'_>| {
        for number in 1..MANY {
            let new = NewVersion::new("prompt 000", body(format!("version {number}")));
            batch.commit(if number % 3 == 0 {
                new.bump(promptbook::Bump::Major)
            } else {
                new
            })?;
        }
        Ok(())
    };
    store.batch(fill).unwrap();
}

fn names(view: &View, order: PromptOrder) -> Vec<String> {
    let prompts = view.prompts().order_by(order).into_iter();
    prompts
        .map(|prompt| prompt.unwrap().name.to_string())
        .collect()
}

#[test]
fn iterators_read_every_row_once() {
    let stores = [new_store(), new_store()];
    let place = Place::new();
    let directory = place.create();
    for store in stores.iter().take(1).chain([&directory]) {
        many(store);
        let last = store.operations().page(None, 1).unwrap()[0].number;
        let past = store.at(last).unwrap();
        for view in [store.as_view(), &past] {
            let by_name = names(view, PromptOrder::Name);
            assert_eq!(by_name.len(), MANY);
            assert!(by_name.is_sorted());
            let mut newest = names(view, PromptOrder::Newest);
            newest.reverse();
            assert_eq!(newest, by_name);
            let changed = names(view, PromptOrder::LastChange);
            assert_eq!(changed[0], "prompt 000");
            assert_eq!(view.prompts().tag("even").count().unwrap(), MANY as u64 / 2);
            let found = view.prompts().name_contains("PROMPT 00").tag("even");
            assert_eq!(found.clone().count().unwrap(), 5);
            assert_eq!(found.into_iter().count(), 5);

            let versions: Result<Vec<_>> = view.versions("prompt 000").into_iter().collect();
            let versions = versions.unwrap();
            assert_eq!(versions.len(), MANY);
            let of_two = versions.iter().filter(|version| version.number.major == 2);
            let listed = view.versions("prompt 000").major(2);
            let listed: Result<Vec<_>> = listed.into_iter().collect();
            assert!(of_two.eq(&listed.unwrap()));
            let counted = view.versions("prompt 000").major(2).count().unwrap();
            assert_eq!(counted, 3);
            assert_eq!(view.versions("prompt 000").count().unwrap(), MANY as u64);
        }
        let numbers = store.operations().into_iter();
        let numbers: Vec<u64> = numbers.map(|one| one.unwrap().number).collect();
        assert!(numbers.iter().rev().copied().eq(1..=last));
        assert_eq!(store.operations().count().unwrap(), last);
    }
}

#[test]
fn operations_are_filtered_by_author_and_kind() {
    let place = Place::new();
    for (author, name) in [("ann", "one"), ("bob", "two"), ("ann", "three")] {
        let options = StoreOptions::new().author(author);
        let store = place.open_or_create_with(&options);
        create(&store, name);
        commit(&store, name, "more");
        store.set_tags(name, &["tag"]).unwrap();
    }
    let store = place.open();
    let count = |author: &str| store.operations().author(author).count().unwrap();
    assert_eq!((count("ann"), count("bob"), count("eve")), (6, 3, 0));
    let of_bob = store.operations().author("bob").page(None, 2).unwrap();
    let numbers: Vec<u64> = of_bob.iter().map(|one| one.number).collect();
    assert_eq!(numbers, [6, 5]);
    let next = store.operations().author("bob").page(Some(5), 2).unwrap();
    assert_eq!(next.len(), 1);
    let tagged = store.operations().kind(OperationKind::Tag).prompt("one");
    let tagged: Result<Vec<_>> = tagged.into_iter().collect();
    assert_eq!(tagged.unwrap().len(), 1);
    let moved = store.operations().environment("production");
    assert_eq!(moved.count().unwrap(), 3);
    let one = store.prompt("one").unwrap().id;
    store.delete_prompt("one").unwrap();
    assert_eq!(store.operations().prompt(one).count().unwrap(), 4);
}

#[test]
fn what_is_not_valid_is_an_error_of_the_call() {
    let store = new_store();
    let mut rows = store.versions("missing").into_iter();
    assert!(matches!(
        rows.next(),
        Some(Err(Error::PromptNotFound { .. }))
    ));
    assert!(rows.next().is_none(), "after an error it ends");
    assert!(store.versions("").count().is_err());
    let mut rows = store.operations().environment("").into_iter();
    assert!(matches!(rows.next(), Some(Err(_))));
    assert!(rows.next().is_none());
    assert_eq!(store.prompts().into_iter().count(), 0);
    assert!(store.operations().page(None, 0).unwrap().is_empty());
}
