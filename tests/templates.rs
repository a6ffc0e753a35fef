//! What the reference client answered to 363 cases, exactly.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they say what failed"
)]

use promptbook::template::{caller_body, merge};
use serde::Deserialize;
use serde_json::{Map, Value, json};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Case {
    name: String,
    op: String,
    source: Value,
    params: Map<String, Value>,
    #[serde(default)]
    prompt_partial_inputs: Map<String, Value>,
    expected: Value,
}

/// Answers a case as the vectors write it.
fn answer(case: &Case) -> Value {
    let prompt = case.params.get("prompt_id").and_then(Value::as_str);
    let merged = match case.op.as_str() {
        "mergePromptBody" => merge(&case.source, &case.params, &case.prompt_partial_inputs),
        // The client asks for no prompt that is not named, and gives no partials.
        "getPromptBody" if prompt.is_none_or(str::is_empty) => {
            return json!({ "body": caller_body(&case.params), "errors": [] });
        }
        "getPromptBody" => merge(&case.source, &case.params, &Map::new()),
        other => panic!("unknown operation {other}"),
    };
    match merged {
        Ok(merged) => serde_json::to_value(merged).unwrap(),
        Err(_) => json!({ "throws": true }),
    }
}

/// JSON text with numbers as JavaScript writes them, so that 1.0 is 1. Members keep their order.
fn canonical(value: &Value) -> String {
    match value {
        Value::Number(number) => ryu_js::Buffer::new()
            .format(number.as_f64().unwrap())
            .to_owned(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Object(members) => {
            let members = members.iter();
            let members: Vec<_> = members
                .map(|(name, value)| format!("{}:{}", json!(name), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    }
}

#[test]
fn every_vector_is_answered_as_the_reference_client_does() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("vectors/templates.json")).unwrap();
    assert_eq!(cases.len(), 363);
    let wrong: Vec<String> = cases
        .iter()
        .filter_map(|case| {
            let (got, expected) = (canonical(&answer(case)), canonical(&case.expected));
            let explain = || format!("{}\n  expected {expected}\n       got {got}", case.name);
            (got != expected).then(explain)
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
