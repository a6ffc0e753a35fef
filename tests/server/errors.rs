//! Errors: their texts, their statuses in both modes, and that they change nothing.

use promptbook::Store;
use promptbook::server::{ServerOptions, StatusMode};
use serde_json::{Value, json};

use super::client::Served;
use super::scene::Scene;

/// An id that no version has.
const UNKNOWN: &str = "00000000-0000-7000-8000-000000000000";

const PROMPT: &str = "Prompt not found";
const VERSION: &str = "Prompt version not found";
const PRODUCTION: &str = "Prompt production version not found";
const BASE: &str = "Current version not found";
const OF_PROMPT: &str = "Prompt version not found or does not belong to the specified prompt";
const INPUTS: &str = "Prompt inputs not found";

/// A request for an item that does not exist.
struct Row {
    method: &'static str,
    path: String,
    body: Value,
    text: &'static str,
    live: u16,
}

fn get(path: String, text: &'static str, live: u16) -> Row {
    Row {
        method: "GET",
        path,
        body: Value::Null,
        text,
        live,
    }
}

fn post(path: &str, body: Value, text: &'static str) -> Row {
    Row {
        method: "POST",
        path: path.into(),
        body,
        text,
        live: 500,
    }
}

/// Returns a request for each kind of item that a request can name and that can be missing.
fn table(scene: &Scene) -> Vec<Row> {
    let (prompt, first, foreign) = (scene.prompt, scene.first, scene.foreign);
    let inputs = |prompt: &str, version: &str, request: &str| {
        format!("/v1/prompt-2025/id/{prompt}/{version}/inputs?requestId={request}")
    };
    let mut rows = Vec::new();
    for id in ["zzzzzz", "no-id", "ZZZZZZZ", "%C3%BC"] {
        rows.push(get(format!("/v1/prompt-2025/id/{id}"), PROMPT, 500));
        rows.push(Row {
            method: "PATCH",
            path: format!("/v1/prompt-2025/id/{id}/tags"),
            body: json!({"tags": ["x"]}),
            text: PROMPT,
            live: 404,
        });
        rows.push(get(
            inputs(id, &first.to_string(), "request-1"),
            VERSION,
            500,
        ));
    }
    for id in [UNKNOWN, "no-id", &scene.first.to_string().replace('-', "")] {
        rows.push(get(inputs(prompt.as_str(), id, "request-1"), VERSION, 500));
        rows.push(get(
            format!("/v1/prompt-2025/{id}/prompt-body"),
            VERSION,
            404,
        ));
        for api in ["v1", "v2"] {
            let path = format!("/{api}/prompt-2025/query/version");
            rows.push(post(&path, json!({"promptVersionId": id}), VERSION));
        }
    }
    rows.push(get(
        inputs(prompt.as_str(), &foreign.to_string(), "request-1"),
        VERSION,
        500,
    ));
    rows.push(get(
        inputs(prompt.as_str(), &first.to_string(), "request-2"),
        INPUTS,
        404,
    ));
    for before in [UNKNOWN, "no id"] {
        let wish = json!({"promptId": prompt, "before": before});
        rows.push(post("/v1/prompt-2025/query/versions", wish, VERSION));
    }
    for api in ["v1", "v2"] {
        for (prompt, environment) in [
            (prompt.as_str(), "absent"),
            (prompt.as_str(), ""),
            ("zzzzzz", "staging"),
            ("no id", "staging"),
        ] {
            let path = format!("/{api}/prompt-2025/query/environment-version");
            let wish = json!({"promptId": prompt, "environment": environment});
            rows.push(post(&path, wish, VERSION));
        }
        for prompt in ["zzzzzz", "no id"] {
            let path = format!("/{api}/prompt-2025/query/production-version");
            rows.push(post(&path, json!({"promptId": prompt}), PRODUCTION));
        }
    }
    for (prompt, version) in [
        (prompt.as_str(), UNKNOWN),
        (prompt.as_str(), "no id"),
        (prompt.as_str(), &foreign.to_string()),
        ("zzzzzz", &first.to_string()),
        ("no id", &first.to_string()),
    ] {
        let wish = json!({
            "promptId": prompt, "promptVersionId": version, "newMajorVersion": false, "commitMessage": "",
            "promptBody": {},
        });
        rows.push(post("/v1/prompt-2025/update", wish, BASE));
        for change in ["update", "remove"] {
            let path = format!("/v1/prompt-2025/{change}/environment");
            let wish = json!({"promptId": prompt, "promptVersionId": version, "environment": "production"});
            rows.push(post(&path, wish, OF_PROMPT));
        }
    }
    rows
}

fn each_row_is_told(status: StatusMode) {
    let scene = Scene::new(status);
    for row in table(&scene) {
        let answer = scene.served.unchanged(|| {
            let body = Some(row.body).filter(|body| !body.is_null());
            let body = body.map(|body| body.to_string());
            scene.served.send(row.method, &row.path, body)
        });
        let expected = match status {
            StatusMode::Live => row.live,
            StatusMode::Plain => 404,
        };
        let told = (answer.status, answer.any_error());
        let request = format!("{} {}", row.method, row.path);
        assert_eq!(told, (expected, row.text.to_owned()), "{request}");
        let envelope = format!(r#"{{"data":null,"error":"{}"}}"#, row.text);
        assert_eq!(answer.text, envelope);
    }
}

#[test]
fn missing_items_are_a_404_in_plain_mode() {
    each_row_is_told(StatusMode::Plain);
}

#[test]
fn missing_items_are_answered_as_by_the_live_service_in_live_mode() {
    each_row_is_told(StatusMode::Live);
}

#[test]
fn a_prompt_without_a_production_version_is_an_error_in_both_modes() {
    for (status, code) in [(StatusMode::Plain, 404), (StatusMode::Live, 500)] {
        let scene = Scene::new(status);
        scene.served.store.delete_version(scene.first).unwrap();
        for api in ["v1", "v2"] {
            let path = format!("/{api}/prompt-2025/query/production-version");
            let wish = json!({"promptId": scene.prompt}).to_string();
            assert_eq!(scene.served.post(&path, wish).error(code), PRODUCTION);
        }
    }
}

/// Returns changes of missing items, which the live service answers as if they had been made.
fn ignored_changes(scene: &Scene) -> Vec<(&'static str, String, Option<Value>)> {
    let mut requests = Vec::new();
    for id in ["zzzzzz", "no-id", "%C3%BC"] {
        let rename = Some(json!({"name": "new"}));
        requests.push(("POST", format!("/v1/prompt-2025/id/{id}/rename"), rename));
        requests.push(("DELETE", format!("/v1/prompt-2025/{id}"), None));
        requests.push(("DELETE", format!("/v1/prompt-2025/{id}/{UNKNOWN}"), None));
    }
    for id in [UNKNOWN, "no-id"] {
        let path = format!("/v1/prompt-2025/{}/{id}", scene.prompt);
        requests.push(("DELETE", path, None));
    }
    for (version, environment) in [
        (scene.first, "staging"),
        (scene.second, "production"),
        (scene.second, "absent"),
    ] {
        let wish = json!({"promptId": scene.prompt, "promptVersionId": version, "environment": environment});
        let path = "/v1/prompt-2025/remove/environment".to_owned();
        requests.push(("POST", path, Some(wish)));
    }
    requests
}

#[test]
fn changes_of_missing_items_are_404s_in_plain_mode_and_change_nothing() {
    let scene = Scene::new(StatusMode::Plain);
    for (method, path, body) in ignored_changes(&scene) {
        let body = body.map(|body| body.to_string());
        let send = || scene.served.send(method, &path, body);
        let text = scene.served.unchanged(send).error(404);
        assert!(text.contains("not found"), "{method} {path}: {text}");
    }
}

#[test]
fn changes_of_missing_items_succeed_in_live_mode_and_change_nothing() {
    let scene = Scene::new(StatusMode::Live);
    for (method, path, body) in ignored_changes(&scene) {
        let body = body.map(|body| body.to_string());
        let send = || scene.served.send(method, &path, body);
        let answer = scene.served.unchanged(send);
        let told = (answer.status, answer.text.as_str());
        let nothing = r#"{"data":null,"error":null}"#;
        assert_eq!(told, (200, nothing), "{method} {path}");
    }
}

#[test]
fn internal_errors_are_reported_without_their_cause_in_both_modes() {
    for status in [StatusMode::Plain, StatusMode::Live] {
        what_fails_here_is_told_without_its_cause(&ServerOptions::new().status(status));
    }
}

fn what_fails_here_is_told_without_its_cause(options: &ServerOptions) {
    let place = tempfile::tempdir().unwrap();
    let scene = Scene::of(Store::create(place.path()).unwrap(), options);
    scene.served.store.checkpoint().unwrap();
    // Another handle, which has not read the body yet.
    let reopened = Served::of(Store::open(place.path()).unwrap(), options);
    let blob = reopened
        .store
        .version(scene.second)
        .unwrap()
        .blob
        .to_string();
    let file = place.path().join("blobs").join(&blob[..2]).join(&blob[2..]);
    std::fs::remove_file(file).unwrap();
    let answer = reopened.get(&format!("/v1/prompt-2025/{}/prompt-body", scene.second));
    assert_eq!(answer.error(500), "Internal server error");
}
