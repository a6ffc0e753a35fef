//! Tests of [`tree`](super).

use std::hash::DefaultHasher;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::*;

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn are_equal(one: &str, other: &str) -> (bool, bool) {
    let (one, other) = (JsonTree::of(one), JsonTree::of(other));
    let (exact, same) = (one == other, one.is_same(&other));
    assert!(!exact || hash(&one) == hash(&other));
    assert!(!same || hash(ByValue(&one)) == hash(ByValue(&other)));
    assert_eq!(ByValue(&one) == ByValue(&other), same);
    (exact, same)
}

#[test]
fn only_the_notation_of_numbers_matters() {
    for (one, other, expected) in [
        ("1", "1.0", (false, true)),
        ("[{\"a\": 1e2}]", "[{\"a\":100}]", (false, true)),
        ("-0", "0", (false, true)),
        (
            "123456789012345678901",
            "123456789012345678902",
            (false, false),
        ),
        ("1e-400", "0", (false, false)),
        ("\"\\u00e9\\/\"", "\"é/\"", (true, true)),
        (
            "{\"a\":1,\"b\":[]}",
            "{ \"b\" : [ ] , \"a\" : 1 }",
            (true, true),
        ),
        ("{\"a\":1,\"a\":2}", "{\"\\u0061\":2}", (true, true)),
        ("{\"a\":1}", "{\"a\":1,\"b\":null}", (false, false)),
        ("\"1\"", "1", (false, false)),
        ("[]", "{}", (false, false)),
        ("true", "false", (false, false)),
        ("null", "null", (true, true)),
    ] {
        assert_eq!(are_equal(one, other), expected, "{one} {other}");
        assert_eq!(are_equal(other, one), expected, "{other} {one}");
    }
}

#[test]
fn the_last_of_repeated_members_counts_in_the_place_of_the_first() {
    for further in [0, 20] {
        let further: String = (0..further).map(|n| format!(",\"k{n}\":{n}")).collect();
        let text = format!("{{\"a\":1,\"b\":2,\"\\u0061\":3,\"c\":4,\"b\":5,\"a\":6{further}}}");
        let tree = JsonTree::of(&text);
        let read: Value = serde_json::from_str(&text).unwrap();
        let names = |members: &Map<String, Value>| members.keys().cloned().collect::<Vec<_>>();
        let members = tree.as_object().unwrap();
        let found: Vec<_> = members.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(found, names(read.as_object().unwrap()));
        assert_eq!(tree.get("a").unwrap().to_text(), "6");
        assert_eq!(tree.get("z"), None);
        assert_eq!(
            serde_json::from_str::<Value>(&tree.to_text()).unwrap(),
            read
        );
    }
}

#[test]
fn deep_text_is_read_without_recursion() {
    let text = format!("{}1.50{}", "[".repeat(1000), "]".repeat(1000));
    assert_eq!(JsonTree::of(&text).to_text(), text);
}

#[test]
fn text_that_is_not_json_is_null() {
    for text in [
        "",
        "{",
        "[1",
        "{\"a\"}",
        "\"a",
        "\"\\",
        "[1 2]",
        "{\"a\":1]",
        "\"\\ud800\"",
    ] {
        assert_eq!(JsonTree::of(text), JsonTree::Null, "{text}");
    }
}

fn anything() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        any::<String>().prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 40, 12, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..12).prop_map(Value::from),
            prop::collection::vec(("[a-e\\n]{0,2}", inner), 0..12)
                .prop_map(|members| members.into_iter().collect()),
        ]
    })
}

proptest! {
    #[test]
    fn written_text_equals_the_text_that_was_read(value in anything(), pretty in any::<bool>()) {
        let compact = value.to_string();
        let text = if pretty { serde_json::to_string_pretty(&value).unwrap() } else { compact.clone() };
        prop_assert_eq!(JsonTree::of(&text).to_text(), compact);
    }

    #[test]
    fn reading_any_text_terminates(text in "[\\[\\]{}:,\"\\\\u0-9a-f. ]{0,40}") {
        let _ = JsonTree::of(&text);
        if serde_json::from_str::<Value>(&text).is_ok() {
            prop_assert!(JsonTree::read(&text).is_some());
        }
        let _ = super::super::items(&text).count();
        let _ = super::super::member(&text, "a");
    }

    #[test]
    fn parts_are_found_without_a_tree(value in anything()) {
        let text = serde_json::to_string_pretty(&value).unwrap();
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let found: Vec<Value> = super::super::items(&text).map(read).collect();
        prop_assert_eq!(found, value.as_array().cloned().unwrap_or_default());
        for (name, member) in value.as_object().into_iter().flatten() {
            prop_assert_eq!(&super::super::member(&text, name).map(read), &Some(member.clone()));
        }
        prop_assert_eq!(super::super::member(&text, "missing"), None);
    }
}
