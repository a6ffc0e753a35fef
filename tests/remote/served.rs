//! Helicone's own clients on an organisation, and on the store that was cloned of it and is served.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use promptbook::server::{Server, ServerOptions, StatusMode};
use promptbook::{NewPrompt, NewVersion, Store};
use serde_json::{Value, json};

use crate::clients::{node, python};
use crate::support::{Clone, organisation};

/// Bodies whose bytes matter: numbers, order of members, text of any kind, tools, partials.
fn fill(store: &Store) {
    let bodies = [
        r#"{"model":"gpt-4o","temperature":1.0,"messages":[{"role":"user","content":"Hi {{hc:name:string}}"}]}"#,
        r#"{ "messages": [{"role": "system", "content": "Grüße, שלום, 🙂 \u2028 \" \\"}], "seed": 9007199254740991 }"#,
        r#"{"messages":[],"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}],"z":1,"a":null}"#,
    ];
    let mut first = None;
    for (at, body) in bodies.into_iter().enumerate() {
        let new = NewPrompt::new(format!("prompt {at}"), body).tags(["moved"]);
        let created = store.create_prompt(new).unwrap();
        let partial = first.get_or_insert(created.prompt.id);
        for number in 1..4 {
            let text = format!("{at}.{number} {{{{hcp:{partial}:0:production}}}}");
            let body = json!({"model": "m", "messages": [{"role": "user", "content": text}]});
            let new = NewVersion::new(created.prompt.id, body).message(format!("message {number}"));
            let new = match number {
                2 => new.environment("staging"),
                _ => new,
            };
            store.commit(new).unwrap();
        }
    }
}

/// Returns the calls that an app makes: each prompt in production, in an environment, and by version.
fn calls(store: &Store) -> Vec<Value> {
    let mut calls = Vec::new();
    for prompt in store.export().unwrap() {
        let id = &prompt.id;
        let mut selections = vec![
            json!({"prompt_id": id}),
            json!({"prompt_id": id, "environment": "staging"}),
            json!({"prompt_id": id, "environment": "absent"}),
        ];
        for version in &prompt.versions {
            selections.push(json!({"prompt_id": id, "version_id": version.id}));
        }
        for selection in selections {
            for call in ["pull_prompt_version", "pull_prompt_body"] {
                calls.push(json!({"do": call, "params": selection}));
            }
        }
    }
    calls
}

/// Makes the calls with a client, and returns its answers.
fn answers(mut client: Command, url: &str, key: &str, calls: &[Value]) -> Vec<Value> {
    let asked = json!({"url": url, "key": key, "calls": calls});
    let client = client.env("NO_PROXY", "*");
    let piped = client.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(asked.to_string().as_bytes()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    let failure = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{failure}");
    let mut answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    for answer in &mut answers {
        without_place(answer);
    }
    answers
}

/// Removes the URL of a body, which names the server.
fn without_place(answer: &mut Value) {
    match answer {
        Value::Object(members) => {
            members.remove("s3_url");
            members.values_mut().for_each(without_place);
        }
        Value::Array(items) => items.iter_mut().for_each(without_place),
        _ => {}
    }
}

fn assert_same_answers(client: impl Fn() -> Command) {
    let fake = organisation();
    fill(&fake.store());
    let (clone, _) = Clone::of(&fake);
    let options = ServerOptions::new().status(StatusMode::Live);
    let server = Server::bind(clone.store.clone(), &options, "127.0.0.1:0").unwrap();
    let served = server.start().unwrap();
    let calls = calls(&fake.store());
    let before = answers(client(), fake.url(), fake.key(), &calls);
    let after = answers(client(), served.url(), served.key(), &calls);
    assert_eq!(before.len(), calls.len());
    for ((call, before), after) in calls.iter().zip(&before).zip(&after) {
        assert_eq!(before, after, "{call}");
    }
    // The answers are those of versions, not errors, except in the environment that does not exist.
    let of_versions = before
        .iter()
        .filter(|answer| !answer.to_string().contains("raised"));
    assert_eq!(of_versions.count(), calls.len() - 3 * 2);
}

fn script(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests")
        .join(name)
}

#[test]
fn the_python_client_gets_the_same_from_a_served_clone() {
    let Some(python) = python() else { return };
    assert_same_answers(|| {
        let mut client = Command::new(&python);
        client.arg(script("server/client.py"));
        client
    });
}

#[test]
fn the_typescript_client_gets_the_same_from_a_served_clone() {
    let Some(place) = node() else { return };
    // Node looks for packages beside the program.
    let program = tempfile::NamedTempFile::with_suffix_in(".mjs", &place).unwrap();
    std::fs::copy(script("remote/client.mjs"), program.path()).unwrap();
    assert_same_answers(|| {
        let mut client = Command::new("node");
        client.arg(program.path());
        client
    });
}
