//! Clients of models, from PyPI and npm: each gets the scripted answers, and sends what a model
//! should get.

use std::path::Path;
use std::process::Command;

use promptbook::server::fake::{Completion, Fake};
use promptbook::server::{Server, ServerOptions};
use promptbook::{NewPrompt, Store};
use serde_json::{Value, json};

use crate::clients::{node, printed, python, python_with_openai_3};
use crate::gateway::{CHAT, RESPONSES, fake};

const DEFAULT: &str = "An answer of gpt-4o to prompt greet1, version 1.1 (staging).";

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fake/clients")
        .join(name)
}

/// Returns the messages that models would have got from these calls.
fn merged(fake: &Fake, path: &str) -> Vec<Value> {
    let calls = fake.calls().into_iter().filter(|call| call.path == path);
    let requests = calls.filter_map(|call| call.gateway.map(|merged| merged.request));
    let requests = requests.map(|mut request| {
        let name = if request["input"].is_null() {
            "messages"
        } else {
            "input"
        };
        request[name].take()
    });
    requests.collect()
}

fn greeting() -> Value {
    json!([{"role": "user", "content": "Hi Ada"}])
}

/// Adds the answers that a script needs beside the default one, each for its turn.
fn add_answers(fake: &Fake) {
    let default = || Completion::text(DEFAULT);
    let call = || Completion::tool_call("lookup", r#"{"a": 1}"#);
    for answer in [
        default(),
        default(),
        call(),
        // Two of the Responses API.
        default(),
        default(),
        Completion::fail(429, "Slow down").header("retry-after", "2"),
    ] {
        fake.complete(answer).unwrap();
    }
}

#[test]
fn openais_client_for_python_gets_the_answers() {
    let Some(mut client) = python_with_openai_3() else {
        return;
    };
    let (fake, _) = fake(Fake::options());
    add_answers(&fake);
    fake.complete(Completion::text("a b c d").cut()).unwrap();
    let found = printed(
        client
            .arg(script("openai_client.py"))
            .args([fake.url(), fake.key()]),
    );
    let expected = json!({
        "number": "1.1",
        "plain": DEFAULT,
        "usage": 12,
        "stream": DEFAULT,
        "stream_usage": 12,
        "tools": ["lookup", {"a": 1}],
        "response": DEFAULT,
        "response_stream": [DEFAULT, DEFAULT],
        "limit": ["Error code: 429 - Slow down", "2"],
        "unknown": {"error": "Invalid prompt ID - no valid version found"},
        "cut": found["cut"],
        "asynchronous": [DEFAULT],
    });
    assert_eq!(found, expected);
    assert_ne!(found["cut"], "no error");
    let chats = merged(&fake, CHAT);
    assert_eq!(chats.len(), 13);
    assert!(
        chats.iter().all(|messages| *messages == greeting()),
        "{chats:?}"
    );
    let input = json!([{"role": "user", "content": "Hi Ada"}, {"role": "user", "content": "Hi"}]);
    assert_eq!(merged(&fake, RESPONSES), [input.clone(), input]);
}

#[test]
fn openais_client_for_python_reports_an_upstream_that_dies() {
    let Some(mut client) = python_with_openai_3() else {
        return;
    };
    // The fake is the upstream, and its answers break off.
    let (upstream, _) = fake(Fake::options());
    let answer = Completion::text("a b c d e f").cut().always();
    upstream.complete(answer).unwrap();
    let store = Store::in_memory().unwrap();
    store
        .create_prompt(NewPrompt::new("a", r#"{"messages": []}"#))
        .unwrap();
    let options = ServerOptions::new()
        .upstream(format!("{}/v1", upstream.url()))
        .upstream_key(upstream.key());
    let server = Server::bind(store, &options, "127.0.0.1:0").unwrap();
    let server = server.start().unwrap();
    let found = printed(
        client
            .arg(script("upstream_error.py"))
            .args([server.url(), server.key()]),
    );
    let error = json!(["The upstream ended the stream early", "upstream_closed"]);
    let expected = json!({"texts": found["texts"], "error": error, "responses_error": error});
    assert_eq!(found, expected);
    assert!(found["texts"].as_array().unwrap().len() > 1, "{found}");
}

#[test]
fn clients_for_node_get_the_answers() {
    let Some(place) = node() else {
        return;
    };
    let (fake, _) = fake(Fake::options());
    add_answers(&fake);
    let default = || Completion::text(DEFAULT);
    for answer in [
        default(),
        default(),
        Completion::tool_call("lookup", r#"{"a": 1}"#),
    ] {
        fake.complete(answer).unwrap();
    }
    // It finds its dependencies beside it.
    let copy = place.join("clients.mjs");
    std::fs::copy(script("clients.mjs"), &copy).unwrap();
    let mut client = Command::new("node");
    let found = printed(client.arg(copy).args([fake.url(), fake.key()]));
    let expected = json!({
        "plain": DEFAULT,
        "number": "1.1",
        "stream": DEFAULT,
        "stream_usage": 12,
        "tools": ["lookup", {"a": 1}],
        "response": DEFAULT,
        "response_stream": [DEFAULT, DEFAULT],
        "limit": ["RateLimitError", "Slow down"],
        "generated": DEFAULT,
        "generated_usage": 12,
        "streamed": DEFAULT,
        "called": [["lookup", {"a": 1}]],
    });
    assert_eq!(found, expected);
    let chats = merged(&fake, CHAT);
    assert_eq!(chats.len(), 7);
    assert!(
        chats.iter().all(|messages| *messages == greeting()),
        "{chats:?}"
    );
    let calls = fake.calls();
    let last = calls.last().unwrap().gateway.as_ref().unwrap();
    assert_eq!(last.request["tools"][0]["function"]["name"], "lookup");
}

#[test]
fn litellm_and_llama_index_get_the_answers() {
    let Some(python) = python() else {
        return;
    };
    let (fake, _) = fake(Fake::options());
    let mut client = Command::new(&python);
    let found = printed(
        client
            .arg(script("litellm_client.py"))
            .args([fake.url(), fake.key()]),
    );
    let expected = json!({
        "completion": DEFAULT,
        "stream": DEFAULT,
        "managed": [
            {"role": "user", "content": "Hi Ada"},
            {"role": "user", "content": "And you?"},
        ],
        "llama_index": DEFAULT,
        "llama_index_stream": DEFAULT,
    });
    assert_eq!(found, expected);
    let with_own = json!([
        {"role": "user", "content": "Hi Ada"},
        {"role": "user", "content": "And you?"},
    ]);
    let of_litellm = [greeting(), greeting()];
    let of_llama_index = [with_own.clone(), with_own];
    assert_eq!(merged(&fake, CHAT), [of_litellm, of_llama_index].concat());
}
