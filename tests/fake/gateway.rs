//! Requests for models that name a stored prompt: which version they get, and how it is merged.

use promptbook::server::fake::{Fake, FakeOptions, Fault, GatewayCall};
use promptbook::server::{Fixtures, GatewayGeneration, StatusMode};
use serde_json::{Value, json};

use crate::support::{Client, Raw};

pub(crate) const CHAT: &str = "/v1/chat/completions";

pub(crate) const RESPONSES: &str = "/v1/responses";

pub(crate) const STAGING: &str = "01941f29-7c00-7000-8000-000000000002";

/// Returns two prompts. The first has a tool, a format and a partial of the second in production,
/// and a version in staging.
pub(crate) fn prompts() -> Fixtures {
    let tool = json!({"type": "function", "function": {
        "name": "lookup", "description": "Looks {{hc:what:string}} up", "parameters": {},
    }});
    let text = json!({"prompts": [
        {
            "id": "greet1", "name": "greeting",
            "versions": [
                {
                    "environments": ["production"],
                    "body": {
                        "model": "gpt-4o", "temperature": 0.5,
                        "response_format": {"type": "json_schema", "json_schema": {"name": "{{hc:what:string}}"}},
                        "tools": [tool],
                        "messages": [
                            {"role": "system", "content": "{{hcp:rules1:0}} Greet {{hc:name:string}}, {{hc:age:number}}."},
                        ],
                    },
                },
                {
                    "id": STAGING, "environments": ["staging"],
                    "body": {"messages": [{"role": "user", "content": "Hi {{hc:name:string}}"}]},
                },
            ],
        },
        {
            "id": "rules1", "name": "rules",
            "versions": [{"environments": ["production"], "body": {
                "messages": [{"role": "system", "content": "Be {{hc:tone:string}}."}],
            }}],
        },
        {
            "id": "loose1", "name": "unfinished",
            "versions": [{"environments": ["dev"], "body": {"model": "m", "messages": []}}],
        },
        {
            "id": "broken", "name": "broken",
            "versions": [{"environments": ["production"], "body": {
                "model": "m", "messages": [{"role": "user", "content": "{{hcp:rules1:0:nowhere}}"}],
            }}],
        },
    ]});
    Fixtures::from_json(&text.to_string()).unwrap()
}

pub(crate) fn fake(options: FakeOptions) -> (Fake, Client) {
    let fake = options.fixtures(prompts()).start().unwrap();
    let client = Client::of(&fake);
    (fake, client)
}

/// Returns what the gateway made of the last call.
#[track_caller]
pub(crate) fn last(fake: &Fake) -> GatewayCall {
    let calls = fake.calls();
    calls.last().unwrap().gateway.clone().unwrap()
}

/// Returns the status and the text of an error in the gateway's form.
#[track_caller]
fn refusal(answer: &Raw) -> (u16, String) {
    let json = answer.json();
    let members: Vec<_> = json.as_object().unwrap().keys().collect();
    assert_eq!(members, ["error"], "{answer:?}");
    (answer.status, json["error"].as_str().unwrap().to_owned())
}

fn inputs() -> Value {
    json!({"name": "Ada", "age": 36, "tone": "kind", "what": "facts"})
}

#[test]
fn a_stored_prompt_is_merged_into_a_request() {
    let (fake, client) = fake(Fake::options());
    let request = json!({
        "prompt_id": "greet1", "inputs": inputs(), "temperature": 1, "seed": 7,
        "tools": [{"type": "function", "function": {"name": "mine"}}],
        "messages": [{"role": "user", "content": "I am {{hc:name:string}}."}],
    });
    for path in [CHAT, "/chat/completions", "/ai/chat/completions"] {
        let answer = client.post(path, &request);
        assert_eq!(answer.status, 200, "{answer:?}");
        let completion = answer.json();
        assert_eq!(completion["object"], "chat.completion");
        assert_eq!(completion["model"], "gpt-4o");
        let text = "An answer of gpt-4o to prompt greet1, version 1.0 (production).";
        assert_eq!(completion["choices"][0]["message"]["content"], text);
        assert_eq!(answer.header("promptbook-prompt"), Some("greet1"));
        assert_eq!(answer.header("promptbook-number"), Some("1.0"));
        assert_eq!(answer.header("promptbook-environment"), Some("production"));

        let merged = last(&fake);
        assert_eq!(
            merged.request,
            json!({
                "model": "gpt-4o", "temperature": 1, "seed": 7,
                "response_format": {"type": "json_schema", "json_schema": {"name": "facts"}},
                "tools": [
                    {"type": "function", "function": {
                        "name": "lookup", "description": "Looks facts up", "parameters": {},
                    }},
                    {"type": "function", "function": {"name": "mine"}},
                ],
                "messages": [
                    {"role": "system", "content": "Be kind. Greet Ada, 36."},
                    {"role": "user", "content": "I am Ada."},
                ],
            })
        );
        assert_eq!(merged.prompt_id.unwrap().as_str(), "greet1");
        assert_eq!(merged.number.unwrap().to_string(), "1.0");
        assert_eq!(merged.environment.unwrap().as_str(), "production");
        assert_eq!(Value::Object(merged.inputs), inputs());
        assert_eq!(merged.unfilled, []);
        let version = merged.version_id.unwrap().to_string();
        assert_eq!(answer.header("promptbook-version"), Some(&*version));
        assert_eq!(answer.header("helicone-id"), Some(&*merged.request_id));

        let recorded = client.get(&format!(
            "/v1/prompt-2025/id/greet1/{version}/inputs?requestId={}",
            merged.request_id
        ));
        assert_eq!(recorded.data()["inputs"], inputs());
        assert_eq!(recorded.data()["environment"], "production");
    }
}

#[test]
fn the_environment_wins_over_the_version_and_both_over_production() {
    let (fake, client) = fake(Fake::options());
    let number = |more: Value| {
        let mut request = json!({"prompt_id": "greet1", "model": "m", "inputs": inputs()});
        request
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        let answer = client.post(CHAT, &request);
        assert_eq!(answer.status, 200, "{answer:?}");
        let merged = last(&fake);
        let environment = merged.environment.map(|name| name.to_string());
        (merged.number.unwrap().to_string(), environment)
    };
    let of = |number: &str, environment: Option<&str>| {
        (number.to_owned(), environment.map(str::to_owned))
    };
    assert_eq!(number(json!({})), of("1.0", Some("production")));
    assert_eq!(
        number(json!({"environment": "staging"})),
        of("1.1", Some("staging"))
    );
    assert_eq!(number(json!({"version_id": STAGING})), of("1.1", None));
    let both = json!({"environment": "production", "version_id": STAGING});
    assert_eq!(number(both), of("1.0", Some("production")));
    // The live service falls back to production.
    for unknown in [
        json!({"environment": "nowhere"}),
        json!({"environment": "no\nname"}),
        json!({"version_id": "01941f29-7c00-7000-8000-00000000ffff"}),
        json!({"version_id": "nothing"}),
    ] {
        assert_eq!(number(unknown), of("1.0", Some("production")));
    }
}

#[test]
fn unknown_prompts_and_versions_are_errors() {
    let (_fake, live) = fake(Fake::options());
    let (_other, plain) = fake(Fake::options().status(StatusMode::Plain));
    let text = "Invalid prompt ID - no valid version found";
    for (request, reason) in [
        (json!({"prompt_id": "nobody"}), "nobody"),
        (
            json!({"prompt_id": "no such id"}),
            "\"no such id\" is not the id of a prompt",
        ),
        (json!({"prompt_id": "loose1"}), "production"),
        (
            json!({"prompt_id": "loose1", "environment": "test"}),
            "test",
        ),
    ] {
        assert_eq!(refusal(&live.post(CHAT, &request)), (400, text.into()));
        let (status, found) = refusal(&plain.post(CHAT, &request));
        assert_eq!(status, 404);
        assert!(found.starts_with(text) && found.contains(reason), "{found}");
    }
    // Plain statuses do not fall back.
    for (selected, reason) in [
        (json!({"environment": "nowhere"}), "nowhere"),
        (
            json!({"version_id": "01941f29-7c00-7000-8000-00000000ffff"}),
            "00000000ffff",
        ),
        (
            json!({"version_id": "nothing"}),
            "\"nothing\" is not the id of a version",
        ),
    ] {
        let mut request = json!({"prompt_id": "greet1", "inputs": inputs()});
        request
            .as_object_mut()
            .unwrap()
            .extend(selected.as_object().unwrap().clone());
        let (status, found) = refusal(&plain.post(CHAT, &request));
        assert_eq!(status, 404);
        assert!(found.contains(reason), "{found}");
    }
    // A version of another prompt is unknown.
    let request = json!({"prompt_id": "rules1", "version_id": STAGING, "model": "m"});
    assert_eq!(plain.post(CHAT, &request).status, 404);
    assert_eq!(live.post(CHAT, &request).status, 200);
}

#[test]
fn errors_have_the_live_services_texts() {
    let (fake, client) = fake(Fake::options());
    for (request, expected) in [
        (
            json!({"inputs": {"a": 1}, "model": "m"}),
            "No prompt ID provided",
        ),
        (
            json!({"environment": "staging", "model": "m"}),
            "No prompt ID provided",
        ),
        (
            json!({"prompt_id": "greet1", "inputs": {"name": "Ada", "age": "old", "what": "w"}}),
            "Variable 'age' is 'number' but got 'old'",
        ),
        (
            json!({"prompt_id": "greet1", "inputs": {"name": "Ada", "age": "old"}}),
            "Variable 'age' is 'number' but got 'old'\n\
             Variable 'what' is 'string' but got 'undefined'\n\
             Variable 'what' is 'string' but got 'undefined'",
        ),
        (
            json!({"prompt_id": "broken"}),
            "Error retrieving prompt body: messages[0].content: prompt rules1 has no version in \
             environment \"nowhere\"",
        ),
        (
            json!({"prompt_id": "greet1", "messages": "none"}),
            "parameters: messages is a string, expected a list",
        ),
        (json!({"prompt_id": {}}), "prompt_id: expected a text"),
    ] {
        let (status, text) = refusal(&client.post(CHAT, &request));
        assert_eq!((status, &*text), (400, expected), "{request}");
    }
    for request in [
        json!({"messages": []}),
        json!({"prompt_id": "greet1", "environment": "staging"}),
        json!({"model": "!openai", "messages": []}),
        json!([]),
    ] {
        let answer = client.post(CHAT, &request);
        assert_eq!(answer.status, 400);
        assert!(
            answer.body.starts_with("Invalid body or missing model."),
            "{answer:?}"
        );
        let kind = answer.header("content-type").unwrap();
        assert!(kind.starts_with("text/plain"), "{kind}");
    }
    let other = Client::new(fake.url(), "another key");
    let (status, text) = refusal(&other.post(CHAT, &json!({"model": "m"})));
    assert_eq!((status, &*text), (401, "The API key is not known"));
    assert_eq!(client.get(CHAT).status, 405);
}

#[test]
fn older_gateways_require_a_model_and_fill_no_partials() {
    let (fake, client) = fake(Fake::options().gateway(GatewayGeneration::Older));
    let request = json!({"prompt_id": "greet1", "inputs": inputs()});
    let answer = client.post(CHAT, &request);
    assert!(
        answer.body.starts_with("Invalid body or missing model."),
        "{answer:?}"
    );
    let request = json!({"prompt_id": "greet1", "inputs": inputs(), "model": "other"});
    assert_eq!(client.post(CHAT, &request).json()["model"], "other");
    let merged = last(&fake);
    assert_eq!(
        merged.request["messages"][0]["content"],
        "{{hcp:rules1:0}} Greet Ada, 36."
    );
    let unfilled: Vec<String> = merged.unfilled.iter().map(ToString::to_string).collect();
    assert_eq!(unfilled, ["messages[0].content: {{hcp:rules1:0}}"]);
    let request = json!({"prompt_id": "greet1", "model": "m", "input": "Hi"});
    let (status, text) = refusal(&client.post(RESPONSES, &request));
    assert_eq!(status, 400);
    assert!(
        text.contains("not supported for the Responses API"),
        "{text}"
    );
    let plain = json!({"model": "m", "input": "Hi"});
    assert_eq!(client.post(RESPONSES, &plain).status, 200);
}

#[test]
fn tags_without_an_input_remain_and_are_reported() {
    let (fake, client) = fake(Fake::options());
    let request = json!({
        "prompt_id": "greet1", "environment": "staging", "model": "m",
        "messages": [{"role": "user", "content": "{{hc:topic:string}}?"}],
    });
    assert_eq!(client.post(CHAT, &request).status, 200);
    let merged = last(&fake);
    let unfilled: Vec<String> = merged.unfilled.iter().map(ToString::to_string).collect();
    let expected = [
        "messages[0].content: {{hc:name:string}}",
        "messages[1].content: {{hc:topic:string}}",
    ];
    assert_eq!(unfilled, expected);
    assert_eq!(
        merged.request.get("tools"),
        None,
        "models refuse an empty list"
    );
}

#[test]
fn a_request_without_a_prompt_is_passed_on_as_it_is() {
    let (fake, client) = fake(Fake::options());
    let request = json!({
        "model": "gpt-4o", "environment": "", "inputs": null, "n": 1,
        "messages": [{"role": "user", "content": "{{hc:name:string}}"}],
    });
    let answer = client.post(CHAT, &request);
    let text = "An answer of gpt-4o to a request without a prompt.";
    assert_eq!(answer.json()["choices"][0]["message"]["content"], text);
    assert_eq!(answer.header("promptbook-prompt"), None);
    let merged = last(&fake);
    assert_eq!(
        merged.request,
        json!({
            "model": "gpt-4o", "n": 1,
            "messages": [{"role": "user", "content": "{{hc:name:string}}"}],
        })
    );
    assert_eq!((merged.prompt_id, merged.inputs.len()), (None, 0));
}

#[test]
fn prompts_are_merged_into_requests_of_the_responses_api() {
    let (fake, client) = fake(Fake::options());
    let request = json!({
        "prompt_id": "greet1", "inputs": inputs(), "instructions": "Be brief.",
        "input": [{"role": "user", "content": [{"type": "input_text", "text": "I am {{hc:name:string}}."}]}],
    });
    let answer = client.post(RESPONSES, &request);
    let response = answer.json();
    assert_eq!(response["object"], "response", "{answer:?}");
    let text = "An answer of gpt-4o to prompt greet1, version 1.0 (production).";
    assert_eq!(response["output"][0]["content"][0]["text"], text);
    assert_eq!(response["status"], "completed");
    assert_eq!(
        last(&fake).request,
        json!({
            "model": "gpt-4o", "temperature": 0.5, "instructions": "Be brief.",
            "tools": [{"type": "function", "name": "lookup", "description": "Looks facts up", "parameters": {}}],
            "input": [
                {"role": "system", "content": "Be kind. Greet Ada, 36."},
                {"role": "user", "content": [{"type": "input_text", "text": "I am Ada."}]},
            ],
            "text": {"format": {"type": "json_schema", "name": "facts"}},
        })
    );
    let empty = json!({"prompt_id": "greet1", "inputs": inputs(), "input": ""});
    client.post(RESPONSES, &empty);
    assert_eq!(last(&fake).request["input"].as_array().unwrap().len(), 1);
}

#[test]
fn a_list_of_models_is_tried_in_order() {
    use promptbook::server::fake::Completion;
    let (fake, client) = fake(Fake::options());
    fake.complete(Completion::fail(500, "Down").model("a").always())
        .unwrap();
    let request = json!({"model": "a, !provider, b", "messages": []});
    assert_eq!(client.post(CHAT, &request).json()["model"], "b");
    assert_eq!(last(&fake).request["model"], "b");
    let answer = client.post(CHAT, &json!({"model": "a", "messages": []}));
    assert_eq!(
        (answer.status, &answer.json()["error"]["message"]),
        (500, &json!("Down"))
    );
}

#[test]
fn faults_apply_and_worlds_are_apart() {
    let (fake, client) = fake(Fake::options().key("one").key("two"));
    let two = Client::new(fake.url(), "two");
    fake.fault(Fault::fail(429, "Slow down").on(format!("POST {CHAT}")))
        .unwrap();
    let request = json!({"prompt_id": "greet1", "inputs": inputs()});
    assert_eq!(two.post(CHAT, &request).status, 200);
    assert_eq!(
        refusal(&client.post(CHAT, &request)),
        (429, "Slow down".into())
    );
    assert_eq!(fake.calls().last().unwrap().gateway, None);
    fake.fault(Fault::cut()).unwrap();
    let cut = client.send("POST", CHAT, Some(&request)).unwrap();
    assert!(serde_json::from_str::<Value>(&cut.body).is_err(), "{cut:?}");
    fake.fault(Fault::close()).unwrap();
    client.send("POST", CHAT, Some(&request)).unwrap_err();
    assert_eq!(client.post(CHAT, &request).status, 200);
    assert_eq!(fake.calls().len(), 4);
    assert_eq!(
        two.get("/__promptbook/calls").data()["calls"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn the_same_calls_give_the_same_bytes() {
    let (fake, client) = fake(Fake::options());
    let request = json!({"prompt_id": "greet1", "inputs": inputs()});
    let run = || -> Vec<String> {
        let answers = [CHAT, RESPONSES].map(|path| client.post(path, &request).undated());
        answers.into()
    };
    let first = run();
    fake.reset().unwrap();
    assert_eq!(run(), first);
}
