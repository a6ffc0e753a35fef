//! Secrets: what a server keeps in the store for itself.

use super::Test;
use crate::backend::Index;
use crate::backend::testing::{Scribe, portrait};
use crate::record::Durability;

/// All of this topic.
pub const TESTS: &[Test] = &[
    a_secret_is_kept_once_it_is_committed,
    a_secret_of_a_dropped_transaction_is_forgotten,
    a_secret_takes_the_place_of_the_one_before,
    a_held_snapshot_keeps_its_secrets,
    secrets_of_any_name_and_text_are_told_apart,
    a_secret_is_in_no_other_answer,
];

fn put(index: &dyn Index, name: &str, text: &str) {
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.put_secret(name, text).unwrap();
    transaction.commit().unwrap();
}

fn secret(index: &dyn Index, name: &str) -> Option<String> {
    index.snapshot().unwrap().secret(name).unwrap()
}

/// The transaction reads what it put, and every snapshot after the commit does.
pub fn a_secret_is_kept_once_it_is_committed(index: &dyn Index) {
    assert_eq!(secret(index, "signing"), None, "nobody put one");
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.put_secret("signing", "s3cret").unwrap();
    assert_eq!(
        transaction.secret("signing").unwrap().as_deref(),
        Some("s3cret"),
        "a transaction does not read its own secret"
    );
    assert_eq!(secret(index, "signing"), None, "seen before the commit");
    transaction.commit().unwrap();
    assert_eq!(secret(index, "signing").as_deref(), Some("s3cret"));
    Scribe::new(index).create(1, "prompt", &[]);
    assert_eq!(
        secret(index, "signing").as_deref(),
        Some("s3cret"),
        "a later change took it away"
    );
}

/// Without a commit there is none, or the one before.
pub fn a_secret_of_a_dropped_transaction_is_forgotten(index: &dyn Index) {
    for before in [None, Some("first")] {
        if let Some(text) = before {
            put(index, "signing", text);
        }
        let mut transaction = index.transaction(Durability::Full).unwrap();
        transaction.put_secret("signing", "dropped").unwrap();
        drop(transaction);
        assert_eq!(secret(index, "signing").as_deref(), before);
    }
}

/// One name has one secret: the last.
pub fn a_secret_takes_the_place_of_the_one_before(index: &dyn Index) {
    for text in ["first", "second", "second", "third"] {
        put(index, "signing", text);
        assert_eq!(secret(index, "signing").as_deref(), Some(text));
    }
}

/// A snapshot does not change, in this either.
pub fn a_held_snapshot_keeps_its_secrets(index: &dyn Index) {
    put(index, "signing", "first");
    let held = index.snapshot().unwrap();
    assert_eq!(held.secret("signing").unwrap().as_deref(), Some("first"));
    put(index, "signing", "second");
    assert_eq!(
        held.secret("signing").unwrap().as_deref(),
        Some("first"),
        "it changed while it was held"
    );
}

/// Names are compared exactly, and none of them is a setting.
pub fn secrets_of_any_name_and_text_are_told_apart(index: &dyn Index) {
    let settings = index.snapshot().unwrap().settings().unwrap();
    let names = ["", " ", "policy", "secret policy", "Policy", "Ünïcödé"];
    for name in names {
        put(index, name, &format!("text of {name}\n"));
    }
    for name in names {
        let text = secret(index, name);
        assert_eq!(text, Some(format!("text of {name}\n")), "{name:?}");
    }
    assert_eq!(index.snapshot().unwrap().settings().unwrap(), settings);
}

/// It is no operation, and nothing that is listed.
pub fn a_secret_is_in_no_other_answer(index: &dyn Index) {
    let before = portrait(&**index.snapshot().unwrap());
    put(index, "signing", "s3cret");
    assert_eq!(portrait(&**index.snapshot().unwrap()), before);
    assert!(
        !format!("{index:?}").contains("s3cret"),
        "debug output shows it"
    );
}
