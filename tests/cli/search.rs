use serde_json::json;

use crate::support::{Desk, GREETING, PROMPT, REWORDED, VERSION, members};

/// Returns a prompt in two versions, and one of another name.
fn filled() -> Desk {
    let desk = Desk::greeting();
    desk.run_with(
        &["commit", "greeting", "-m", "Say hello", "--minor"],
        REWORDED,
    )
    .ok();
    desk.run_with(&["create", "hello", "--no-env"], GREETING)
        .ok();
    desk
}

#[test]
fn names_texts_and_messages_are_searched() {
    let desk = filled();
    let found = desk.json(&["search", "HELLO"]);
    assert_eq!(members(&found), ["hits", "more"]);
    let hits = found["hits"].as_array().unwrap();
    let listed = |hit: &serde_json::Value| {
        json!([
            hit["matched"],
            hit["prompt"]["name"],
            hit["version"]["number"],
            hit["snippet"]
        ])
    };
    let listed: Vec<_> = hits.iter().map(listed).collect();
    assert_eq!(
        listed,
        [
            json!(["name", "hello", "1.0", [{"text": "hello", "found": true}]]),
            json!(["text", "greeting", "1.1", [
                {"text": "Hello", "found": true},
                {"text": " {{hc:name:string}} gpt-4o", "found": false},
            ]]),
            json!(["message", "greeting", "1.1", [
                {"text": "Say ", "found": false},
                {"text": "hello", "found": true},
            ]]),
        ]
    );
    let hit = ["prompt", "version", "matched", "snippet"];
    assert_eq!(members(&hits[0]), hit);
    assert_eq!(members(&hits[0]["prompt"]), PROMPT);
    assert_eq!(members(&hits[0]["version"]), VERSION);
    let limited = desk.json(&["search", "hello", "-n", "1"]);
    assert_eq!(limited["hits"].as_array().unwrap()[..], hits[..1]);
}

#[test]
fn the_last_word_is_a_beginning_and_a_query_needs_a_word() {
    let desk = filled();
    let count = |query: &str| {
        desk.json(&["search", query])["hits"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count("string h"), count("string hel"));
    assert_eq!(count("h"), count("hel"));
    assert_eq!(
        count("h string"),
        0,
        "a single character before other words"
    );
    for query in ["🔴", "--", "\"\"", ""] {
        let answer = desk.run(&["search", "--", query]);
        let note = "the query has no word; a word has letters or digits";
        assert!(answer.aside().contains(note), "{}", answer.aside());
        assert_eq!(answer.ok(), "");
    }
}

#[test]
fn hits_are_a_table() {
    let desk = filled();
    let told = desk.run(&["search", "name", "hi"]).ok();
    let lines: Vec<&str> = told.lines().map(|line| line.get(8..).unwrap()).collect();
    assert_eq!(
        lines,
        [
            "NAME      VERSION         FOUND IN  TEXT",
            // Two of its versions have the words.
            "greeting  1.0 production  text      Hi {{hc:name:string}} gpt-4o",
            "hello     1.0             text      Hi {{hc:name:string}} gpt-4o",
        ]
    );
    assert_eq!(desk.run(&["search", "\"name hi\""]).ok(), "");
    assert_eq!(
        desk.json(&["search", "nowhere"]),
        json!({"hits": [], "more": false})
    );
    desk.run(&["search"]).fails(2);
}

#[test]
fn a_prompt_without_a_version_has_none_to_show() {
    let desk = Desk::greeting();
    desk.run(&["rm", "greeting@1.0", "--yes"]).ok();
    let found = desk.json(&["search", "greet"]);
    assert!(found["hits"][0]["version"].is_null());
    let told = desk.run(&["search", "greet"]).ok();
    assert!(told.contains("greeting  -        name"), "{told}");
}
