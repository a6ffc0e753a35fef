use super::*;
use crate::engine::read::bodies::BodyReader;
use crate::model::id::{EnvironmentName, PromptId};
use crate::storage::testing::values::{
    environment, environment_change, prompt_change, prompt_id, state, version_id, version_restored,
};
use crate::storage::testing::{HistoryWriter, in_memory};

fn body(text: &str) -> Vec<u8> {
    format!(r#"{{"messages": [{{"content": "{text}"}}]}}"#).into_bytes()
}

/// Runs `look` on an index with no operation indexed, and again with all of them indexed.
fn both(
    scribe: impl FnOnce(&mut HistoryWriter<'_>),
    look: impl Fn(&dyn crate::storage::Snapshot, &BodyReader),
) {
    let (index, blobs) = in_memory();
    let bodies = BodyReader::new(blobs);
    scribe(&mut HistoryWriter::new(&*index));
    look(&*index.snapshot().unwrap(), &bodies);
    catch_up(&*index, &bodies, |_| true).unwrap();
    let snapshot = index.snapshot().unwrap();
    assert_eq!(tail_length(&*snapshot).unwrap(), 0);
    look(&*snapshot, &bodies);
}

/// A search finds a version again after an undo restored it.
#[test]
fn a_restored_version_is_found_again() {
    let (index, blobs) = in_memory();
    let bodies = BodyReader::new(blobs);
    let mut scribe = HistoryWriter::new(&*index);
    let found = |word: &str| {
        let snapshot = index.snapshot().unwrap();
        let hits = search(&*snapshot, &bodies, word, 9).unwrap().into_iter();
        hits.map(|hit| hit.matched).collect::<Vec<_>>()
    };
    let tell = || catch_up(&*index, &bodies, |_| true).unwrap();
    scribe.create(1, "name", &[]);
    scribe.commit_body(1, 1, "1.0", &body("first"));
    scribe.commit_body(1, 2, "1.1", &body("second"));
    tell();
    scribe.delete_version(1, 2);
    assert_eq!(found("first"), [MatchedIn::Text]);
    assert_eq!(found("second"), []);
    tell();
    scribe.write(vec![version_restored(prompt_id(1), version_id(2))]);
    for _ in 0..2 {
        assert_eq!(found("first"), []);
        assert_eq!(found("second"), [MatchedIn::Text]);
        assert_eq!(found("message").len(), 2);
        tell();
    }
    scribe.delete_prompt(1);
    assert_eq!(found("message"), []);
    tell();
    scribe.write(vec![
        prompt_change(prompt_id(1), None, Some(state("again", &[]))),
        version_restored(prompt_id(1), version_id(1)),
        environment_change(prompt_id(1), "staging", None, Some(version_id(1))),
    ]);
    for _ in 0..2 {
        assert_eq!(found("first again"), [MatchedIn::Text]);
        assert_eq!(found("name"), []);
        assert_eq!(found("message"), [MatchedIn::Message]);
        tell();
    }
}

/// Only one of two current versions contains all the words, and this one is found.
#[test]
fn the_version_that_contains_all_words_is_found() {
    let scribe = |scribe: &mut HistoryWriter<'_>| {
        scribe.create(1, "name", &[]);
        scribe.commit_body(
            1,
            1,
            "1.0",
            &body("the old brown fox jumps over a lazy dog"),
        );
        scribe.commit_body(
            1,
            2,
            "1.1",
            &body("the quick brown fox jumps over the lazy dog"),
        );
        scribe.point(1, "production", Some(1));
    };
    both(scribe, |snapshot, bodies| {
        let found = |text: &str| {
            let hits = search(snapshot, bodies, text, 9).unwrap().into_iter();
            hits.map(|hit| hit.version.unwrap().id).collect::<Vec<_>>()
        };
        let (old, new) = ([version_id(1)], [version_id(2)]);
        assert_eq!(found("brown dog"), new, "both have it");
        assert_eq!(found("\"old brown fox jumps over a lazy\""), old);
        assert_eq!(found("\"quick brown fox jumps over the lazy\" name"), new);
        assert_eq!(found("jumps-over-a-lazy-do"), old);
        assert_eq!(found("old dog"), old);
        let neither = [
            "old quick",
            "\"quick brown fox jumps over a\"",
            "\"dog the\"",
        ];
        for text in neither {
            assert_eq!(found(text), [], "{text}");
        }
    });
}

fn moved(number: u32, name: &str) -> Vec<(PromptId, EnvironmentName)> {
    vec![(prompt_id(number), environment(name))]
}

/// Prompt 2 contains a partial of 1, 3 one of 2 in staging, and 1 one of 3, which is a cycle.
/// Prompt 4 contains a partial of 3 in an environment that points to no version.
#[test]
fn affected_versions_are_found_at_any_depth() {
    let scribe = |scribe: &mut HistoryWriter<'_>| {
        let bodies = [
            (1, "{{hcp:000003:0}}"),
            (2, "{{hcp:000001:0}} {{hcp:000001:1}}"),
            (3, "{{hcp:000002:0:staging}}"),
            (4, "{{hcp:000003:0:other}}"),
        ];
        for (number, text) in bodies {
            scribe.create(number, "p", &[]);
            scribe.commit_body(number, number, "1.0", &body(text));
        }
        scribe.point(1, "production", Some(1));
        scribe.point(2, "staging", Some(2));
        scribe.point(3, "production", Some(3));
    };
    both(scribe, |snapshot, bodies| {
        let affected = |moved| {
            let users = Dependents::of(snapshot, bodies).unwrap();
            let found = users.affected(moved).unwrap().into_iter();
            let mut ids: Vec<PromptId> = found.map(|version| version.prompt_id).collect();
            ids.sort();
            ids
        };
        let all = [1, 2, 3].map(prompt_id);
        assert_eq!(affected(moved(1, "production")), all, "a cycle");
        assert_eq!(affected(moved(2, "staging")), all);
        assert_eq!(affected(moved(3, "other")), [prompt_id(4)]);
        assert!(affected(moved(2, "production")).is_empty());
        assert!(affected(Vec::new()).is_empty());
        let direct = dependents(snapshot, bodies, prompt_id(1), &environment("production"));
        assert_eq!(direct.unwrap().len(), 1);
    });
}

/// A body that is missing has no text. Everything else is found.
#[test]
fn a_damaged_body_does_not_stop_a_search() {
    let scribe = |scribe: &mut HistoryWriter<'_>| {
        scribe.create(1, "name", &[]);
        let version = scribe.commit_body(1, 1, "1.0", &body("text"));
        scribe.drop_journal(&[version.blob]); // The body is not stored in any other place.
    };
    both(scribe, |snapshot, bodies| {
        assert_eq!(search(snapshot, bodies, "name", 9).unwrap().len(), 1);
        assert!(search(snapshot, bodies, "text", 9).unwrap().is_empty());
    });
}

/// Each search would have to split these bodies into words.
#[test]
fn large_bodies_make_a_tail_long() {
    let (index, _) = in_memory();
    let mut scribe = HistoryWriter::new(&*index);
    let is_long = || tail_is_long(&*index.snapshot().unwrap()).unwrap();
    scribe.create(1, "name", &[]);
    let large = body(&"a ".repeat(70 * 1024));
    scribe.commit_body(1, 1, "1.0", &large);
    assert!(!is_long());
    scribe.commit_body(1, 2, "1.1", &large);
    assert!(is_long());
}
