//! Environments over HTTP: set, moved, removed.

use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{StoreOptions, VersionId};
use serde_json::{Value, json};

use super::scene::Scene;

const NOTHING: &str = r#"{"data":null,"error":null}"#;

fn change(scene: &Scene, route: &str, version: VersionId, environment: &str) {
    let wish =
        json!({"promptId": scene.prompt, "promptVersionId": version, "environment": environment});
    let path = format!("/v1/prompt-2025/{route}/environment");
    let answer = scene.served.post(&path, wish.to_string());
    assert_eq!((answer.status, answer.text.as_str()), (200, NOTHING));
}

/// Returns the environments of a version, as the API reports them.
fn environments(scene: &Scene, version: VersionId) -> Value {
    let wish = json!({"promptVersionId": version}).to_string();
    let answer = scene.served.post("/v1/prompt-2025/query/version", wish);
    answer.data()["environments"].clone()
}

#[test]
fn setting_an_environment_takes_it_from_where_it_was() {
    let scene = Scene::new(StatusMode::Plain);
    change(&scene, "update", scene.first, "staging");
    assert_eq!(
        environments(&scene, scene.first),
        json!(["production", "staging"])
    );
    assert_eq!(environments(&scene, scene.second), json!([]));
    change(&scene, "update", scene.second, "production");
    assert_eq!(environments(&scene, scene.first), json!(["staging"]));
    assert_eq!(environments(&scene, scene.second), json!(["production"]));
    assert_eq!(environments(&scene, scene.foreign), json!(["production"]));
}

#[test]
fn an_environment_can_have_any_name() {
    let scene = Scene::new(StatusMode::Plain);
    for name in ["Prod uction", "produktion-ß", "a/b?c", "null"] {
        change(&scene, "update", scene.second, name);
        let wish = json!({"promptId": scene.prompt, "environment": name});
        let path = "/v1/prompt-2025/query/environment-version";
        let found = scene.served.post(path, wish.to_string()).data();
        assert_eq!(found["id"], json!(scene.second), "{name}");
    }
    assert_eq!(
        environments(&scene, scene.first),
        json!(["production"]),
        "names are compared exactly"
    );
}

/// The live service has no such list.
#[test]
fn the_environment_list_of_a_store_restricts_no_client() {
    let store = StoreOptions::new().environments(["production", "staging"]);
    let scene = Scene::of(store.in_memory().unwrap(), &ServerOptions::new());
    change(&scene, "update", scene.second, "qa");
    assert_eq!(environments(&scene, scene.second), json!(["qa", "staging"]));
}

#[test]
fn an_environment_set_where_it_is_stays_there() {
    let scene = Scene::new(StatusMode::Plain);
    change(&scene, "update", scene.second, "staging");
    assert_eq!(environments(&scene, scene.second), json!(["staging"]));
}

#[test]
fn a_removed_environment_is_gone_until_it_is_set_again() {
    let scene = Scene::new(StatusMode::Plain);
    let wish = json!({"promptId": scene.prompt}).to_string();
    let in_production = || {
        let path = "/v1/prompt-2025/query/production-version";
        scene.served.post(path, wish.as_str())
    };
    assert_eq!(in_production().data()["id"], json!(scene.first));
    change(&scene, "remove", scene.first, "production");
    in_production().error(404);
    assert_eq!(environments(&scene, scene.first), json!([]));
    assert_eq!(
        environments(&scene, scene.foreign),
        json!(["production"]),
        "another prompt was changed"
    );
    change(&scene, "update", scene.second, "production");
    assert_eq!(in_production().data()["id"], json!(scene.second));
}

#[test]
fn an_update_moves_the_environment_that_it_names_and_no_other() {
    let scene = Scene::new(StatusMode::Plain);
    let update = |environment: Option<&str>| {
        let mut wish = json!({
            "promptId": scene.prompt, "promptVersionId": scene.first, "newMajorVersion": false,
            "commitMessage": "", "promptBody": {},
        });
        if let Some(environment) = environment {
            wish["environment"] = json!(environment);
        }
        let answer = scene
            .served
            .post("/v1/prompt-2025/update", wish.to_string());
        let id: VersionId = answer.data()["id"].as_str().unwrap().parse().unwrap();
        id
    };
    let third = update(None);
    assert_eq!(environments(&scene, third), json!([]));
    assert_eq!(environments(&scene, scene.first), json!(["production"]));
    let fourth = update(Some("production"));
    assert_eq!(environments(&scene, fourth), json!(["production"]));
    assert_eq!(environments(&scene, scene.first), json!([]));
    assert_eq!(environments(&scene, scene.second), json!(["staging"]));
}

#[test]
fn deleting_the_version_in_production_leaves_none_there() {
    let scene = Scene::new(StatusMode::Plain);
    let path = format!("/v1/prompt-2025/{}/{}", scene.prompt, scene.first);
    scene.served.delete(&path).data();
    for api in ["v1", "v2"] {
        let path = format!("/{api}/prompt-2025/query/production-version");
        let wish = json!({"promptId": scene.prompt}).to_string();
        let text = scene.served.post(&path, wish).error(404);
        assert_eq!(text, "Prompt production version not found");
    }
}
