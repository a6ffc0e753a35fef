//! Invalid paths, queries and methods.

use promptbook::server::StatusMode;
use serde_json::Value;

use super::scene::Scene;

/// Returns texts that are not valid ids, to use in place of one.
fn no_ids() -> Vec<String> {
    let mut ids: Vec<String> = [
        "%",
        "%z",
        "%zz",
        "%ff",
        "%c3%28",
        "%00",
        "%2e%2e",
        "..",
        ".",
        "%2f",
        "a%2fb",
        "%20",
        "+",
        "*",
        "~",
        "'",
        "zzzzzz;v=1",
        "%F0%9F%A6%80",
        "abc12",
        "abc1234",
    ]
    .map(str::to_owned)
    .into();
    ids.push("x".repeat(8000));
    ids.push("%61".repeat(8000));
    ids
}

#[test]
fn invalid_ids_are_refused_by_every_route() {
    let scene = Scene::new(StatusMode::Plain);
    let mut asked = 0;
    for request in scene.requests() {
        let parts: Vec<&str> = request.template.split('/').collect();
        for place in (0..parts.len()).filter(|&place| parts[place].starts_with('{')) {
            for id in no_ids() {
                let mut path: Vec<&str> = request.path.split('/').collect();
                path[place] = &id;
                let path = path.join("/");
                let answer = scene
                    .served
                    .unchanged(|| raw(&scene, request.method, &path, &request.body));
                assert!(
                    matches!(answer.status, 400 | 404 | 405),
                    "{path:.200}: {answer:?}"
                );
                answer.any_error();
                asked += 1;
            }
        }
    }
    assert_eq!(asked, 9 * no_ids().len(), "places of ids in paths");
}

#[test]
fn a_path_with_an_empty_segment_is_not_found() {
    let scene = Scene::new(StatusMode::Plain);
    for request in scene.requests() {
        let parts: Vec<&str> = request.template.split('/').collect();
        for place in (0..parts.len()).filter(|&place| parts[place].starts_with('{')) {
            let mut path: Vec<&str> = request.path.split('/').collect();
            path[place] = "";
            let path = path.join("/");
            let answer = scene
                .served
                .unchanged(|| raw(&scene, request.method, &path, &request.body));
            assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
            answer.any_error();
        }
    }
}

#[test]
fn an_unknown_route_is_reported() {
    let scene = Scene::new(StatusMode::Plain);
    for path in [
        "/",
        "/v1",
        "/v1/prompt-2026",
        "/v1/prompt-2025//",
        "/v1//prompt-2025",
        "/V1/prompt-2025/tags",
        "/v3/prompt-2025/query/version",
        "/v1/prompt-2025/query/version/",
        "/v1/prompt-2025/id/abc123/rename/more",
        "/favicon.ico",
        "/v1/prompt-2025/../../etc/passwd",
    ] {
        let answer = scene
            .served
            .unchanged(|| raw(&scene, "POST", path, &Some(Value::Null)));
        assert!(matches!(answer.status, 404 | 405), "{path}: {answer:?}");
        assert!(answer.any_error().contains(path), "{answer:?}");
    }
}

#[test]
fn a_method_that_a_route_does_not_have_is_a_405() {
    let scene = Scene::new(StatusMode::Plain);
    for request in scene.requests() {
        for method in ["PUT", "TRACE", "OPTIONS", "PROPFIND"] {
            let answer = scene
                .served
                .unchanged(|| raw(&scene, method, &request.path, &None));
            let text = answer.error(405);
            assert!(text.contains(method), "{text}");
            let allowed = answer.header("allow").unwrap_or_default();
            assert!(allowed.contains(request.method), "{method}: {allowed}");
        }
    }
}

/// Sends a request without any check of its path by the client.
fn raw(scene: &Scene, method: &str, path: &str, body: &Option<Value>) -> super::client::Answer {
    let body = body.as_ref().map(Value::to_string).unwrap_or_default();
    scene.served.raw(format!(
        "{method} {path} HTTP/1.1\r\nhost: {}\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        scene.served.address,
        scene.served.authorization(),
        body.len(),
    ))
}
