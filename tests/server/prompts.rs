//! Prompts over HTTP: created, read, renamed, tagged, counted, deleted.

use promptbook::NewPrompt;
use promptbook::server::StatusMode;
use serde_json::json;

use super::client::Served;
use super::scene::Scene;

const BODY: &str = r#"{"model":"gpt-4o","messages":[]}"#;

fn new(name: &str, tags: &[&str]) -> String {
    format!(
        r#"{{"name":{},"tags":{},"promptBody":{BODY}}}"#,
        json!(name),
        json!(tags)
    )
}

#[test]
fn a_prompt_is_made_with_its_first_version_in_production() {
    let served = Served::new();
    let answer = served.post("/v1/prompt-2025", new("greeting", &[" a ", "a", ""]));
    assert_eq!(answer.status, 201);
    let data = answer.data();
    let (id, version) = (
        data["id"].as_str().unwrap(),
        data["versionId"].as_str().unwrap(),
    );
    let expected = format!(r#"{{"data":{{"id":"{id}","versionId":"{version}"}},"error":null}}"#);
    assert_eq!(answer.text, expected);

    let prompt = served.store.prompt("greeting").unwrap();
    assert_eq!(prompt.id.as_str(), id);
    assert_eq!(prompt.tags, [" a ", "a", ""], "tags are kept as given");
    let first = served.store.version("greeting@production").unwrap();
    assert_eq!(first.id.to_string(), version);
    assert_eq!(first.number.to_string(), "1.0");
    assert_eq!(first.message, "Initial version");
}

#[test]
fn a_trailing_slash_makes_no_difference() {
    let served = Served::new();
    let answer = served.post("/v1/prompt-2025/", new("greeting", &[]));
    assert_eq!(answer.status, 201);
    assert_eq!(served.store.prompts().count().unwrap(), 1);
}

#[test]
fn a_prompt_is_read_by_its_id() {
    let scene = Scene::new(StatusMode::Plain);
    let answer = scene
        .served
        .get(&format!("/v1/prompt-2025/id/{}", scene.prompt));
    assert_eq!(answer.status, 200);
    let at = answer.data()["created_at"].as_str().unwrap().to_owned();
    let expected = format!(
        r#"{{"data":{{"id":"{}","name":"greeting","tags":["a","b"],"created_at":"{at}"}},"error":null}}"#,
        scene.prompt
    );
    assert_eq!(answer.text, expected);
    let created = scene.served.store.prompt(scene.prompt).unwrap().created_at;
    assert_eq!(at.parse(), Ok(created));
    assert!(at.ends_with('Z'), "{at}");
}

#[test]
fn a_prompt_is_renamed_over_http() {
    let scene = Scene::new(StatusMode::Plain);
    let path = format!("/v1/prompt-2025/id/{}/rename", scene.prompt);
    let answer = scene.served.post(&path, r#"{"name":"Grüße"}"#);
    assert_eq!(answer.text, r#"{"data":null,"error":null}"#);
    assert_eq!(answer.status, 200);
    let named = scene.served.store.prompt(scene.prompt).unwrap().name;
    assert_eq!(named.as_str(), "Grüße");
}

#[test]
fn tags_are_trimmed_as_in_javascript_and_then_deduplicated() {
    let scene = Scene::new(StatusMode::Plain);
    let path = format!("/v1/prompt-2025/id/{}/tags", scene.prompt);
    let given = json!({"tags": [
        "\u{feff}b\u{a0}", " \t", "a\u{2028}", "b", "\u{3000}a b ", "", "a", "B", "\u{85}a", "\u{200b}",
    ]});
    let answer = scene.served.patch(&path, given.to_string());
    assert_eq!(answer.status, 200);
    // U+0085 and U+200B are not white space in JavaScript.
    let kept = json!(["b", "a", "a b", "B", "\u{85}a", "\u{200b}"]);
    assert_eq!(answer.data(), kept);
    let stored = scene.served.store.prompt(scene.prompt).unwrap().tags;
    assert_eq!(json!(stored), kept);
}

#[test]
fn tags_and_environments_are_listed_once_each() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    served.post("/v1/prompt-2025", new("more", &["b", "c", "c"]));
    let answer = served.get("/v1/prompt-2025/tags");
    assert_eq!(answer.text, r#"{"data":["a","b","c"],"error":null}"#);
    let answer = served.get("/v1/prompt-2025/environments");
    assert_eq!(
        answer.text,
        r#"{"data":["production","staging"],"error":null}"#
    );
}

#[test]
fn an_empty_store_has_empty_lists_of_tags_and_environments() {
    let served = Served::new();
    for what in ["tags", "environments"] {
        let answer = served.get(&format!("/v1/prompt-2025/{what}"));
        assert_eq!(
            (answer.status, answer.text.as_str()),
            (200, r#"{"data":[],"error":null}"#)
        );
    }
}

#[test]
fn prompts_are_counted() {
    let scene = Scene::new(StatusMode::Plain);
    let answer = scene.served.get("/v1/prompt-2025/count");
    assert_eq!(answer.text, r#"{"data":2,"error":null}"#);
    assert_eq!(answer.status, 200);
}

#[test]
fn a_deleted_prompt_is_deleted_with_everything_it_had() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    let answer = served.delete(&format!("/v1/prompt-2025/{}", scene.prompt));
    assert_eq!(answer.text, r#"{"data":null,"error":null}"#);
    assert_eq!(answer.status, 200);
    served
        .get(&format!("/v1/prompt-2025/id/{}", scene.prompt))
        .error(404);
    served
        .get(&format!("/v1/prompt-2025/{}/prompt-body", scene.first))
        .error(404);
    let of_prompt = json!({"promptId": scene.prompt}).to_string();
    let listed = served.post("/v1/prompt-2025/query/versions", of_prompt.as_str());
    assert_eq!(listed.data(), json!([]));
    let counted = served.post("/v1/prompt-2025/query/total-versions", of_prompt);
    assert_eq!(
        counted.text,
        r#"{"data":{"totalVersions":0,"majorVersions":0},"error":null}"#
    );
    assert_eq!(served.get("/v1/prompt-2025/count").data(), json!(1));
    assert_eq!(
        served.get("/v1/prompt-2025/environments").data(),
        json!(["production"])
    );
    assert_eq!(served.get("/v1/prompt-2025/tags").data(), json!([]));
}

#[test]
fn a_prompt_can_have_an_id_that_is_also_a_part_of_a_path() {
    for id in ["update", "remove"] {
        let served = Served::new();
        let new = NewPrompt::new("named like a route", BODY);
        let created = served.store.create_prompt(new.id(id));
        let first = created.unwrap().version.id;
        let update = json!({
            "promptId": id, "promptVersionId": first, "newMajorVersion": false, "commitMessage": "",
            "promptBody": {},
        });
        served
            .post("/v1/prompt-2025/update", update.to_string())
            .data();
        assert_eq!(
            served.get(&format!("/v1/prompt-2025/id/{id}")).data()["id"],
            id
        );
        served
            .delete(&format!("/v1/prompt-2025/{id}/{first}"))
            .data();
        assert!(served.store.version(first).is_err(), "{id}");
        served.delete(&format!("/v1/prompt-2025/{id}")).data();
        assert_eq!(served.store.prompts().count().unwrap(), 0, "{id}");
    }
}
