use proptest::prelude::*;
use serde_json::{Value, json};

use super::super::{EditKind, Pointer, SegmentKind};
use super::*;

fn diff(before: &Value, after: &Value) -> BodyDiff {
    super::diff(&before.into(), &after.into())
}

fn apply(difference: &BodyDiff, before: &Value) -> Result<Value, Mismatch> {
    let new = difference.apply(&before.into());
    new.map(|new| new.json().clone())
}

fn message(role: &str, content: &str) -> Value {
    json!({"role": role, "content": content})
}

fn messages(list: &[(&str, &str)]) -> Value {
    let list = list.iter().map(|(role, content)| message(role, content));
    json!({"messages": list.collect::<Vec<_>>()})
}

/// Returns the edits in short: `kind old -> new`.
fn told(before: &Value, after: &Value) -> Vec<String> {
    let difference = diff(before, after);
    assert_eq!(apply(&difference, before).as_ref(), Ok(after));
    let told = difference.edits.iter().map(|edit| {
        let old = edit.old_pointer.as_ref().map(Pointer::as_str);
        let new = edit.new_pointer.as_ref().map(Pointer::as_str);
        let place = match (old, new) {
            (Some(old), Some(new)) if old == new => old.to_owned(),
            (Some(old), Some(new)) => format!("{old} -> {new}"),
            (old, new) => old.or(new).unwrap().to_owned(),
        };
        format!("{} {place}", edit.kind.as_str())
    });
    told.collect()
}

#[test]
fn a_message_put_in_between_changes_no_other() {
    let before = messages(&[
        ("system", "Be brief."),
        ("user", "Hi there"),
        ("user", "A?"),
    ]);
    let after = messages(&[
        ("system", "Be brief."),
        ("system", "Answer in French."),
        ("user", "Hello there"),
        ("user", "A?"),
    ]);
    assert_eq!(
        told(&before, &after),
        [
            "added /messages/1",
            "changed /messages/1/content -> /messages/2/content"
        ]
    );
    assert_eq!(told(&after, &before)[0], "removed /messages/1");
}

#[test]
fn moved_messages_are_reported_as_moved() {
    let (a, b, c) = (
        "Never promise a date of delivery.",
        "Always answer in the customer's language.",
        "Sign with the name of the company.",
    );
    let before = messages(&[("system", a), ("system", b), ("system", c)]);
    let after = messages(&[("system", c), ("system", a), ("system", b)]);
    assert_eq!(told(&before, &after), ["moved /messages/2 -> /messages/0"]);

    let edited = "Always sign with the name of the company.";
    let after = messages(&[("system", edited), ("system", a), ("system", b)]);
    assert_eq!(
        told(&before, &after),
        [
            "moved_and_changed /messages/2 -> /messages/0",
            "changed /messages/2/content -> /messages/0/content"
        ]
    );
}

#[test]
fn a_rewritten_message_is_the_same_message() {
    let before = messages(&[("system", "Translate into French."), ("user", "Text")]);
    let after = messages(&[("system", "You write poems."), ("user", "Text")]);
    assert_eq!(told(&before, &after), ["changed /messages/0/content"]);
    // A message of another role is another message, unless its text is the same.
    let after = messages(&[("assistant", "You write poems."), ("user", "Text")]);
    assert_eq!(
        told(&before, &after),
        ["removed /messages/0", "added /messages/0"]
    );
    let after = messages(&[("developer", "Translate into French."), ("user", "Text")]);
    assert_eq!(told(&before, &after), ["changed /messages/0/role"]);
}

fn tool(name: &str, city: &str) -> Value {
    json!({"type": "function", "function": {
        "name": name,
        "description": "Looks up the weather of a city, now or at another time.",
        "parameters": {"type": "object", "properties": {city: {"type": "string"}}, "required": [city]},
    }})
}

#[test]
fn tools_are_compared_field_by_field() {
    let other = json!({"type": "function", "function": {"name": "end_call"}});
    let before = json!({"tools": [tool("weather", "city"), other]});
    let after = json!({"tools": [other, tool("weather", "town")]});
    assert_eq!(
        told(&before, &after),
        [
            "moved /tools/1 -> /tools/0",
            "added /tools/1/function/parameters/properties/town",
            "removed /tools/0/function/parameters/properties/city",
            "removed /tools/0/function/parameters/required/0",
            "added /tools/1/function/parameters/required/0"
        ]
    );
    // Another name with the same words is a renamed tool. If the words differ too, it is another
    // tool.
    let renamed = json!({"tools": [tool("get_weather", "city"), other]});
    assert_eq!(told(&before, &renamed), ["changed /tools/0/function/name"]);
    let another =
        json!({"type": "function", "function": {"name": "refund", "description": "Pays back."}});
    let replaced = json!({"tools": [another, other]});
    assert_eq!(
        told(&before, &replaced),
        ["removed /tools/0", "added /tools/0"]
    );
}

#[test]
fn types_are_compared_exactly() {
    let pairs = [
        (json!({"a": null}), json!({"a": []})),
        (json!({"a": "1"}), json!({"a": 1})),
        (json!({"a": {}}), json!({"a": []})),
    ];
    for (before, after) in pairs {
        assert_eq!(told(&before, &after), ["changed /a"]);
    }
    assert_eq!(told(&json!({}), &json!({"a": null})), ["added /a"]);
    assert_eq!(told(&json!({"a/b~": 1}), &json!({})), ["removed /a~1b~0"]);
    // Bodies are objects, but any values can be compared.
    assert_eq!(told(&json!([1, 2]), &json!([2])), ["removed /0"]);
    assert_eq!(told(&json!(1), &json!("x")), ["changed "]);
}

/// Returns the edits in short: `kind old -> new`, with the values as they are written.
fn told_of(before: &str, after: &str) -> Vec<String> {
    let (before, after): (Json, Json) = (before.parse().unwrap(), after.parse().unwrap());
    let difference = super::diff(&before, &after);
    assert_eq!(difference.apply(&before).as_ref(), Ok(&after));
    let told = difference.edits.iter().map(|edit| {
        let side = |side: &Option<Json>| side.as_ref().map_or("", Json::text).to_owned();
        format!(
            "{} {} -> {}",
            edit.kind.as_str(),
            side(&edit.old),
            side(&edit.new)
        )
    });
    told.collect()
}

#[test]
fn numbers_are_compared_as_they_are_written() {
    for (old, new, kind) in [
        ("1", "1.0", "reformatted"),
        ("1.50", "1.5", "reformatted"),
        ("1E5", "100000", "reformatted"),
        ("-0", "0", "reformatted"),
        ("-0", "-0.0", "reformatted"),
        ("123456789012345678901", "123456789012345678902", "changed"),
        (
            "123456789012345678901",
            "1.23456789012345678901e20",
            "reformatted",
        ),
        ("1e-400", "0", "changed"),
        ("1e-400", "1e-401", "changed"),
        ("1e-1000000000", "0.1e-999999999", "reformatted"),
        ("0.1", "0.1000000000000000055", "changed"),
        ("1", "\"1\"", "changed"),
    ] {
        let expected = [format!("{kind} {old} -> {new}")];
        for (head, tail) in [
            ("{\"a\": ", "}"),
            (
                "{\"messages\": [{\"role\": \"user\", \"n\": [1, {\"x\": ",
                "}]}]}",
            ),
            (
                "{\"tools\": [{\"function\": {\"name\": \"f\", \"n\": {\"const\": ",
                "}}}]}",
            ),
            ("{\"response_format\": {\"a\": 1, \"a\": ", "}}"),
        ] {
            let body = |number: &str| format!("{head}{number}{tail}");
            assert_eq!(told_of(&body(old), &body(new)), expected);
            assert_eq!(told_of(&body(old), &body(old)), [""; 0]);
        }
    }
    // Whole values are reported as they are written.
    assert_eq!(
        told_of(r#"{"a": 1}"#, r#"{"a": [ 1.50, {"b": -0} ], "c": 1E5}"#),
        [r#"changed 1 -> [1.50,{"b":-0}]"#, "added  -> 1E5"]
    );
    // A list of the same numbers is the same list.
    assert_eq!(
        told_of(r#"{"a": [1, 2, 3]}"#, r#"{"a": [0, 1.0, 2, 3e0]}"#),
        [
            "added  -> 0",
            "reformatted 1 -> 1.0",
            "reformatted 3 -> 3e0"
        ]
    );
}

#[test]
fn notation_is_not_a_difference() {
    let before = "{\"a\":\"é/\",\"b\":[1],\"c\":1,\"c\":2}";
    let after = "{ \"c\": 2,\n\"\\u0062\": [ 1 ], \"a\": \"\\u00e9\\/\" }";
    assert_eq!(told_of(before, after), [""; 0]);
}

#[test]
fn a_difference_fits_only_numbers_written_as_they_were() {
    let json = |text: &str| text.parse::<Json>().unwrap();
    let difference = super::diff(&json(r#"{"a": 1.50}"#), &json(r#"{"a": 1.5}"#));
    assert_eq!(
        difference.apply(&json(r#"{"a": 1.50}"#)).unwrap().text(),
        r#"{"a":1.5}"#
    );
    for other in ["1.5", "15e-1", "2"] {
        assert!(
            difference
                .apply(&json(&format!("{{\"a\": {other}}}")))
                .is_err(),
            "{other}"
        );
    }
}

#[test]
fn another_body_is_an_error() {
    let before = json!({"a": [1, 2, 3], "b": {"c": "x"}, "d": 1});
    let after = json!({"a": [3, 1], "b": {"c": "y"}, "e": 1});
    let difference = diff(&before, &after);
    assert_eq!(apply(&difference, &before).as_ref(), Ok(&after));
    for other in [
        json!({}),
        json!(null),
        json!({"a": [1, 2], "b": {"c": "x"}, "d": 1}),
        json!({"a": [1, 4, 3], "b": {"c": "x"}, "d": 1}),
        json!({"a": [1, 2, 3], "b": {"c": "z"}, "d": 1}),
        json!({"a": [1, 2, 3], "b": 1, "d": 1}),
        json!({"a": [1, 2, 3], "b": {"c": "x"}}),
        json!({"a": [1, 2, 3], "b": {"c": "x"}, "d": 1, "e": 1}),
    ] {
        let error = apply(&difference, &other).unwrap_err();
        assert!(error.to_string().contains("is of another body"), "{other}");
    }
}

#[test]
fn large_bodies_are_compared_in_bounded_time() {
    let body = |count: usize, text: &dyn Fn(usize) -> String| {
        let list = (0..count).map(|n| message("user", &text(n)));
        json!({"messages": list.collect::<Vec<_>>()})
    };
    let begun = std::time::Instant::now();
    let before = body(10_000, &|n| format!("Example number {n} of many"));
    let bodies = [
        body(10_000, &|n| {
            format!("Example number {} of many", 10_000 - n)
        }),
        body(10_000, &|n| format!("Beispiel {n} von vielen")),
        body(9_000, &|n| {
            format!("Example number {} of some", n * 7 % 10_000)
        }),
        body(10_000, &|n| format!("{} {}", n % 2, n * 31 % 11)),
    ];
    for after in &bodies {
        assert_eq!(apply(&diff(&before, after), &before).as_ref(), Ok(after));
    }
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());

    // The pointer of every value below a long name would contain that name.
    let name = "n".repeat(100_000);
    let of = |first: usize| json!({&name: {"x": (first..first + 1000).collect::<Vec<_>>()}});
    assert_eq!(diff(&of(0), &of(500)).edits.len(), 1);
    let of = |first: usize| json!({"x": (first..first + 60_000).collect::<Vec<_>>()});
    assert_eq!(told(&of(0), &of(1)).len(), 2);
    assert_eq!(told(&of(0), &of(100_000)), ["changed /x"]);
}

/// Generates JSON text of few values, with numbers written in many ways.
fn written() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "1",
        "1.0",
        "1E0",
        "10e-1",
        "-0",
        "0",
        "0e9",
        "1e-400",
        "123456789012345678901",
        "123456789012345678902",
        "123456789012345678901.0",
        "null",
        "true",
        "\"a\"",
        "\"\\u0061\"",
        "[]",
        "{ }",
    ]);
    let name = prop::sample::select(vec!["a", "b", "messages", "tools", "content", "\\u0061"]);
    scalar
        .prop_map(str::to_owned)
        .prop_recursive(4, 24, 5, move |inner| {
            let member = (name.clone(), inner.clone());
            prop_oneof![
                prop::collection::vec(inner, 0..6)
                    .prop_map(|items| format!("[{}]", items.join(", "))),
                prop::collection::vec(member, 0..5).prop_map(|members| {
                    let members = members
                        .iter()
                        .map(|(name, value)| format!("\"{name}\": {value}"));
                    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
                }),
            ]
        })
}

fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "be",
        "brief",
        "answer",
        "the",
        "日本",
        "é",
        "👩‍👧",
        "\n",
        " ",
        "  ",
        ".",
        "{{hc:a:string}}",
        "{{hcp:abc123:0}}",
        "\r\n",
        "\t",
        "\u{0}",
        "/",
        "~",
        "long-winded",
    ]);
    prop::collection::vec(word, 0..12).prop_map(|words| words.concat())
}

/// Generates any JSON of few values, so that equal ones occur.
fn anything() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (0..3i64).prop_map(Value::from),
        Just(json!(1.0)),
        Just(json!(-0.0)),
        text().prop_map(Value::from),
    ];
    let name = prop::sample::select(vec![
        "a", "b", "", "/", "~1", "role", "content", "name", "0",
    ]);
    scalar.prop_recursive(4, 24, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((name.clone(), inner), 0..5).prop_map(|members| {
                let members = members.into_iter();
                members
                    .map(|(name, value)| (name.to_owned(), value))
                    .collect()
            }),
        ]
    })
}

fn item() -> impl Strategy<Value = Value> {
    let role = prop::sample::select(vec!["system", "user", "assistant"]);
    let content = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => prop::collection::vec(
            text().prop_map(|text| json!({"type": "text", "text": text})), 0..3
        ).prop_map(Value::from),
        1 => anything(),
    ];
    let name = prop::sample::select(vec!["weather", "refund", "end"]);
    prop_oneof![
        4 => (role, content).prop_map(|(role, content)| json!({"role": role, "content": content})),
        2 => (name, anything()).prop_map(|(name, parameters)| {
            json!({"type": "function", "function": {"name": name, "parameters": parameters}})
        }),
        1 => anything(),
    ]
}

fn body() -> impl Strategy<Value = Value> {
    let items = || prop::collection::vec(item(), 0..8);
    (items(), items(), anything(), anything()).prop_map(|(messages, tools, format, any)| {
        json!({"model": "m", "messages": messages, "tools": tools, "response_format": format, "x": any})
    })
}

/// Generates a body and a changed copy: items are moved, dropped, doubled or replaced; members are
/// replaced.
fn changed(body: Value) -> impl Strategy<Value = (Value, Value)> {
    let change = (
        0..6usize,
        any::<prop::sample::Index>(),
        any::<prop::sample::Index>(),
        item(),
    );
    prop::collection::vec(change, 0..6).prop_map(move |changes| {
        let mut after = body.clone();
        for (kind, from, to, value) in changes {
            let list = if kind % 2 == 0 { "messages" } else { "tools" };
            let Some(items) = after[list].as_array_mut().filter(|items| !items.is_empty()) else {
                continue;
            };
            let (from, to) = (from.index(items.len()), to.index(items.len()));
            match kind {
                0 | 1 => {
                    let item = items.remove(from);
                    items.insert(to, item);
                }
                2 => drop(items.remove(from)),
                3 => items.insert(to, value),
                4 => items[from]["content"] = value["content"].clone(),
                _ => after["x"] = value,
            }
        }
        (body.clone(), after)
    })
}

fn pair() -> impl Strategy<Value = (Value, Value)> {
    // Only members of an object can be set.
    let object = |value: &Value| {
        let lists = ["messages", "tools"];
        lists.iter().all(|list| {
            value[list]
                .as_array()
                .is_some_and(|items| items.iter().all(Value::is_object))
        })
    };
    prop_oneof![
        3 => body().prop_filter("items are objects", object).prop_flat_map(changed),
        2 => (body(), body()),
        2 => (anything(), anything()),
    ]
}

/// Returns the same value with all members in the opposite order.
fn reversed(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(reversed).collect(),
        Value::Object(members) => {
            let members = members.iter().rev();
            members
                .map(|(name, value)| (name.clone(), reversed(value)))
                .collect()
        }
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_difference_makes_the_new_body_of_the_old((before, after) in pair()) {
        let difference = diff(&before, &after);
        prop_assert_eq!(difference.is_empty(), before == after);
        prop_assert_eq!(apply(&difference, &before), Ok(after.clone()));
        // The result is deterministic, and does not depend on the order of members.
        prop_assert_eq!(&diff(&before, &after), &difference);
        let edits = apply(&diff(&reversed(&before), &reversed(&after)), &before);
        prop_assert_eq!(edits, Ok(after.clone()));
        // Applying the difference to any other body returns a result and does not panic.
        let _ = apply(&difference, &after);
        // Pointers are valid, and texts are complete.
        for edit in &difference.edits {
            if let (Some(at), Some(old)) = (&edit.old_pointer, &edit.old) {
                prop_assert_eq!(at.find(&before), Some(old.json()));
            }
            if let (Some(at), Some(new)) = (&edit.new_pointer, &edit.new) {
                prop_assert_eq!(at.find(&after), Some(new.json()));
            }
            let text = |side: &Option<Json>| Some(side.as_ref()?.json().as_str()?.to_owned());
            let texts = text(&edit.old).zip(text(&edit.new));
            prop_assert_eq!(edit.text.is_some(), texts.is_some());
            if let (Some(segments), Some((old, new))) = (&edit.text, texts) {
                let side = |gone: SegmentKind| -> String {
                    let side = segments.iter().filter(|one| one.kind != gone);
                    side.map(|one| one.text.as_str()).collect()
                };
                prop_assert_eq!(side(SegmentKind::Added), old);
                prop_assert_eq!(side(SegmentKind::Removed), new);
            }
        }
    }

    #[test]
    fn numbers_stay_as_they_are_written((before, after) in (written(), written())) {
        let (before, after): (Json, Json) = (before.parse().unwrap(), after.parse().unwrap());
        let difference = super::diff(&before, &after);
        prop_assert_eq!(difference.is_empty(), before == after);
        prop_assert_eq!(difference.apply(&before), Ok(after.clone()));
        let is_same = before.tree().is_same(&after.tree());
        let respelled = |edit: &Edit| edit.kind == EditKind::Reformatted;
        if is_same {
            prop_assert!(difference.edits.iter().all(respelled), "{:?}", difference);
        }
        for edit in difference.edits.iter().filter(|edit| respelled(edit)) {
            let (old, new) = (edit.old.as_ref().unwrap(), edit.new.as_ref().unwrap());
            prop_assert!(old != new && old.tree().is_same(&new.tree()));
        }
    }

    #[test]
    fn equal_bodies_do_not_differ(body in body()) {
        prop_assert!(diff(&body, &body).is_empty());
        prop_assert!(diff(&body, &reversed(&body)).is_empty());
    }
}
