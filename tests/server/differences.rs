//! Intended differences from the live service.

use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{BumpPolicy, NewPrompt, Store, StoreOptions};
use serde_json::{Value, json};

use super::client::Served;
use super::scene::Scene;

fn update(scene: &Scene, base: &str, major: bool) -> String {
    let wish = json!({
        "promptId": scene.prompt, "promptVersionId": base, "newMajorVersion": major, "commitMessage": "",
        "promptBody": {},
    });
    let answer = scene
        .served
        .post("/v1/prompt-2025/update", wish.to_string());
    answer.data()["id"].as_str().unwrap().to_owned()
}

fn number(scene: &Scene, version: &str) -> String {
    let wish = json!({"promptVersionId": version}).to_string();
    let data = scene.served.post("/v1/prompt-2025/query/version", wish);
    let data = data.data();
    format!("{}.{}", data["major_version"], data["minor_version"])
}

#[test]
fn a_store_can_count_from_0_0_as_the_live_service_does() {
    let options = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .first_version(0, 0);
    let scene = Scene::of(options.in_memory().unwrap(), &ServerOptions::new());
    let first = scene.first.to_string();
    assert_eq!(number(&scene, &first), "0.0");
    assert_eq!(number(&scene, &update(&scene, &first, false)), "0.2");
    assert_eq!(number(&scene, &update(&scene, &first, true)), "1.0");
    let wish = json!({"promptId": scene.prompt, "majorVersion": 0}).to_string();
    let listed = scene.served.post("/v1/prompt-2025/query/versions", wish);
    assert_eq!(listed.data().as_array().unwrap().len(), 3);
}

#[test]
fn a_deleted_versions_number_is_not_reused() {
    let scene = Scene::new(StatusMode::Live);
    let first = scene.first.to_string();
    for major in [false, true] {
        let made = update(&scene, &first, major);
        let path = format!("/v1/prompt-2025/{}/{made}", scene.prompt);
        scene.served.delete(&path).data();
    }
    assert_eq!(number(&scene, &update(&scene, &first, false)), "1.3");
    assert_eq!(number(&scene, &update(&scene, &first, true)), "3.0");
}

#[test]
fn a_list_has_all_versions_and_where_their_bodies_are() {
    let scene = Scene::new(StatusMode::Live);
    for _ in 0..60 {
        update(&scene, &scene.first.to_string(), false);
    }
    let wish = json!({"promptId": scene.prompt}).to_string();
    let listed = scene.served.post("/v1/prompt-2025/query/versions", wish);
    let listed = listed.data();
    assert_eq!(listed.as_array().unwrap().len(), 62);
    for version in listed.as_array().unwrap() {
        let url = version["s3_url"].as_str().unwrap();
        assert!(url.contains("/prompt-bodies/"), "{url}");
    }
}

#[test]
fn a_version_is_deleted_through_its_own_prompt_only() {
    for (status, code) in [(StatusMode::Plain, 404), (StatusMode::Live, 500)] {
        let scene = Scene::new(status);
        for prompt in [scene.other.as_str(), "zzzzzz", "no-id"] {
            let path = format!("/v1/prompt-2025/{prompt}/{}", scene.first);
            let answer = scene.served.unchanged(|| scene.served.delete(&path));
            assert_eq!(
                answer.error(code),
                "Prompt version not found or does not belong to the specified prompt",
                "{prompt}"
            );
        }
    }
}

#[test]
fn a_version_cannot_be_based_on_another_prompts_version() {
    for (status, code) in [(StatusMode::Plain, 404), (StatusMode::Live, 500)] {
        let scene = Scene::new(status);
        let wish = json!({
            "promptId": scene.prompt, "promptVersionId": scene.foreign, "newMajorVersion": true,
            "commitMessage": "", "promptBody": {},
        });
        let send = || {
            scene
                .served
                .post("/v1/prompt-2025/update", wish.to_string())
        };
        let text = scene.served.unchanged(send).error(code);
        assert_eq!(text, "Current version not found");
    }
}

#[test]
fn an_environment_without_a_name_is_refused() {
    let scene = Scene::new(StatusMode::Live);
    let mut update = json!({
        "promptId": scene.prompt, "promptVersionId": scene.first, "newMajorVersion": false,
        "commitMessage": "", "promptBody": {}, "environment": "",
    });
    let paths = ["update", "update/environment", "remove/environment"];
    for path in paths {
        let path = format!("/v1/prompt-2025/{path}");
        let answer = scene
            .served
            .unchanged(|| scene.served.post(&path, update.to_string()));
        let text = answer.error(400);
        assert!(text.starts_with("environment: "), "{text}");
        // The other two routes have these members only.
        let members = update.as_object_mut().unwrap();
        for more in ["newMajorVersion", "commitMessage", "promptBody"] {
            members.remove(more);
        }
    }
}

#[test]
fn no_prompts_are_counted_as_0() {
    for status in [StatusMode::Plain, StatusMode::Live] {
        let answer = Served::with(status).get("/v1/prompt-2025/count");
        let told = (answer.status, answer.text.as_str());
        assert_eq!(told, (200, r#"{"data":0,"error":null}"#));
    }
}

#[test]
fn unknown_members_of_a_body_are_kept() {
    let served = Served::with(StatusMode::Live);
    let new =
        json!({"name": "n", "tags": [], "promptBody": {"next_years_parameter": {"x": [null]}}});
    let made = served.post("/v1/prompt-2025", new.to_string()).data();
    let path = format!(
        "/v1/prompt-2025/{}/prompt-body",
        made["versionId"].as_str().unwrap()
    );
    assert_eq!(served.get(&path).data(), new["promptBody"]);
}

#[test]
fn with_the_bump_policy_a_breaking_minor_is_refused_with_the_reasons() {
    for status in [StatusMode::Plain, StatusMode::Live] {
        let store = StoreOptions::new().policy(BumpPolicy::Enforced).in_memory();
        let served = Served::of(store.unwrap(), &ServerOptions::new().status(status));
        let text = |text: &str| json!({"messages": [{"role": "user", "content": text}]});
        let created = create(&served.store, text("Hi {{hc:name:string}}"));
        let wish = |major: bool, body: Value| {
            json!({
                "promptId": created.0, "promptVersionId": created.1, "newMajorVersion": major,
                "commitMessage": "", "promptBody": body,
            })
            .to_string()
        };
        let post = |wish| served.post("/v1/prompt-2025/update", wish);
        let asks_more = text("Hi {{hc:name:string}} of {{hc:place:string}}, {{hc:age:number}}");
        let told = served.unchanged(|| post(wish(false, asks_more.clone())).error(409));
        for reason in ["not a minor version of 1.0", "place", "age"] {
            assert!(told.contains(reason), "{told}");
        }
        post(wish(true, asks_more)).data();
        post(wish(false, text("Hello {{hc:name:string}}"))).data();
    }
}

fn create(store: &Store, body: Value) -> (String, String) {
    let created = store.create_prompt(NewPrompt::new("n", body));
    let created = created.unwrap();
    (
        created.prompt.id.to_string(),
        created.version.id.to_string(),
    )
}

#[test]
fn without_the_bump_policy_the_caller_chooses_the_bump() {
    let scene = Scene::new(StatusMode::Plain);
    // The new body requires nothing that its base requires.
    let made = update(&scene, &scene.first.to_string(), false);
    assert_eq!(number(&scene, &made), "1.2");
}

#[test]
fn an_update_that_cannot_move_its_environment_makes_no_version() {
    let scene = Scene::new(StatusMode::Plain);
    let wish = json!({
        "promptId": scene.prompt, "promptVersionId": scene.first, "newMajorVersion": false,
        "commitMessage": "", "promptBody": {}, "environment": "a\nb",
    });
    let answer = scene.served.unchanged(|| {
        scene
            .served
            .post("/v1/prompt-2025/update", wish.to_string())
    });
    let text = answer.error(400);
    assert!(text.starts_with("environment: "), "{text}");
}
