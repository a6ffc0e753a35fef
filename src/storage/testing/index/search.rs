//! The suite for full text search, which answers from the search index only.

use std::collections::HashSet;
use std::ops::ControlFlow;

use super::Test;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::Durability;
use crate::storage::testing::HistoryWriter;
use crate::storage::testing::values::{
    environment, prompt_id, version_created, version_id, version_restored,
};
use crate::storage::{
    Index, Indexable, IndexedItem, Phrase, SearchMatch, SearchQuery, SearchablePrompt,
    SearchableVersion, Snapshot, WordQuery,
};

/// The tests of this topic.
pub const TESTS: &[Test] = &[
    in_a_new_index_nothing_is_indexed,
    words_and_prefixes_are_found,
    words_of_any_script_are_words,
    all_phrases_must_be_in_the_name_or_the_text,
    each_prompt_is_visited_once_with_its_counts,
    an_update_replaces_what_was_indexed,
    messages_are_found_newest_first_while_their_versions_live,
    dependents_are_found,
    indexed_items_are_visited,
    an_update_is_committed_with_its_transaction,
];

fn words(text: &str) -> WordQuery {
    text.split(' ').collect()
}

/// Returns a query with a phrase for each text. A text that ends in `*` becomes an open phrase.
fn query(phrases: &[&str]) -> SearchQuery {
    let phrase = |text: &&str| Phrase {
        words: words(text.trim_end_matches('*')),
        open: text.ends_with('*'),
    };
    SearchQuery {
        phrases: phrases.iter().map(phrase).collect(),
    }
}

/// Returns a prompt with these current versions and this text.
fn prompt(number: u32, name: &str, versions: &[u32], text: &str) -> SearchablePrompt {
    let version = |number: &u32| SearchableVersion {
        id: version_id(*number),
        partials: Vec::new(),
    };
    SearchablePrompt {
        id: prompt_id(number),
        name: Some(words(name)),
        text: words(text),
        versions: versions.iter().map(version).collect(),
    }
}

fn told(up_to: u64, prompts: Vec<SearchablePrompt>) -> Indexable {
    Indexable {
        up_to,
        prompts,
        messages: Vec::new(),
    }
}

fn tell(index: &dyn Index, news: &Indexable) {
    let mut transaction = index.transaction(Durability::Relaxed).unwrap();
    transaction.index_documents(news).unwrap();
    transaction.commit().unwrap();
}

/// A prompt that was found, and whether its name contains all of the query.
type Found = (PromptId, bool);

fn found(index: &dyn Index, phrases: &[&str], limit: usize) -> Vec<Found> {
    found_in(&*index.snapshot().unwrap(), phrases, limit)
}

fn found_in(snapshot: &dyn Snapshot, phrases: &[&str], limit: usize) -> Vec<Found> {
    let matches = matches(snapshot, phrases, limit);
    let found = matches.into_iter().map(|one| (one.prompt, one.in_name));
    found.collect()
}

fn matches(snapshot: &dyn Snapshot, phrases: &[&str], limit: usize) -> Vec<SearchMatch> {
    let mut found = Vec::new();
    let search = snapshot.search(&query(phrases), &mut |one| {
        if found.len() == limit {
            return ControlFlow::Break(());
        }
        found.push(one);
        ControlFlow::Continue(())
    });
    search.unwrap();
    found
}

fn name(number: u32) -> Found {
    (prompt_id(number), true)
}

fn text(number: u32) -> Found {
    (prompt_id(number), false)
}

/// Writes prompts 1 to 3 with versions 1 to 3, and prompt 4 without a version.
fn filled(index: &dyn Index) -> HistoryWriter<'_> {
    let mut scribe = HistoryWriter::new(index);
    for number in 1..=3 {
        scribe.create(number, "p", &[]);
        scribe.commit(number, number, "1.0");
    }
    scribe.create(4, "p", &[]);
    scribe
}

/// In a new index nothing is indexed for search, whatever was written.
pub fn in_a_new_index_nothing_is_indexed(index: &dyn Index) {
    let up_to = || index.snapshot().unwrap().indexed_through().unwrap();
    assert_eq!(up_to(), 0);
    filled(index);
    assert_eq!(up_to(), 0);
    assert!(found(index, &["p"], 9).is_empty());
    let snapshot = index.snapshot().unwrap();
    let messages = snapshot.search_messages(&query(&["message"]), 9);
    assert!(messages.unwrap().is_empty());
}

/// Whole words and prefixes are found. A query without a phrase finds nothing.
pub fn words_and_prefixes_are_found(index: &dyn Index) {
    filled(index);
    let prompts = vec![
        prompt(1, "one", &[1], "to be or not to be"),
        prompt(2, "two", &[2], "be kind to all and"),
    ];
    tell(index, &told(8, prompts));
    assert_eq!(found(index, &["not"], 9), [text(1)]);
    assert_eq!(found(index, &["to be"], 9), [text(1)], "a phrase");
    assert_eq!(found(index, &["no"], 9), [], "a prefix is not a word");
    assert_eq!(found(index, &["no*"], 9), [text(1)]);
    assert_eq!(found(index, &["kind t*"], 9), [text(2)]);
    assert_eq!(found(index, &["be kin to"], 9), []);
    assert_eq!(found(index, &["ot*"], 9), [], "not the end of a word");
    assert_eq!(
        found(index, &["and"], 9),
        [text(2)],
        "AND is a word, not an operator"
    );
    assert_eq!(found(index, &[], 9), [], "no phrase");
}

/// Words of any script are compared exactly.
pub fn words_of_any_script_are_words(index: &dyn Index) {
    filled(index);
    let strange = "名 か\u{3099} ñandú मुझे 👍a \u{a0}b";
    tell(index, &told(8, vec![prompt(1, "x", &[1], strange)]));
    for word in strange.split(' ') {
        assert_eq!(found(index, &[word], 9), [text(1)], "{word}");
    }
    assert_eq!(found(index, &["名 か\u{3099}"], 9), [text(1)]);
    assert_eq!(found(index, &["か"], 9), []);
    assert_eq!(found(index, &["n*"], 9), [], "ñ is another character");
    assert_eq!(found(index, &["b"], 9), []);
}

/// Each phrase must be contained in the name or in the text, without a gap in between.
pub fn all_phrases_must_be_in_the_name_or_the_text(index: &dyn Index) {
    filled(index);
    let prompts = vec![
        prompt(1, "red house", &[1], "green garden"),
        prompt(2, "red", &[2], "garden"),
    ];
    tell(index, &told(8, prompts));
    assert_eq!(found(index, &["red", "gre*"], 9), [text(1)]);
    assert_eq!(found(index, &["red", "blue"], 9), []);
    assert_eq!(
        found(index, &["house green"], 9),
        [],
        "a phrase does not span name and text"
    );
    let mut apart = prompt(3, "blue", &[3], "green sea");
    apart.text.gap();
    apart.text.push("side");
    apart.text.push("by");
    tell(index, &told(9, vec![apart]));
    assert_eq!(found(index, &["sea side"], 9), []);
    assert_eq!(found(index, &["sea", "side b*"], 9), [text(3)]);
    assert_eq!(found(index, &["red", "garden"], 9).len(), 2);
}

/// Each prompt is visited once, with the counts of words, and as many as the visitor accepts.
pub fn each_prompt_is_visited_once_with_its_counts(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.commit(1, 11, "1.1");
    let mut apart = prompt(3, "three", &[3], "word to");
    apart.text.gap();
    for word in ["word", "wording", "to"] {
        apart.text.push(word);
    }
    let prompts = vec![
        prompt(1, "one", &[1, 11], "other"),
        prompt(3, "three", &[3], "word"),
        prompt(4, "word", &[], ""),
    ];
    tell(index, &told(9, prompts));
    let prompts = vec![
        prompt(1, "one", &[1, 11], "word word words to word"),
        prompt(2, "a word", &[2], "word"),
        apart.clone(),
    ];
    tell(index, &told(10, prompts.clone()));
    let snapshot = index.snapshot().unwrap();
    for phrases in [
        vec!["word"],
        vec!["word*"],
        vec!["word to*", "wo*"],
        vec!["to word"],
    ] {
        let all = matches(&*snapshot, &phrases, usize::MAX);
        let found: HashSet<PromptId> = all.iter().map(|one| one.prompt).collect();
        assert_eq!(found.len(), all.len(), "{all:?}");
        for one in &all {
            let known = prompts.iter().find(|prompt| prompt.id == one.prompt);
            let (name, text) = known.map_or((words("word"), words("")), |known| {
                (known.name.clone().unwrap(), known.text.clone())
            });
            let created_at = snapshot.prompt(one.prompt).unwrap().unwrap().created_at;
            let expected = SearchMatch::of(&query(&phrases), one.prompt, created_at, &name, &text);
            assert_eq!(Some(one), expected.as_ref(), "{phrases:?}");
        }
    }
    let all = found(index, &["word"], 9);
    assert_eq!(all.len(), 4, "{all:?}");
    for expected in [text(1), name(2), text(3), name(4)] {
        assert!(all.contains(&expected), "{all:?}");
    }
    for limit in 0..4 {
        assert_eq!(found(index, &["word"], limit), all[..limit]);
    }
}

/// An update replaces what is indexed of a prompt. Other prompts remain as they are.
pub fn an_update_replaces_what_was_indexed(index: &dyn Index) {
    let mut scribe = filled(index);
    scribe.commit(1, 11, "1.1");
    let prompts = vec![
        prompt(1, "one", &[1, 11], "old older"),
        prompt(2, "two", &[2], "old"),
        prompt(4, "four", &[], ""),
    ];
    tell(index, &told(8, prompts));
    assert_eq!(found(index, &["old*"], 9).len(), 2);
    let prompts = vec![prompt(1, "uno", &[1], "new"), prompt(4, "quattro", &[], "")];
    tell(index, &told(9, prompts));
    assert_eq!(found(index, &["old*"], 9), [text(2)]);
    assert_eq!(found(index, &["one"], 9), []);
    assert_eq!(found(index, &["uno", "new"], 9), [text(1)]);
    assert_eq!(found(index, &["four"], 9), []);
    assert_eq!(found(index, &["quattro"], 9), [name(4)]);
    let gone = SearchablePrompt {
        id: prompt_id(1),
        name: None,
        text: WordQuery::default(),
        versions: Vec::new(),
    };
    tell(index, &told(10, vec![gone]));
    assert_eq!(found(index, &["new"], 9), []);
    assert_eq!(found(index, &["uno"], 9), []);
    let snapshot = index.snapshot().unwrap();
    assert_eq!(snapshot.indexed_through().unwrap(), 10);
}

fn messages(index: &dyn Index, phrases: &[&str], limit: usize) -> Vec<VersionId> {
    let snapshot = index.snapshot().unwrap();
    snapshot.search_messages(&query(phrases), limit).unwrap()
}

/// Messages of live versions are found, newest first.
///
/// A restored version is found again without an update.
pub fn messages_are_found_newest_first_while_their_versions_live(index: &dyn Index) {
    let mut scribe = filled(index);
    let mut news = told(8, Vec::new());
    news.messages = (1..=3)
        .map(|number| (version_id(number), words(&format!("edit number{number}"))))
        .collect();
    tell(index, &news);
    let ids =
        |numbers: &[u32]| -> Vec<VersionId> { numbers.iter().copied().map(version_id).collect() };
    assert_eq!(messages(index, &["edit"], 9), ids(&[3, 2, 1]));
    assert_eq!(messages(index, &["edit"], 2), ids(&[3, 2]));
    assert_eq!(messages(index, &["edit", "number2"], 9), ids(&[2]));
    assert_eq!(messages(index, &["number1", "number2"], 9), ids(&[]));
    assert_eq!(messages(index, &[], 9), ids(&[]));
    assert!(
        found(index, &["edit"], 9).is_empty(),
        "a message is not part of the text"
    );
    scribe.delete_version(3, 3);
    assert_eq!(messages(index, &["edit"], 2), ids(&[2, 1]));
    scribe.write(vec![version_restored(prompt_id(3), version_id(3))]);
    assert_eq!(messages(index, &["edit"], 9), ids(&[3, 2, 1]));
    scribe.delete_prompt(2);
    assert_eq!(messages(index, &["edit"], 9), ids(&[3, 1]));
}

fn partials(named: &[(u32, &str)]) -> Vec<(PromptId, EnvironmentName)> {
    let partial = |(number, name): &(u32, &str)| (prompt_id(*number), environment(name));
    named.iter().map(partial).collect()
}

fn users(index: &dyn Index, number: u32, name: &str) -> Vec<(PromptId, VersionId)> {
    let snapshot = index.snapshot().unwrap();
    let found = snapshot.dependents(prompt_id(number), &environment(name));
    let mut found = found.unwrap();
    found.sort();
    found
}

/// Dependents are found by prompt and environment, whether or not these exist.
pub fn dependents_are_found(index: &dyn Index) {
    filled(index);
    let mut one = prompt(1, "one", &[1], "x");
    one.versions[0].partials = partials(&[(2, "production"), (9, "Production ü")]);
    let mut three = prompt(3, "three", &[3], "x");
    three.versions[0].partials = partials(&[(2, "production"), (2, "staging")]);
    tell(index, &told(8, vec![one, three]));
    let (first, third) = ((prompt_id(1), version_id(1)), (prompt_id(3), version_id(3)));
    assert_eq!(users(index, 2, "production"), [first, third]);
    assert_eq!(users(index, 2, "staging"), [third]);
    assert_eq!(users(index, 9, "Production ü"), [first]);
    assert_eq!(users(index, 9, "production ü"), []);
    assert_eq!(users(index, 1, "production"), []);
    tell(index, &told(9, vec![prompt(3, "three", &[3], "x")]));
    assert_eq!(users(index, 2, "production"), [first]);
    assert_eq!(users(index, 2, "staging"), []);
}

/// Everything that is indexed is visited.
///
/// That is each prompt with its versions and sorted partials, and each message with words.
pub fn indexed_items_are_visited(index: &dyn Index) {
    filled(index);
    let mut one = prompt(1, "one", &[1], "x");
    one.versions[0].partials = partials(&[(2, "staging"), (2, "production")]);
    let mut news = told(8, vec![one, prompt(4, "four", &[], "")]);
    news.messages = vec![
        (version_id(1), words("a")),
        (version_id(2), WordQuery::default()),
    ];
    tell(index, &news);
    let mut visited = Vec::new();
    let snapshot = index.snapshot().unwrap();
    let all = snapshot.each_searchable(&mut |told| {
        visited.push(told);
        ControlFlow::Continue(())
    });
    all.unwrap();
    let named = partials(&[(2, "production"), (2, "staging")]);
    let expected = [
        IndexedItem::Prompt(prompt_id(1), vec![(version_id(1), named)]),
        IndexedItem::Prompt(prompt_id(4), Vec::new()),
        IndexedItem::Message(version_id(1)),
    ];

    assert_eq!(visited.len(), expected.len(), "{visited:?}");
    for one in expected {
        assert!(visited.contains(&one), "{one:?} not in {visited:?}");
    }
}

/// An update takes effect with its transaction's commit.
///
/// A dropped transaction leaves nothing, and an earlier snapshot gives the same answers as before.
pub fn an_update_is_committed_with_its_transaction(index: &dyn Index) {
    let mut scribe = filled(index);
    tell(index, &told(7, vec![prompt(1, "one", &[1], "old")]));
    let news = told(8, vec![prompt(1, "one", &[1], "new")]);
    let before = index.snapshot().unwrap();
    assert_eq!(found_in(&*before, &["old"], 9), [text(1)]);
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction.index_documents(&news).unwrap();
    assert_eq!(found_in(transaction.snapshot(), &["new"], 9), [text(1)]);
    drop(transaction);
    assert_eq!(found(index, &["old"], 9), [text(1)]);
    tell(index, &news);
    assert_eq!(found_in(&*before, &["old"], 9), [text(1)]);
    assert_eq!(before.indexed_through().unwrap(), 7);
    drop(before);
    assert_eq!(found(index, &["old"], 9), []);
    assert_eq!(found(index, &["new"], 9), [text(1)]);
    let version = crate::storage::testing::values::version(prompt_id(1), 12, "1.2", b"x");
    assert!(
        scribe.try_write(vec![version_created(version)]).is_err(),
        "no such body"
    );
    assert_eq!(found(index, &["new"], 9), [text(1)]);
}
