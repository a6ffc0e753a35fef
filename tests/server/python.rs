//! Helicone's own client for Python, from PyPI, on a served store.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{BumpPolicy, NewPrompt, NewVersion, StoreOptions};
use serde_json::{Value, json};

use super::client::Served;
use super::clients::python;
use super::scene::Scene;

/// Makes these calls of the client. Its synchronous and its asynchronous half must give the same
/// answers.
fn calls(python: &Path, served: &Served, calls: &[(&str, Value)]) -> Vec<Value> {
    let calls: Vec<Value> = calls
        .iter()
        .map(|(what, params)| json!({"do": what, "params": params}))
        .collect();
    let asked = json!({"url": served.running.url(), "key": served.running.key(), "calls": calls});
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/server/client.py");
    let mut child = Command::new(python)
        .arg(script)
        .env("NO_PROXY", "*")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(asked.to_string().as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let answers: Vec<[Value; 2]> = serde_json::from_slice(&output.stdout).unwrap();
    let answers = answers.into_iter().map(|[synchronous, asynchronous]| {
        assert_eq!(synchronous, asynchronous, "the client's two halves differ");
        synchronous
    });
    answers.collect()
}

#[test]
fn the_client_finds_versions_by_environment_by_id_and_in_production() {
    let Some(python) = python() else { return };
    for status in [StatusMode::Live, StatusMode::Plain] {
        let scene = Scene::new(status);
        let prompt = scene.prompt;
        let answers = calls(
            &python,
            &scene.served,
            &[
                ("pull_prompt_version", json!({"prompt_id": prompt})),
                (
                    "pull_prompt_version",
                    json!({"prompt_id": prompt, "environment": "staging"}),
                ),
                (
                    "pull_prompt_version",
                    json!({"prompt_id": prompt, "version_id": scene.second}),
                ),
            ],
        );
        for (answer, id) in answers
            .iter()
            .zip([scene.first, scene.second, scene.second])
        {
            let version = scene.served.store.version(id).unwrap();
            assert_eq!(answer["id"], json!(id));
            assert_eq!(answer["prompt_id"], json!(prompt));
            assert_eq!(answer["model"], "gpt-4o");
            assert_eq!(answer["major_version"], version.number.major);
            assert_eq!(answer["minor_version"], version.number.minor);
            assert_eq!(answer["commit_message"], version.message);
        }
    }
}

/// Returns the body that the client must get by each of its methods.
fn original() -> Value {
    json!({
        "temperature": 0.25, "model": "gpt-4o", "stop": null, "seed": 9_007_199_254_740_993_u64,
        "messages": [
            {"role": "system", "content": "Be {{hc:manner:string}} — ü 🦀"},
            {"role": "user", "content": "{{ hc:count:number }} greetings for {{hc:name:string}}"},
        ],
        "tools": [{"type": "function", "function": {"name": "{{hc:tool:string}}", "parameters": {}}}],
        "response_format": {"type": "json_schema", "json_schema": {"strict": "{{hc:strict:boolean}}"}},
        "next_years_parameter": {"deep": [[1, {"x": null}]]},
    })
}

fn served_original() -> (Served, Value) {
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .in_memory()
        .unwrap();
    let created = store.create_prompt(NewPrompt::new("original", original()));
    let created = created.unwrap();
    let served = Served::of(store, &ServerOptions::new().status(StatusMode::Live));
    (
        served,
        json!({"prompt": created.prompt.id, "version": created.version.id}),
    )
}

#[test]
fn the_client_gets_the_body_by_its_url() {
    let Some(python) = python() else { return };
    let (served, ids) = served_original();
    let answers = calls(
        &python,
        &served,
        &[
            ("pull_prompt_body", json!({"prompt_id": ids["prompt"]})),
            ("pull_prompt_body_by_version_id", ids["version"].clone()),
        ],
    );
    assert_eq!(answers, [original(), original()]);
}

#[test]
fn the_client_renders_what_it_got() {
    let Some(python) = python() else { return };
    let (served, ids) = served_original();
    let params = json!({
        "prompt_id": ids["prompt"], "temperature": 1, "messages": [{"role": "user", "content": "Now, {{hc:name:string}}!"}],
        "inputs": {"manner": "kind", "count": 3, "name": "Ada", "tool": "greet", "strict": true},
    });
    let answers = calls(&python, &served, &[("get_prompt_body", params)]);
    let mut expected = original();
    expected["temperature"] = json!(1);
    expected["messages"] = json!([
        {"role": "system", "content": "Be kind — ü 🦀"},
        {"role": "user", "content": "3 greetings for Ada"},
        {"role": "user", "content": "Now, Ada!"},
    ]);
    expected["tools"][0]["function"]["name"] = json!("greet");
    expected["response_format"]["json_schema"]["strict"] = json!(true);
    assert_eq!(answers, [json!({"body": expected, "errors": []})]);
}

#[test]
fn the_client_fills_partials_of_the_environments_that_they_name() {
    let Some(python) = python() else { return };
    let text =
        |text: &str| json!({"model": "m", "messages": [{"role": "system", "content": text}]});
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .in_memory()
        .unwrap();
    let part = NewPrompt::new("part", text("Production's {{hc:name:string}}."));
    let part = store.create_prompt(part.id("part01")).unwrap();
    let staged = NewVersion::new(part.prompt.id, text("Staging's."));
    store.commit(staged.environment("staging")).unwrap();
    let whole =
        text("{{hcp:part01:0}} {{hcp:part01:0:staging}} {{hcp:part01:7}}For {{hc:name:string}}.");
    let whole = store.create_prompt(NewPrompt::new("whole", whole)).unwrap();
    let served = Served::of(store, &ServerOptions::new());
    let params = json!({"prompt_id": whole.prompt.id, "inputs": {"name": "Ada"}});
    let answers = calls(&python, &served, &[("fill", params)]);
    let expected = text("Production's Ada. Staging's. For Ada.");
    assert_eq!(answers, [json!({"body": expected, "errors": []})]);
}

#[test]
fn the_client_raises_the_servers_errors() {
    let Some(python) = python() else { return };
    let unknown = "00000000-0000-7000-8000-000000000000";
    for status in [StatusMode::Live, StatusMode::Plain] {
        let scene = Scene::new(status);
        let answers = calls(
            &python,
            &scene.served,
            &[
                ("get_prompt_body", json!({"prompt_id": "zzzzzz"})),
                (
                    "get_prompt_body",
                    json!({"prompt_id": scene.prompt, "version_id": unknown}),
                ),
                (
                    "get_prompt_body",
                    json!({"prompt_id": scene.prompt, "environment": "absent"}),
                ),
                ("pull_prompt_body_by_version_id", json!(unknown)),
            ],
        );
        let raised = |what: &str, text: &str| {
            let envelope = format!(r#"{{"data":null,"error":"{text}"}}"#);
            json!({"raised": format!("Failed to get {what}: {envelope}")})
        };
        assert_eq!(
            answers,
            [
                raised("production version", "Prompt production version not found"),
                raised("prompt version", "Prompt version not found"),
                raised("environment version", "Prompt version not found"),
                raised("prompt version", "Prompt version not found"),
            ]
        );
    }
}
