//! Scripted answers to requests for models: their content, their streams, and the calls that got
//! them.

use std::time::{Duration, Instant};

use promptbook::server::fake::{Completion, Fake};
use serde_json::{Value, json};

use crate::gateway::{CHAT, RESPONSES, fake, last};
use crate::support::{Client, Raw};

const COMPLETIONS: &str = "/__promptbook/completions";

/// Returns the JSON of a stream's events. The last one of a chat stream must be `[DONE]`.
#[track_caller]
fn events(answer: &Raw) -> Vec<Value> {
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/event-stream"), "{answer:?}");
    let mut data: Vec<&str> = answer
        .body
        .split("\n\n")
        .filter(|event| !event.is_empty())
        .map(|event| {
            event
                .lines()
                .last()
                .unwrap()
                .strip_prefix("data: ")
                .unwrap()
        })
        .collect();
    if answer.body.contains("chat.completion.chunk") {
        assert_eq!(data.pop(), Some("[DONE]"));
    }
    data.iter()
        .map(|text| serde_json::from_str(text).unwrap())
        .collect()
}

fn ask(client: &Client, more: Value) -> Raw {
    let mut request = json!({"prompt_id": "greet1", "environment": "staging", "model": "gpt-4o"});
    request
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    client.post(CHAT, &request)
}

#[test]
fn answers_are_matched_by_prompt_model_content_or_any() {
    let (_fake, client) = fake(Fake::options());
    for script in [
        json!({"text": "of rules", "prompt": "rules1"}),
        json!({"text": "of another", "model": "other"}),
        json!({"text": "of Ada", "content": "Hi Ada", "times": 2}),
        json!({"text": "of any"}),
    ] {
        client.post(COMPLETIONS, &script).data();
    }
    let said = |more: Value| {
        let json = ask(&client, more).json();
        json["choices"][0]["message"]["content"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let ada = || json!({"inputs": {"name": "Ada"}});
    assert_eq!(said(ada()), "of Ada");
    assert_eq!(said(json!({})), "of any");
    let of_rules = json!({"prompt_id": "rules1", "environment": "production"});
    assert_eq!(said(of_rules), "of rules");
    assert_eq!(said(json!({"model": "other"})), "of another");
    assert_eq!(said(ada()), "of Ada");
    assert_eq!(
        said(ada()),
        "An answer of gpt-4o to prompt greet1, version 1.1 (staging)."
    );
    assert_eq!(client.get(COMPLETIONS).data(), json!([]));
}

#[test]
fn answers_are_listed_and_removed() {
    let (fake, client) = fake(Fake::options());
    let script = json!({"text": "Hi", "headers": {"x-a": 1}, "times": null});
    let listed = json!([{"text": "Hi", "headers": {"x-a": "1"}, "times": null}]);
    assert_eq!(client.post(COMPLETIONS, &script).data(), listed);
    assert_eq!(client.get(COMPLETIONS).data(), listed);
    assert_eq!(client.delete(COMPLETIONS).data(), Value::Null);
    fake.complete(Completion::text("Hi")).unwrap();
    fake.reset().unwrap();
    assert_eq!(client.get(COMPLETIONS).data(), json!([]));
    for (wrong, reason) in [
        (
            json!({"status": 200, "error": "fine"}),
            "200 is not an error status",
        ),
        (json!({"txt": "Hi"}), "unknown field"),
        (
            json!({"text": "Hi", "headers": {"content-length": 1}}),
            "content-length",
        ),
    ] {
        let (status, text) = client.post(COMPLETIONS, &wrong).refusal();
        assert_eq!(status, 400);
        assert!(text.contains(reason), "{text}");
    }
}

#[test]
fn an_answer_has_the_scripted_content() {
    let (fake, client) = fake(Fake::options());
    let script = Completion::tool_call("lookup", r#"{"a": 1}"#)
        .and_tool_call("lookup", "{}")
        .usage(10, 5)
        .header("x-request-cost", "3");
    fake.complete(script).unwrap();
    let answer = ask(&client, json!({}));
    assert_eq!(answer.header("x-request-cost"), Some("3"));
    let json = answer.json();
    let choice = &json["choices"][0];
    assert_eq!(choice["finish_reason"], "tool_calls");
    assert_eq!(choice["message"]["content"], Value::Null);
    let calls = choice["message"]["tool_calls"].as_array().unwrap();
    assert_eq!(calls.len(), 2);
    let function = json!({"name": "lookup", "arguments": "{\"a\": 1}"});
    assert_eq!(calls[0]["function"], function);
    assert_ne!(calls[0]["id"], calls[1]["id"]);
    let usage = json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15});
    assert_eq!(json["usage"], usage);

    fake.complete(Completion::refusal("No").finish_reason("content_filter"))
        .unwrap();
    let choice = ask(&client, json!({})).json()["choices"][0].clone();
    assert_eq!(choice["message"]["refusal"], "No");
    assert_eq!(choice["finish_reason"], "content_filter");

    fake.complete(Completion::json(json!({"any": "thing"})))
        .unwrap();
    assert_eq!(ask(&client, json!({})).json(), json!({"any": "thing"}));

    fake.complete(Completion::fail(429, "Slow down").header("retry-after", "2"))
        .unwrap();
    let answer = ask(&client, json!({"stream": true}));
    assert_eq!(
        (answer.status, answer.header("retry-after")),
        (429, Some("2"))
    );
    assert_eq!(answer.json()["error"]["type"], "rate_limit_error");
    assert_eq!(fake.calls().last().unwrap().status, Some(429));
    assert!(last(&fake).prompt_id.is_some());
}

#[test]
fn a_stream_has_a_chunk_for_each_token_and_the_usage() {
    let (fake, client) = fake(Fake::options());
    let script = Completion::text("Hello dear Ada").usage(3, 3);
    fake.complete(script.always()).unwrap();
    let answer = ask(&client, json!({"stream": true}));
    assert_eq!(answer.header("promptbook-number"), Some("1.1"));
    let events = events(&answer);
    let texts: Vec<&str> = events
        .iter()
        .filter_map(|event| event["choices"][0]["delta"]["content"].as_str())
        .collect();
    assert_eq!(texts, ["", "Hello ", "dear ", "Ada"]);
    assert_eq!(events[0]["choices"][0]["delta"]["role"], "assistant");
    let end = &events[events.len() - 2];
    assert_eq!(end["choices"][0]["finish_reason"], "stop");
    // The gateway asks for it.
    let usage = events.last().unwrap();
    assert_eq!(
        (&usage["choices"], &usage["usage"]["total_tokens"]),
        (&json!([]), &json!(6))
    );
    let asked = json!({"include_usage": true});
    assert_eq!(last(&fake).request["stream_options"], asked);
    let ids: std::collections::BTreeSet<String> =
        events.iter().map(|event| event["id"].to_string()).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_stream_has_the_calls_of_tools_and_refusals() {
    let (fake, client) = fake(Fake::options());
    fake.complete(Completion::tool_call("f", r#"{"a": [1, 2]}"#))
        .unwrap();
    let answer = ask(&client, json!({"stream": true}));
    let events_of_call = events(&answer);
    let deltas: Vec<&Value> = events_of_call
        .iter()
        .map(|event| &event["choices"][0]["delta"]["tool_calls"][0])
        .filter(|call| call.is_object())
        .collect();
    assert_eq!(deltas[0]["function"]["name"], "f");
    assert!(deltas[0]["id"].is_string());
    let arguments: String = deltas
        .iter()
        .map(|call| call["function"]["arguments"].as_str().unwrap())
        .collect();
    assert_eq!(arguments, r#"{"a": [1, 2]}"#);
    fake.complete(Completion::refusal("No way")).unwrap();
    let refused: String = events(&ask(&client, json!({"stream": true})))
        .iter()
        .filter_map(|event| {
            event["choices"][0]["delta"]["refusal"]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(refused, "No way");
}

#[test]
fn a_stream_of_the_responses_api_has_its_events() {
    let (fake, client) = fake(Fake::options());
    let script = Completion::text("Hello Ada").and_tool_call("f", "{}");
    fake.complete(script).unwrap();
    let request = json!({"model": "m", "input": "Hi", "stream": true});
    let answer = client.post(RESPONSES, &request);
    let events = events(&answer);
    let kinds: Vec<&str> = events
        .iter()
        .map(|event| event["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.in_progress",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_text.delta",
            "response.output_text.done",
            "response.content_part.done",
            "response.output_item.done",
            "response.output_item.added",
            "response.function_call_arguments.delta",
            "response.function_call_arguments.done",
            "response.output_item.done",
            "response.completed",
        ]
    );
    for (number, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], number);
    }
    assert!(answer.body.starts_with("event: response.created\ndata: {"));
    let output = &events.last().unwrap()["response"]["output"];
    assert_eq!(output[0]["content"][0]["text"], "Hello Ada");
    assert_eq!(output[1]["name"], "f");
    assert_eq!(last(&fake).request.get("stream_options"), None);
}

#[test]
fn answers_may_be_late_and_break_off() {
    let (fake, client) = fake(Fake::options());
    let delay = Duration::from_millis(30);
    fake.complete(Completion::text("a b c").token_delay(delay))
        .unwrap();
    let started = Instant::now();
    assert_eq!(events(&ask(&client, json!({"stream": true}))).len(), 6);
    assert!(started.elapsed() >= 7 * delay);
    fake.complete(Completion::text("a").delay(delay)).unwrap();
    let started = Instant::now();
    ask(&client, json!({}));
    assert!(started.elapsed() >= delay);

    let request = json!({"model": "m", "messages": [], "stream": true});
    fake.complete(Completion::text("a b c d e f").cut())
        .unwrap();
    // The chunks end without the last one.
    client.send("POST", CHAT, Some(&request)).unwrap_err();
    fake.complete(Completion::text("a b c d e f").cut())
        .unwrap();
    let cut = client
        .send("POST", CHAT, Some(&json!({"model": "m", "messages": []})))
        .unwrap();
    let declared: usize = cut.header("content-length").unwrap().parse().unwrap();
    assert!(cut.body.len() < declared, "{cut:?}");
}

#[test]
fn merged_requests_are_asserted() {
    let (fake, client) = fake(Fake::options());
    ask(&client, json!({"inputs": {"name": "Ada"}}));
    let route = format!("POST {CHAT}");
    let assert = |gateway: Value| {
        let asked = json!({"route": route, "gateway": gateway, "times": 1});
        client.post("/__promptbook/calls/assert", &asked)
    };
    let merged = json!({
        "prompt_id": "greet1", "number": "1.1", "environment": "staging", "inputs": {"name": "Ada"},
        "request": {"messages": [{"role": "user", "content": "Hi Ada"}]},
    });
    assert_eq!(assert(merged).data()["count"], 1);
    let (status, text) = assert(json!({"number": "1.0"})).refusal();
    assert_eq!(status, 409);
    assert!(text.contains("0 times with this prompt request"), "{text}");
    assert!(
        text.contains("gateway.number: expected \"1.0\", found \"1.1\""),
        "{text}"
    );
    assert!(
        text.contains("merged {\"messages\":[{\"role\":\"user\",\"content\":\"Hi Ada\"}]"),
        "{text}"
    );
    let calls = client.get("/__promptbook/calls").data();
    assert_eq!(calls["calls"][0]["gateway"]["number"], "1.1");
    let listed = fake.calls();
    assert_eq!(
        listed[0]
            .gateway
            .as_ref()
            .unwrap()
            .number
            .unwrap()
            .to_string(),
        "1.1"
    );
}
