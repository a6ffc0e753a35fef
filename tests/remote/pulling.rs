//! Tests of clones and of pulls.

use promptbook::remote::PullOutcome;
use promptbook::{NewPrompt, NewVersion};
use serde_json::json;

use crate::support::{Clone, assert_equal, options, organisation};

#[test]
fn a_clone_has_all_that_the_organisation_has() {
    let fake = organisation();
    let there = fake.store();
    let body = r#"{"model": "gpt-4o",  "seed": 1.0, "messages": []}"#;
    let created = there
        .create_prompt(NewPrompt::new("greeting", body).tags([" a ", "b"]))
        .unwrap();
    let next = NewVersion::new(created.prompt.id, json!({"messages": [1]}));
    there
        .commit(next.message("two\0").environment("staging"))
        .unwrap();
    for name in ["", "a\0b", "greeting"] {
        there
            .create_prompt(NewPrompt::new(name, body).allow_duplicate_name())
            .unwrap();
    }
    let (clone, summary) = Clone::of(&fake);
    assert_eq!((summary.prompts.len(), summary.versions), (4, 5));
    assert!(
        summary.failed.is_empty() && summary.lacking.is_empty(),
        "{summary:?}"
    );
    assert_equal(&clone.store, &there);
    assert_eq!(clone.store.settings().first_version.to_string(), "0.0");

    let again = clone.pull(options(&fake)).unwrap();
    assert_eq!((again.unchanged, again.prompts.len()), (4, 0));
    let undone = clone.store.undo_newest().unwrap().unwrap();
    assert_eq!(undone.content.undoes.len(), 4, "a pull is one group");
}

#[test]
fn a_pull_brings_only_what_is_new() {
    let fake = organisation();
    let there = fake.store();
    let new = |name| NewPrompt::new(name, json!({"messages": []}));
    let kept = there.create_prompt(new("kept")).unwrap();
    let gone = there.create_prompt(new("gone")).unwrap();
    let (clone, _) = Clone::of(&fake);

    there
        .commit(NewVersion::new("kept", json!({"messages": [1]})).environment("production"))
        .unwrap();
    there
        .delete_version((kept.prompt.id, kept.version.id))
        .unwrap();
    there.rename("kept", "renamed").unwrap();
    there.set_tags("renamed", &["new"]).unwrap();
    there.delete_prompt(gone.prompt.id).unwrap();
    there.create_prompt(new("third")).unwrap();
    let before = clone.store.stats().unwrap().operations;
    let planned = clone.pull(options(&fake).dry_run(true)).unwrap();
    assert_eq!(clone.store.stats().unwrap().operations, before);
    let pulled = clone.pull(options(&fake)).unwrap();
    let outcomes = |summary: &promptbook::remote::PullSummary| {
        let of = summary.prompts.iter().map(|prompt| prompt.outcome);
        of.collect::<Vec<_>>()
    };
    use PullOutcome::{Created, Deleted, Updated};
    assert_eq!(outcomes(&pulled), [Updated, Created, Deleted]);
    assert_eq!(outcomes(&planned), outcomes(&pulled));
    assert_eq!(pulled.versions, 2);
    assert_equal(&clone.store, &there);
}
