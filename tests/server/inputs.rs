//! Recorded inputs over HTTP.

use promptbook::EnvironmentName;
use promptbook::server::StatusMode;
use serde_json::json;

use super::scene::Scene;

fn path(scene: &Scene, query: &str) -> String {
    format!(
        "/v1/prompt-2025/id/{}/{}/inputs{query}",
        scene.prompt, scene.first
    )
}

#[test]
fn inputs_are_returned_with_their_environment() {
    let scene = Scene::new(StatusMode::Plain);
    let answer = scene.served.get(&path(&scene, "?requestId=request-1"));
    assert_eq!(answer.status, 200);
    let expected = format!(
        r#"{{"data":{{"request_id":"request-1","version_id":"{}","inputs":{{"name":"Ada"}}}},"error":null}}"#,
        scene.first
    );
    assert_eq!(answer.text, expected);

    let inputs = json!({"z": 1.5, "a": [null, "ß"]});
    let staging: EnvironmentName = "staging".parse().unwrap();
    let store = &scene.served.store;
    let recorded = store.record_inputs(scene.first, "request 2/ü&", inputs, Some(staging));
    recorded.unwrap();
    let answer = scene
        .served
        .get(&path(&scene, "?requestId=request%202%2F%C3%BC%26"));
    let expected = format!(
        r#"{{"data":{{"request_id":"request 2/ü&","version_id":"{}","inputs":{{"z":1.5,"a":[null,"ß"]}},"environment":"staging"}},"error":null}}"#,
        scene.first
    );
    assert_eq!(answer.text, expected);
}

#[test]
fn inputs_are_returned_for_their_own_version_only() {
    let scene = Scene::new(StatusMode::Plain);
    let of = |prompt: String, version: String| {
        let path = format!("/v1/prompt-2025/id/{prompt}/{version}/inputs?requestId=request-1");
        scene.served.get(&path).error(404)
    };
    let (prompt, first) = (scene.prompt.to_string(), scene.first.to_string());
    assert_eq!(
        of(prompt.clone(), scene.second.to_string()),
        "Prompt inputs not found"
    );
    assert_eq!(
        of(scene.other.to_string(), first),
        "Prompt version not found"
    );
    assert_eq!(
        of(prompt, "no id".replace(' ', "-")),
        "Prompt version not found"
    );
}

#[test]
fn the_request_must_be_named_once() {
    let scene = Scene::new(StatusMode::Plain);
    for query in [
        "",
        "?",
        "?other=request-1",
        "?requestid=request-1",
        "?requestId=request-1&requestId=request-1",
        "?requestId=request-1&requestId=request-2",
        "?requestId=%ff",
    ] {
        let text = scene.served.get(&path(&scene, query)).error(400);
        assert!(text.contains("requestId"), "{query}: {text}");
    }
    let answer = scene.served.get(&path(&scene, "?requestId="));
    assert_eq!(answer.error(404), "Prompt inputs not found");
    let answer = scene
        .served
        .get(&path(&scene, "?other=1&requestId=request-1"));
    answer.data();
}
