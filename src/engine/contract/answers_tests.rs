//! Tests of [`answers`](super).

use serde_json::{Value, json};

use super::super::rules::{Contract, breakages};
use crate::template::Partials;

fn contract(mut members: Value) -> Contract {
    if members.get("tools").is_none() {
        let tool = |name: &str| json!({ "type": "function", "function": { "name": name } });
        members["tools"] = json!([tool("f"), tool("g")]);
    }
    Contract::of(&members.into(), &Partials::new())
}

fn found(base: Value, new: Value) -> Vec<String> {
    let found = breakages(&contract(base), &contract(new));
    found.iter().map(ToString::to_string).collect()
}

fn is_major(base: &Value, new: &Value) -> bool {
    !found(base.clone(), new.clone()).is_empty()
}

#[test]
fn a_choice_of_tools_may_only_narrow() {
    let function = |name: &str| json!({ "type": "function", "function": { "name": name } });
    let allowed = json!({ "type": "allowed_tools", "allowed_tools": {
        "mode": "auto", "tools": [{ "type": "function", "name": "f" }],
    } });
    // Each of these allows the ones after it, in its list.
    for (wide, narrow) in [
        (json!(null), json!("auto")),
        (json!("auto"), json!(null)),
        (json!("auto"), json!("none")),
        (json!("auto"), json!("required")),
        (json!("required"), function("f")),
        (json!("auto"), allowed.clone()),
        (allowed.clone(), function("f")),
        (allowed.clone(), json!("none")),
        (function("f"), json!({ "type": "tool", "name": "f" })),
        (json!({ "type": "any" }), json!("required")),
    ] {
        let (base, new) = (
            json!({ "tool_choice": wide }),
            json!({ "tool_choice": narrow }),
        );
        assert!(!is_major(&base, &new), "{wide} -> {narrow}");
    }
    for (before, after) in [
        (json!("none"), json!("required")),
        (json!("none"), json!(null)),
        (json!("required"), json!("auto")),
        (function("f"), function("g")),
        (allowed.clone(), json!("auto")),
        (allowed, json!("required")),
        (
            json!("auto"),
            json!({ "type": "auto", "disable_parallel_tool_use": true }),
        ),
    ] {
        let (base, new) = (
            json!({ "tool_choice": before }),
            json!({ "tool_choice": after }),
        );
        assert!(is_major(&base, &new), "{before} -> {after}");
    }
    assert_eq!(
        found(
            json!({ "tool_choice": "none" }),
            json!({ "tool_choice": "required" })
        ),
        ["\"tool_choice\" is \"required\", and was \"none\": \
          a model may call what it could not call before: tool_choice"]
    );
}

#[test]
fn callers_get_answers_of_the_form_that_they_got() {
    for (base, new, expected) in [
        (json!({}), json!({ "n": 3 }), true),
        (json!({ "n": 1 }), json!({}), false),
        (json!({ "n": 1 }), json!({ "n": 1.0 }), false),
        (json!({}), json!({ "stream": true }), true),
        (json!({ "stream": false }), json!({}), false),
        (
            json!({}),
            json!({ "stream_options": { "include_usage": true } }),
            true,
        ),
        (json!({}), json!({ "background": true }), true),
        (json!({}), json!({ "modalities": ["text"] }), false),
        (
            json!({ "modalities": ["text", "audio"] }),
            json!({ "modalities": ["audio", "text"] }),
            false,
        ),
        (json!({}), json!({ "modalities": ["text", "audio"] }), true),
        (
            json!({ "audio": { "format": "wav", "voice": "a" } }),
            json!({ "audio": { "format": "wav", "voice": "b" } }),
            false,
        ),
        (
            json!({ "audio": { "format": "wav" } }),
            json!({ "audio": { "format": "mp3" } }),
            true,
        ),
        (json!({ "parallel_tool_calls": false }), json!({}), true),
        (
            json!({ "parallel_tool_calls": false }),
            json!({ "parallel_tool_calls": true }),
            true,
        ),
        (json!({}), json!({ "parallel_tool_calls": false }), false),
        (
            json!({ "logprobs": true, "top_logprobs": 3 }),
            json!({ "logprobs": true, "top_logprobs": 2 }),
            true,
        ),
        (json!({ "logprobs": true }), json!({}), true),
        (
            json!({}),
            json!({ "logprobs": true, "top_logprobs": 2 }),
            false,
        ),
        (
            json!({ "include": ["a"] }),
            json!({ "include": ["b", "a"] }),
            false,
        ),
        (json!({ "include": ["a"] }), json!({}), true),
        (
            json!({}),
            json!({ "text": { "format": { "type": "json_object" } } }),
            true,
        ),
        (
            json!({}),
            json!({ "text": { "format": { "type": "text" }, "verbosity": "low" } }),
            false,
        ),
        (
            json!({}),
            json!({ "temperature": 1, "metadata": {} }),
            false,
        ),
        (json!({ "n": null }), json!({}), false),
    ] {
        assert_eq!(is_major(&base, &new), expected, "{base} -> {new}");
    }
}

#[test]
fn calls_at_once_matter_only_with_tools() {
    let body = |parallel: bool| json!({ "tools": [], "parallel_tool_calls": parallel });
    assert!(!is_major(&body(false), &body(true)));
}

#[test]
fn functions_are_compared_as_tools() {
    let body = |name: &str, description: &str| {
        let schema =
            json!({ "type": "object", "properties": { "id": { "description": description } } });
        json!({ "tools": [], "functions": [{ "name": name, "description": description, "parameters": schema }] })
    };
    assert_eq!(found(body("f", "x"), body("f", "y")), [""; 0]);
    assert_eq!(
        found(body("f", "x"), body("g", "x")),
        [
            "tool \"g\" is offered, and was not before: a model may call what the caller can't answer: functions[0]",
            "tool \"f\" is not offered any more: functions[0]",
        ]
    );
}
