//! Search: it finds exactly what the store contains now, whatever was done to the store.

use std::collections::{BTreeMap, BTreeSet};

use promptbook::search::{MatchedIn, SearchHit};
use promptbook::{Error, NewPrompt, NewVersion, Selector, Store, Version};

use crate::support::{Place, body, commit, create, is_sound, new_store};

/// More operations than a search reads directly, without the index.
const MANY: usize = 70;

fn names(hits: &[SearchHit]) -> Vec<(String, MatchedIn)> {
    let name = |hit: &SearchHit| (hit.prompt.name.to_string(), hit.matched);
    hits.iter().map(name).collect()
}

/// Renames another prompt until everything before has been indexed.
fn index_all(store: &Store) {
    for turn in 0..MANY {
        store.rename("other", format!("turn {turn}")).unwrap();
        store
            .rename(format!("turn {turn}").as_str(), "other")
            .unwrap();
    }
    store.checkpoint().unwrap();
}

fn in_both(test: impl Fn(&Store)) {
    test(&new_store());
    let place = Place::new();
    let store = place.create();
    test(&store);
    is_sound(&store);
}

/// Runs the same searches before and after the documents are indexed.
fn before_and_after_indexing(store: &Store, look: impl Fn(&Store)) {
    create(store, "other");
    look(store);
    index_all(store);
    look(store);
}

#[test]
fn names_come_before_texts_and_messages() {
    in_both(|store| {
        create(store, "a kitchen");
        let new = NewPrompt::new("second", body("in the Kitchen we cook"));
        store.create_prompt(new).unwrap();
        let new = NewPrompt::new("third", body("no"));
        store.create_prompt(new.message("For the kitchen")).unwrap();
        before_and_after_indexing(store, |store| {
            let hits = store.search("KITCH", 9).unwrap();
            let expected = [
                ("a kitchen".to_owned(), MatchedIn::Name),
                ("second".to_owned(), MatchedIn::Text),
                ("third".to_owned(), MatchedIn::Message),
            ];
            assert_eq!(names(&hits), expected);
            let marked =
                |hit: &SearchHit| hit.snippet.text[hit.snippet.marks[0].clone()].to_owned();
            let marked: Vec<String> = hits.iter().map(marked).collect();
            assert_eq!(marked, ["kitchen", "Kitchen", "kitchen"]);
            assert_eq!(
                hits[1].snippet.text,
                "in the Kitchen we cook\nm".replace('\n', " ")
            );
            let version = hits[1].version.as_ref().unwrap();
            assert_eq!(version.environments[0].as_str(), "production");
            for limit in 0..3 {
                assert_eq!(store.search("kitchen", limit).unwrap(), hits[..limit]);
            }
            assert_eq!(
                store.search("second kitchen", 9).unwrap().len(),
                1,
                "name and text"
            );
            assert!(store.search("", 9).unwrap().is_empty());
            assert!(store.search("\"the we\"", 9).unwrap().is_empty());
            assert_eq!(store.search("\"the kitchen we\"", 9).unwrap().len(), 1);
        });
    });
}

#[test]
fn a_query_is_plain_text() {
    in_both(|store| {
        let new = NewPrompt::new(
            "prompt",
            body("follow-up {{hc:user_name:string}} naïve 東京都"),
        );
        store.create_prompt(new).unwrap();
        before_and_after_indexing(store, |store| {
            for found in [
                "user_name",
                "follow-up",
                "\"follow up\"",
                "NAIVE",
                "nai",
                "京都",
                "{{hc:user",
                "user_n",
                "name*",
                "n",
            ] {
                assert_eq!(store.search(found, 9).unwrap().len(), 1, "{found}");
            }
            for missed in [
                "京東",
                "name OR follow",
                "NEAR(name)",
                "up-follow",
                "text:follow",
                "n prompt",
                "ollow",
            ] {
                assert!(store.search(missed, 9).unwrap().is_empty(), "{missed}");
            }
            for odd in ["'", "\"", "*", "(", "\0", "AND", "a\" OR \"b", "^a", "-"] {
                store.search(odd, 9).unwrap();
            }
        });
    });
}

/// Many recent prompts that contain a word once don't displace the one that is about it.
#[test]
fn the_best_match_is_first_indexed_or_not() {
    in_both(|store| {
        let new = NewPrompt::new("best", body("zebra zebra zebra stripes"));
        store.create_prompt(new).unwrap();
        create(store, "other");
        index_all(store);
        let weak = format!("{} zebra", "filler ".repeat(400));
        for number in 0..20 {
            let new = NewPrompt::new(format!("weak {number}"), body(&weak));
            store.create_prompt(new).unwrap();
        }
        for limit in [1, 20, 99] {
            let hits = store.search("zebra", limit).unwrap();
            assert_eq!(hits.len(), limit.min(21));
            assert_eq!(hits[0].prompt.name.as_str(), "best");
        }
    });
}

/// The order is the engine's: it depends neither on the index nor on what is indexed.
#[test]
fn every_index_gives_the_same_order() {
    let fill = |store: &Store| {
        let mut rng = fastrand::Rng::with_seed(16);
        let words = |rng: &mut fastrand::Rng, most: usize| -> String {
            let count = rng.usize(1..most);
            let word = |_| ["zebra", "zebras", "stripe", "a", "filler"][rng.usize(..5)];
            (0..count).map(word).collect::<Vec<_>>().join(" ")
        };
        for number in 0..40 {
            let name = format!("{} {number}", words(&mut rng, 4));
            let text = words(&mut rng, 60);
            let new = NewPrompt::new(name.as_str(), body(&text));
            let prompt = store.create_prompt(new).unwrap().prompt.id;
            if rng.bool() {
                let text = words(&mut rng, 60);
                store.commit(NewVersion::new(prompt, body(&text))).unwrap();
            }
        }
        create(store, "other");
    };
    let place = Place::new();
    let stores = [new_store(), place.create()];
    stores.iter().for_each(fill);
    let queries = [
        "zebra",
        "\"zebra\"",
        "zebra stripe",
        "a z",
        "\"zebra a\" filler",
        "stripe f",
    ];
    let answers = |store: &Store| -> Vec<_> {
        let orders = queries.iter().flat_map(|query| {
            let orders = [3, 100].map(|limit| names(&store.search(query, limit).unwrap()));
            assert_eq!(orders[0], orders[1][..3], "{query}");
            orders
        });
        orders.collect()
    };
    let expected = answers(&stores[0]);
    assert_eq!(answers(&stores[1]), expected, "in the tail");
    for store in &stores {
        index_all(store);
        assert_eq!(answers(store), expected, "indexed");
    }
}

#[test]
fn marks_and_invisible_characters_do_not_count() {
    in_both(|store| {
        let texts = ["תִּקּוּן", "كَتَبَ", "co\u{ad}operate", "pass\u{200b}word"];
        for (number, text) in texts.iter().enumerate() {
            let new = NewPrompt::new(format!("p{number}"), body(text));
            store.create_prompt(new).unwrap();
        }
        before_and_after_indexing(store, |store| {
            let plain = ["תקון", "كتب", "cooperate", "password"];
            for (number, query) in plain.iter().chain(&texts).enumerate() {
                let hits = store.search(query, 9).unwrap();
                let expected = (format!("p{}", number % 4), MatchedIn::Text);
                assert_eq!(names(&hits), [expected], "{query}");
            }
        });
    });
}

/// "refund h" finds what "refund ho" finds.
#[test]
fn hits_do_not_vanish_while_a_query_is_typed() {
    in_both(|store| {
        let new = NewPrompt::new("policy", body("refund within hours"));
        store.create_prompt(new).unwrap();
        before_and_after_indexing(store, |store| {
            let query = "refund hours";
            for end in 1..=query.len() {
                let hits = store.search(&query[..end], 9).unwrap();
                let typed = ("policy".to_owned(), MatchedIn::Text);
                assert!(names(&hits).contains(&typed), "{:?}", &query[..end]);
            }
        });
    });
}

#[test]
fn a_query_of_many_words_is_refused() {
    let store = new_store();
    let refused = store.search(&"word ".repeat(33), 9);
    assert!(
        matches!(refused, Err(Error::InvalidArgument(_))),
        "{refused:?}"
    );
}

#[test]
fn only_current_versions_are_searched() {
    in_both(|store| {
        create(store, "prompt");
        commit(store, "prompt", "middle");
        commit(store, "prompt", "last");
        let found = |text: &str| store.search(text, 9).unwrap().len();
        let looks = |expected: [usize; 3]| {
            let found = ["prompt", "middle", "last"].map(found);
            assert_eq!(found, expected);
        };
        create(store, "other");
        looks([1, 0, 1]);
        index_all(store);
        looks([1, 0, 1]);
        store.set_environment("prompt", "staging", "1.1").unwrap();
        looks([1, 1, 1]);
        index_all(store);
        looks([1, 1, 1]);
        store.delete_version("prompt@1.2").unwrap();
        store.remove_environment("prompt", "staging").unwrap();
        looks([1, 1, 0]);
        index_all(store);
        looks([1, 1, 0]);
        store.delete_prompt("prompt").unwrap();
        looks([0, 0, 0]);
        index_all(store);
        looks([0, 0, 0]);
    });
}

#[test]
fn a_prompt_without_versions_is_found_by_its_name() {
    in_both(|store| {
        create(store, "lonely");
        store.delete_version("lonely@1.0").unwrap();
        before_and_after_indexing(store, |store| {
            let hits = store.search("lonely", 9).unwrap();
            assert_eq!(names(&hits), [("lonely".to_owned(), MatchedIn::Name)]);
            assert_eq!(hits[0].version, None);
        });
    });
}

#[test]
fn dependents_of_a_partial_are_listed() {
    in_both(|store| {
        let tone = create(store, "tone").prompt.id;
        store.set_environment(tone, "staging", "1.0").unwrap();
        create(store, "other");
        commit(store, "other", format!("{{{{hcp:{tone}:0:staging}}}}"));
        let users = |environment: &str| {
            let users = store.dependents(tone, environment).unwrap().into_iter();
            users
                .map(|version| version.number.to_string())
                .collect::<Vec<_>>()
        };
        let none: [&str; 0] = [];
        for _ in 0..2 {
            assert_eq!(users("staging"), ["1.1"]);
            assert_eq!(users("production"), none);
            index_all(store);
        }
        commit(store, "other", format!("{{{{hcp:{tone}:0}}}}"));
        for _ in 0..2 {
            assert_eq!(users("staging"), none);
            assert_eq!(users("production"), ["1.2"]);
            index_all(store);
        }
        store.delete_prompt("tone").unwrap();
        assert_eq!(
            users("production"),
            ["1.2"],
            "the dependents of a deleted prompt are missing"
        );
        assert!(
            store.dependents("tone", "production").is_err(),
            "a deleted prompt was found by its name"
        );
    });
}

/// One handle adds documents to the index, or does not, while the other searches.
#[test]
fn two_handles_find_the_same() {
    let place = Place::new();
    let (one, two) = (place.create(), place.open());
    create(&one, "other");
    for turn in 0..40 {
        create(&one, &format!("prompt{turn}"));
        assert_eq!(two.search(&format!("prompt{turn}"), 9).unwrap().len(), 1);
        if turn % 10 == 5 {
            index_all(&two);
        }
    }
    assert_eq!(
        two.search("prompt", 100).unwrap(),
        one.search("prompt", 100).unwrap()
    );
    let read_only = place.open_read_only().unwrap();
    assert_eq!(read_only.search("prompt", 100).unwrap().len(), 40);
    is_sound(&two);
}

/// The words of random histories.
const WORDS: [&str; 6] = ["red", "green", "Grün", "日本", "reddish", "blue"];

/// The prompts, and the versions by their messages, that contain a word: found by reading
/// everything.
type Answers = (BTreeSet<String>, BTreeSet<String>);

fn words_of(text: &str) -> Vec<String> {
    let folded = text
        .to_lowercase()
        .replace('ü', "u")
        .replace("日本", "日 本");
    folded.split_whitespace().map(str::to_owned).collect()
}

fn has(text: &str, word: &str) -> bool {
    let (words, wanted) = (words_of(text), words_of(word));
    match &wanted[..] {
        [one] => words.iter().any(|have| have.starts_with(one.as_str())),
        run => words.windows(run.len()).any(|have| have == run),
    }
}

fn expected(store: &Store, word: &str) -> Answers {
    let mut answers = Answers::default();
    for prompt in store.prompts().page(None, usize::MAX).unwrap() {
        let mut found = has(prompt.name.as_str(), word);
        let versions = store.versions(prompt.id).page(None, usize::MAX);
        for version in versions.unwrap() {
            if has(&version.message, word) {
                answers.1.insert(version.id.to_string());
            }
            if Some(version.number) == prompt.latest || !version.environments.is_empty() {
                let body = store.resolve(version.id).unwrap().body.clone();
                let text = body.json()["messages"][0]["content"]
                    .as_str()
                    .unwrap()
                    .to_owned();
                found |= has(&text, word);
            }
        }
        if found {
            answers.0.insert(prompt.id.to_string());
        }
    }
    answers
}

fn answered(store: &Store, word: &str) -> Answers {
    let mut answers = Answers::default();
    for hit in store.search(word, usize::MAX).unwrap() {
        let fresh = match hit.matched {
            MatchedIn::Message => {
                let id = hit.version.as_ref().map(|version| version.id.to_string());
                answers.1.insert(id.unwrap())
            }
            _ => answers.0.insert(hit.prompt.id.to_string()),
        };
        assert!(fresh, "found twice: {hit:?}");
        assert!(
            !hit.snippet.marks.is_empty(),
            "the snippet has no marks: {hit:?}"
        );
    }
    answers
}

/// Makes one random change, which may be refused.
fn change(store: &Store, rng: &mut fastrand::Rng, turn: usize) {
    let word = |rng: &mut fastrand::Rng| WORDS[rng.usize(..WORDS.len())];
    let prompts = store.prompts().page(None, usize::MAX).unwrap();
    let text = format!("{} {}", word(rng), word(rng));
    let environment = ["production", "staging"][rng.usize(..2)];
    if prompts.is_empty() || rng.u8(..) < 30 {
        let new = NewPrompt::new(format!("{} {turn}", word(rng)), body(text));
        store.create_prompt(new.message(word(rng))).unwrap();
        return;
    }
    let prompt = prompts[rng.usize(..prompts.len())].id;
    let versions = store.versions(prompt).page(None, usize::MAX).unwrap();
    let version = |rng: &mut fastrand::Rng| -> Option<&Version> {
        (!versions.is_empty()).then(|| &versions[rng.usize(..versions.len())])
    };
    match rng.u8(..10) {
        0..=2 => {
            let new = NewVersion::new(prompt, body(text));
            let mut new = new.message(word(rng));
            if rng.bool() {
                new = new.environment(environment);
            }
            store.commit(new).unwrap();
        }
        3..=4 => {
            if let Some(to) = version(rng) {
                let to = Selector::Id(to.id);
                store.set_environment(prompt, environment, to).unwrap();
            }
        }
        5 => drop(store.remove_environment(prompt, environment).unwrap()),
        6 => drop(
            store
                .rename(prompt, format!("{} {turn}", word(rng)))
                .unwrap(),
        ),
        7..=8 => {
            if let Some(gone) = version(rng) {
                store.delete_version(gone.id).unwrap();
            }
        }
        _ if rng.bool() => drop(store.delete_prompt(prompt).unwrap()),
        _ => drop(store.checkpoint().unwrap()),
    }
}

#[test]
fn search_matches_a_scan_after_random_histories() {
    for seed in 0..4 {
        let place = Place::new();
        let stores = [new_store(), place.create()];
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for store in &stores {
            let mut rng = fastrand::Rng::with_seed(seed);
            for turn in 0..150 {
                change(store, &mut rng, turn);
                if turn % 3 > 0 {
                    continue;
                }
                for word in WORDS {
                    let answers = answered(store, word);
                    assert_eq!(
                        answers,
                        expected(store, word),
                        "{word}, seed {seed}, turn {turn}"
                    );
                    *counts.entry(word).or_default() += answers.0.len() + answers.1.len();
                }
            }
            is_sound(store);
        }
        assert!(counts.values().all(|count| *count > 50), "{counts:?}");
        let found = stores
            .each_ref()
            .map(|store| store.search("red", usize::MAX).unwrap().len());
        assert_eq!(found[0], found[1], "the two stores differ");
    }
}

/// SQLite caches the structure of a full text table, and the check must not use a stale one.
#[test]
fn verify_of_two_handles_stays_clean_while_both_write() {
    let place = Place::new();
    let store = place.create();
    let other = place.open();
    for turn in 0..40 {
        create(&store, &format!("prompt{turn}"));
        [&store, &other][turn % 2].checkpoint().unwrap();
        is_sound(&store);
        is_sound(&other);
    }
}

#[test]
fn a_name_of_any_text_is_found_by_its_words() {
    in_both(|store| {
        let odd = "Alpha\0beta\u{1b}[31m\"gamma\\\u{202e}d\u{301}elta\r\n";
        let long = format!("{} epsilon", "\u{301}x ".repeat(16_000));
        for name in ["", "\0\u{200b}", odd, &long] {
            let new = NewPrompt::new(name, body("no"));
            store.create_prompt(new).unwrap();
        }
        before_and_after_indexing(store, |store| {
            let words = [
                "alpha",
                "BETA",
                "31m",
                "gamma",
                "delta",
                "alpha beta",
                "\"beta 31m\"",
            ];
            for word in words {
                let hits = store.search(word, 9).unwrap();
                assert_eq!(
                    names(&hits)[..],
                    [(odd.to_owned(), MatchedIn::Name)],
                    "{word}"
                );
            }
            let hits = store.search("epsilon", 9).unwrap();
            assert_eq!(names(&hits)[..], [(long.clone(), MatchedIn::Name)]);
            assert!(hits[0].snippet.text.len() < 300, "{}", hits[0].snippet.text);
        });
    });
}
