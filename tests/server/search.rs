//! Search for prompts over HTTP: by name, by tag, page by page.

use promptbook::NewPrompt;
use serde_json::{Value, json};

use super::client::Served;

/// Serves prompts of these names, the last one the newest. Each is tagged with its first character.
fn served(names: &[&str]) -> Served {
    let served = Served::new();
    for &name in names {
        let first: String = name.chars().take(1).collect();
        let new = NewPrompt::new(name, "{}").tag(first).tag("every");
        served.store.create_prompt(new).unwrap();
    }
    served
}

/// Returns the names of the prompts that are found.
fn found(served: &Served, query: &Value) -> Vec<String> {
    let answer = served.post("/v1/prompt-2025/query", query.to_string());
    assert_eq!(answer.status, 200);
    let Value::Array(prompts) = answer.data() else {
        panic!("not a list: {answer:?}");
    };
    let names = prompts
        .iter()
        .map(|prompt| prompt["name"].as_str().unwrap().to_owned());
    names.collect()
}

fn named(served: &Served, search: &str) -> Vec<String> {
    let query = json!({"search": search, "tagsFilter": [], "page": 0, "pageSize": 100});
    found(served, &query)
}

fn tagged(served: &Served, tags: &[&str]) -> Vec<String> {
    let query = json!({"search": "", "tagsFilter": tags, "page": 0, "pageSize": 100});
    found(served, &query)
}

fn page(served: &Served, page: &Value, size: &Value) -> Vec<String> {
    let query = json!({"search": "", "tagsFilter": [], "page": page, "pageSize": size});
    found(served, &query)
}

#[test]
fn what_is_found_has_the_shape_of_a_prompt() {
    let served = served(&["one"]);
    let query = json!({"search": "", "tagsFilter": [], "page": 0, "pageSize": 10});
    let answer = served.post("/v1/prompt-2025/query", query.to_string());
    let id = served.store.prompt("one").unwrap().id;
    let at = answer.data()[0]["created_at"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"data":[{{"id":"{id}","name":"one","tags":["o","every"],"created_at":"{at}"}}],"error":null}}"#
    );
    assert_eq!(answer.text, expected);
}

#[test]
fn a_name_is_found_by_any_part_ignoring_case() {
    let served = served(&["Straße nach Ödland", "ΣΊΣΥΦΟΣ", "plain"]);
    for part in ["öDLAND", "STRASSE", "straße", "nach"] {
        assert_eq!(named(&served, part), ["Straße nach Ödland"], "{part}");
    }
    for part in ["σίσυφος", "ΣΊΣΥΦΟΣ", "συφοσ"] {
        assert_eq!(named(&served, part), ["ΣΊΣΥΦΟΣ"], "{part}");
    }
    assert_eq!(named(&served, "a"), ["plain", "Straße nach Ödland"]);
    assert_eq!(named(&served, "absent"), [""; 0]);
    assert_eq!(named(&served, "").len(), 3);
}

#[test]
fn wildcards_of_databases_are_plain_characters() {
    let served = served(&[
        "100%",
        "snake_case",
        r"back\slash",
        "100 snakescase backslash",
    ]);
    assert_eq!(named(&served, "%"), ["100%"]);
    assert_eq!(named(&served, "_"), ["snake_case"]);
    assert_eq!(named(&served, r"\"), [r"back\slash"]);
    assert_eq!(named(&served, "s*"), [""; 0]);
}

#[test]
fn a_prompt_is_found_by_any_of_the_tags() {
    let served = served(&["one", "two", "three", "four"]);
    assert_eq!(tagged(&served, &["o"]), ["one"]);
    assert_eq!(tagged(&served, &["t", "f"]), ["four", "three", "two"]);
    assert_eq!(tagged(&served, &["every"]).len(), 4);
    assert_eq!(
        tagged(&served, &["O"]),
        [""; 0],
        "tags are compared exactly"
    );
    assert_eq!(tagged(&served, &[]).len(), 4);
}

#[test]
fn name_and_tag_must_both_match() {
    let served = served(&["one", "two"]);
    let query = json!({"search": "o", "tagsFilter": ["t"], "page": 0, "pageSize": 10});
    assert_eq!(found(&served, &query), ["two"]);
}

#[test]
fn pages_count_from_0_and_go_from_the_newest_to_the_oldest() {
    let served = served(&["a", "b", "c", "d", "e"]);
    assert_eq!(page(&served, &json!(0), &json!(2)), ["e", "d"]);
    assert_eq!(page(&served, &json!(1), &json!(2)), ["c", "b"]);
    assert_eq!(page(&served, &json!(2), &json!(2)), ["a"]);
    assert_eq!(page(&served, &json!(3), &json!(2)), [""; 0]);
    assert_eq!(page(&served, &json!(0), &json!(0)), [""; 0]);
    assert_eq!(page(&served, &json!(1.0), &json!(2.0)), ["c", "b"]);
    assert_eq!(page(&served, &json!(0), &json!(u64::MAX)).len(), 5);
    assert_eq!(page(&served, &json!(u64::MAX), &json!(u64::MAX)), [""; 0]);
    assert_eq!(page(&served, &json!(0), &json!(1e300)).len(), 5);
}

#[test]
fn a_page_of_a_search_counts_only_what_is_found() {
    let served = served(&["x1", "y1", "x2", "y2", "x3"]);
    let query = json!({"search": "x", "tagsFilter": [], "page": 1, "pageSize": 2});
    assert_eq!(found(&served, &query), ["x1"]);
}

#[test]
fn negative_and_fractional_pages_are_refused() {
    let served = served(&["a"]);
    for wrong in [json!(-1), json!(0.5), json!(-0.5)] {
        for member in ["page", "pageSize"] {
            let mut query = json!({"search": "", "tagsFilter": [], "page": 0, "pageSize": 1});
            query[member] = wrong.clone();
            let answer = served.post("/v1/prompt-2025/query", query.to_string());
            let text = answer.error(400);
            assert!(text.starts_with(&format!("{member}: ")), "{text}");
        }
    }
}
