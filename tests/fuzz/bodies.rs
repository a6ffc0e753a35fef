//! Fuzz target for bodies: every body is stored byte for byte, and every call on it returns.
//!
//! The input is up to four bodies, the versions of one prompt, separated by a zero byte.

use std::io::Cursor;

use chrono::DateTime;
use promptbook::diff::diff;
use promptbook::frozen::Frozen;
use promptbook::{Body, BumpPolicy, Error, Json, NewPrompt, NewVersion, Store, StoreOptions};

pub fn holds(data: &[u8]) {
    let texts = data.split(|byte| *byte == 0).take(4);
    let bodies: Vec<Body> = texts.filter_map(accepted).collect();
    for (before, after) in bodies.iter().zip(bodies.iter().skip(1)) {
        let (before, after): (&Json, &Json) = (before.as_ref(), after.as_ref());
        let difference = diff(before, after);
        assert_eq!(difference.apply(before).as_ref(), Ok(after));
        assert_eq!(difference.is_empty(), before == after);
    }
    if let Some((first, later)) = bodies.split_first() {
        are_kept(first, later);
    }
}

fn accepted(text: &[u8]) -> Option<Body> {
    let body = Body::try_from(text).ok()?;
    assert_eq!(body.as_bytes(), text);
    let written = Body::try_from(body.json()).unwrap();
    assert_eq!(
        written.json(),
        body.json(),
        "JSON differs after it is written and read"
    );
    Some(body)
}

fn are_kept(first: &Body, later: &[Body]) {
    let options = StoreOptions::new().seed(7).policy(BumpPolicy::Free);
    let options = options.clock(|| DateTime::UNIX_EPOCH);
    let store = options.in_memory().unwrap();
    let created = store.create_prompt(NewPrompt::new("p", first.clone()));
    let mut versions = vec![created.unwrap().version];
    for body in later {
        let new = NewVersion::new("p", body.clone());
        versions.push(store.commit(new).unwrap());
    }
    for (version, body) in versions.iter().zip([first].into_iter().chain(later)) {
        let resolved = store.resolve(version.id).unwrap();
        assert_eq!(resolved.body.text(), body.text());
        assert_eq!(resolved.version.model.as_deref(), body.model());
        store.contract(version.id).unwrap();
        store.blame(version.id).unwrap();
        store.breakages(versions[0].id, version.id).unwrap();
    }
    // Searches for words of the text, as a user would.
    for word in first.text().split_whitespace().take(3) {
        match store.search(word, 9) {
            Ok(_) | Err(Error::InvalidArgument(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    if let Ok(frozen) = store.freeze("production") {
        let read = Frozen::from_bytes(frozen.as_bytes()).unwrap();
        assert_eq!(read.seal(), frozen.seal());
    }
    is_carried(&store);
}

/// Checks that a bundle of the store makes the same store.
fn is_carried(store: &Store) {
    let mut bundle = Vec::new();
    let summary = store.export_bundle(&mut bundle).unwrap();
    let other = Store::in_memory().unwrap();
    let imported = other.import_bundle(Cursor::new(bundle)).unwrap();
    assert_eq!(imported.head, summary.head);
    for store in [store, &other] {
        let report = store.verify().unwrap();
        assert!(report.is_clean(), "{:?}", report.violations);
        assert_eq!(report.head, summary.head);
    }
}
