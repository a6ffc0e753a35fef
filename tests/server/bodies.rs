//! Bodies over HTTP, which are returned byte for byte in each of the three ways.

use promptbook::server::StatusMode;
use serde_json::json;

use super::client::Served;
use super::scene::Scene;

/// Creates a prompt with this body and returns its version's id.
fn create(served: &Served, body: &str) -> String {
    let new = format!(r#"{{ "name": "n", "promptBody":  {body} , "tags": [] }}"#);
    let answer = served.post("/v1/prompt-2025", new);
    assert_eq!(answer.status, 201, "{answer:?}");
    answer.data()["versionId"].as_str().unwrap().to_owned()
}

/// Asserts that every way of requesting the version's body returns this one.
#[track_caller]
fn is_returned(served: &Served, version: &str, body: &str) {
    let answer = served.get(&format!("/v1/prompt-2025/{version}/prompt-body"));
    assert_eq!(answer.status, 200);
    assert!(
        answer.text == format!(r#"{{"data":{body},"error":null}}"#),
        "prompt-body alters {body:.500}"
    );

    let wish = json!({"promptVersionId": version}).to_string();
    let answer = served.post("/v2/prompt-2025/query/version", wish.as_str());
    let end = format!(r#","prompt_body":{body}}},"error":null}}"#);
    assert!(answer.text.ends_with(&end), "v2 alters {body:.500}");

    let data = served.post("/v1/prompt-2025/query/version", wish).data();
    let url = data["s3_url"].as_str().unwrap();
    let answer = served.send_with("GET", url, &[], None);
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.header("content-type"),
        Some("application/json; charset=utf-8")
    );
    assert!(answer.text == body, "the URL alters {body:.500}");
}

#[test]
fn nothing_in_a_body_is_altered() {
    let served = Served::new();
    for body in [
        "{}",
        "{ \t\r\n }",
        r#"{"z": 1, "a": {"y": [ ], "b": null}, "m":null}"#,
        r#"{"big": 123456789012345678901234567890, "negative": -9007199254740993, "exact": 9007199254740993}"#,
        r#"{"forms": [1.0, 1e2, 1E+2, -0, 0.10, 1.7976931348623157e308, 5e-324]}"#,
        r#"{"text": "ß 日本 🦀 \u00e9 \ud83e\udd80 \/ \\ \" \u0000 \u2028"}"#,
        r#"{"": {"": ""}, " ": "\t", "unknown_parameter": [true, false]}"#,
        r#"{"same": 1, "same": 2}"#,
        r#"{"tag": "{{hc:name:string}} {{hcp:abc123:0}} </script>"}"#,
    ] {
        let version = create(&served, body);
        is_returned(&served, &version, body);
    }
}

#[test]
fn an_update_alters_nothing_either() {
    let scene = Scene::new(StatusMode::Plain);
    let body = "{\n  \"z\": 9007199254740993,\n  \"a\": 1.0\n}";
    let wish = format!(
        r#"{{"promptBody":{body},"promptId":"{}","promptVersionId":"{}","newMajorVersion":false,"commitMessage":""}}"#,
        scene.prompt, scene.first
    );
    let answer = scene.served.post("/v1/prompt-2025/update", wish);
    let data = answer.data();
    is_returned(&scene.served, data["id"].as_str().unwrap(), body);
}

#[test]
fn a_body_can_have_a_megabyte() {
    let served = Served::new();
    let text = "ß🦀 \\n".repeat(1024 * 1024 / 8);
    let body = format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#);
    assert!(body.len() > 1024 * 1024);
    let version = create(&served, &body);
    is_returned(&served, &version, &body);
}

#[test]
fn a_body_can_have_a_hundred_levels() {
    let served = Served::new();
    // The body itself is a level, and each pair in it adds two.
    let body = format!("{}0{}", r#"{"a":["#.repeat(50), "]}".repeat(50));
    let version = create(&served, &body);
    is_returned(&served, &version, &body);
}

#[test]
fn a_body_can_have_as_many_levels_as_the_library_allows() {
    let served = Served::new();
    let levels = |count: usize| {
        format!(
            r#"{{"a":{}{}}}"#,
            "[".repeat(count - 1),
            "]".repeat(count - 1)
        )
    };
    let most = promptbook::Body::MAX_DEPTH;
    let version = create(&served, &levels(most));
    is_returned(&served, &version, &levels(most));
    let new = format!(
        r#"{{"name":"n","tags":[],"promptBody":{}}}"#,
        levels(most + 1)
    );
    let text = served.unchanged(|| served.post("/v1/prompt-2025", new).error(400));
    assert!(
        text.starts_with("promptBody: ") && text.contains("127 levels"),
        "{text}"
    );
}
