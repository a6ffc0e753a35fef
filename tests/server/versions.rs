//! Versions over HTTP: created, numbered, found, listed, counted, deleted.

use chrono::DateTime;
use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{BumpPolicy, StoreOptions, VersionId};
use serde_json::{Value, json};

use super::client::{Served, keys};
use super::scene::Scene;

/// Creates a version that is based on another, and returns its id and number.
fn update(served: &Served, base: &str, major: bool) -> (String, String) {
    let base_version = served.store.version(base).unwrap();
    let wish = json!({
        "promptId": base_version.prompt_id, "promptVersionId": base_version.id, "newMajorVersion": major,
        "commitMessage": "Say more", "promptBody": {"model": "gpt-5"},
    });
    let answer = served.post("/v1/prompt-2025/update", wish.to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    let id = answer.data()["id"].as_str().unwrap().to_owned();
    assert_eq!(
        answer.text,
        format!(r#"{{"data":{{"id":"{id}"}},"error":null}}"#)
    );
    let version: VersionId = id.parse().unwrap();
    let number = served.store.version(version).unwrap().number;
    (id, number.to_string())
}

/// Returns the numbers of a prompt's versions, in the order of the list.
fn listed(served: &Served, query: &Value) -> Vec<String> {
    let answer = served.post("/v1/prompt-2025/query/versions", query.to_string());
    assert_eq!(answer.status, 200);
    let versions = answer.data();
    let versions = versions.as_array().unwrap().iter();
    versions
        .map(|version| format!("{}.{}", version["major_version"], version["minor_version"]))
        .collect()
}

#[test]
fn numbers_continue_from_the_base() {
    let served = Scene::new(StatusMode::Plain).served;
    let number = |base: &str, major| update(&served, base, major).1;
    assert_eq!(number("greeting@1.0", false), "1.2", "1.1 exists already");
    assert_eq!(number("greeting@1.0", true), "2.0");
    assert_eq!(number("greeting@1.2", true), "3.0");
    assert_eq!(number("greeting@2.0", false), "2.1");
    assert_eq!(number("greeting@1.0", false), "1.3");
    assert_eq!(number("greeting@3.0", false), "3.1");
    // The other prompt has its own numbers.
    assert_eq!(number("other@1.0", false), "1.1");
}

#[test]
fn a_new_version_has_the_given_members() {
    let served = Scene::new(StatusMode::Plain).served;
    let (id, _) = update(&served, "greeting@1.0", false);
    let id: VersionId = id.parse().unwrap();
    let version = served.store.version(id).unwrap();
    assert_eq!(version.message, "Say more");
    assert_eq!(version.model.as_deref(), Some("gpt-5"));
    assert_eq!(version.environments, []);
    let base = served.store.version("greeting@1.0").unwrap();
    assert_eq!(version.base, Some(base.id));
}

#[test]
fn a_version_has_its_members_in_the_documented_order() {
    let scene = Scene::new(StatusMode::Plain);
    let wish = json!({"promptVersionId": scene.second}).to_string();
    let answer = scene
        .served
        .post("/v1/prompt-2025/query/version", wish.as_str());
    let data = answer.data();
    let (at, url) = (
        data["created_at"].as_str().unwrap(),
        data["s3_url"].as_str().unwrap(),
    );
    let version = format!(
        r#""id":"{}","prompt_id":"{}","model":"gpt-4o","major_version":1,"minor_version":1,"commit_message":"","environments":["staging"],"created_at":"{at}","s3_url":"{url}""#,
        scene.second, scene.prompt
    );
    assert_eq!(
        answer.text,
        format!(r#"{{"data":{{{version}}},"error":null}}"#)
    );
    assert!(DateTime::parse_from_rfc3339(at).is_ok() && at.ends_with('Z'));
    assert!(url.starts_with(scene.served.running.url()), "{url}");

    let answer = scene.served.post("/v2/prompt-2025/query/version", wish);
    let body = super::scene::BODY.replace("Hi", "Hello");
    assert_eq!(
        answer.text,
        format!(r#"{{"data":{{{version},"prompt_body":{body}}},"error":null}}"#)
    );
}

#[test]
fn the_three_routes_to_a_version_give_the_same_answer() {
    let scene = Scene::new(StatusMode::Plain);
    let (prompt, id) = (scene.prompt, scene.first);
    for api in ["v1", "v2"] {
        let ask = |route: &str, wish: Value| {
            let path = format!("/{api}/prompt-2025/query/{route}");
            scene.served.post(&path, wish.to_string()).data()
        };
        let by_id = ask("version", json!({"promptVersionId": id}));
        assert_eq!(by_id["id"], json!(id));
        let in_production = ask("production-version", json!({"promptId": prompt}));
        assert_eq!(in_production, by_id);
        let wish = json!({"promptId": prompt, "environment": "production"});
        assert_eq!(ask("environment-version", wish), by_id);
        let wish = json!({"promptId": prompt, "environment": "staging"});
        assert_eq!(ask("environment-version", wish)["id"], json!(scene.second));
        assert_eq!(by_id.get("prompt_body").is_some(), api == "v2");
    }
}

#[test]
fn a_version_without_a_model_has_a_null_model() {
    let served = Served::new();
    for body in ["{}", r#"{"model":5}"#] {
        let new = format!(r#"{{"name":"n","tags":[],"promptBody":{body}}}"#);
        let id = served.post("/v1/prompt-2025", new).data()["versionId"].clone();
        let wish = json!({"promptVersionId": id});
        let answer = served.post("/v1/prompt-2025/query/version", wish.to_string());
        assert_eq!(answer.data()["model"], Value::Null, "{body}");
    }
}

#[test]
fn versions_are_listed_newest_first_also_within_one_clock_tick() {
    let tick = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .clock(move || tick);
    let scene = Scene::of(store.in_memory().unwrap(), &ServerOptions::new());
    let served = &scene.served;
    for (base, major) in [("1.0", true), ("1.0", false), ("2.0", true), ("2.0", false)] {
        update(served, &format!("greeting@{base}"), major);
    }
    let query = json!({"promptId": scene.prompt});
    let newest_first = ["2.1", "3.0", "1.2", "2.0", "1.1", "1.0"];
    assert_eq!(listed(served, &query), newest_first);
    let answer = served.post("/v1/prompt-2025/query/versions", query.to_string());
    for version in answer.data().as_array().unwrap() {
        assert_eq!(version["created_at"], "2023-11-14T22:13:20Z");
        assert_eq!(
            keys(version.as_object().unwrap()),
            [
                "id",
                "prompt_id",
                "model",
                "major_version",
                "minor_version",
                "commit_message",
                "environments",
                "created_at",
                "s3_url"
            ]
        );
        assert!(version["environments"].is_array());
        let body = served.send_with("GET", version["s3_url"].as_str().unwrap(), &[], None);
        assert_eq!(body.status, 200, "{body:?}");
    }
}

#[test]
fn a_list_can_be_limited_to_one_major() {
    let scene = Scene::new(StatusMode::Plain);
    update(&scene.served, "greeting@1.0", true);
    let of = |major: Value| {
        let query = json!({"promptId": scene.prompt, "majorVersion": major});
        listed(&scene.served, &query)
    };
    assert_eq!(of(json!(1)), ["1.1", "1.0"]);
    assert_eq!(of(json!(2.0)), ["2.0"]);
    assert_eq!(of(json!(0)), [""; 0]);
    assert_eq!(of(json!(3)), [""; 0]);
    assert_eq!(
        of(json!(4_294_967_297_u64)),
        [""; 0],
        "the major exceeds every number"
    );
    for none in [
        json!(-1),
        json!(-1.0),
        json!(i64::MIN),
        json!(1e300),
        json!(-1e300),
    ] {
        assert_eq!(
            of(none),
            [""; 0],
            "the major is below 0, or exceeds every number"
        );
    }
    let half = json!({"promptId": scene.prompt, "majorVersion": 1.5}).to_string();
    let refused = scene
        .served
        .post("/v1/prompt-2025/query/versions", half)
        .error(400);
    assert!(refused.starts_with("majorVersion: "), "{refused}");
}

#[test]
fn a_list_can_be_paged() {
    let scene = Scene::new(StatusMode::Plain);
    for _ in 0..3 {
        update(&scene.served, "greeting@1.0", false);
    }
    let page = |more: Value| {
        let mut query = json!({"promptId": scene.prompt});
        let more = more.as_object().unwrap().clone();
        query.as_object_mut().unwrap().extend(more);
        listed(&scene.served, &query)
    };
    assert_eq!(page(json!({"limit": 2})), ["1.4", "1.3"]);
    let last = scene.served.store.version("greeting@1.3").unwrap().id;
    assert_eq!(page(json!({"limit": 2, "before": last})), ["1.2", "1.1"]);
    scene.served.store.delete_version(last).unwrap();
    assert_eq!(page(json!({"before": last})), ["1.2", "1.1", "1.0"]);
    assert_eq!(page(json!({"limit": 0})), [""; 0]);
    assert_eq!(page(json!({"limit": u64::MAX})).len(), 4);
}

#[test]
fn versions_are_counted_with_the_highest_major() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    let counted = || {
        let wish = json!({"promptId": scene.prompt}).to_string();
        served
            .post("/v1/prompt-2025/query/total-versions", wish)
            .text
    };
    assert_eq!(
        counted(),
        r#"{"data":{"totalVersions":2,"majorVersions":1},"error":null}"#
    );
    let (second, _) = update(served, "greeting@1.0", true);
    update(served, "greeting@1.0", true);
    assert_eq!(
        counted(),
        r#"{"data":{"totalVersions":4,"majorVersions":3},"error":null}"#
    );
    served.delete(&format!("/v1/prompt-2025/{}/{second}", scene.prompt));
    assert_eq!(
        counted(),
        r#"{"data":{"totalVersions":3,"majorVersions":3},"error":null}"#,
        "the major is the highest one, not a count"
    );
}

#[test]
fn an_unknown_prompt_has_no_versions() {
    let served = Scene::new(StatusMode::Live).served;
    for unknown in ["zzzzzz", "", "no id at all", "../.."] {
        let wish = json!({"promptId": unknown}).to_string();
        let listed = served.post("/v1/prompt-2025/query/versions", wish.as_str());
        assert_eq!(
            (listed.status, listed.text.as_str()),
            (200, r#"{"data":[],"error":null}"#)
        );
        let counted = served.post("/v1/prompt-2025/query/total-versions", wish);
        assert_eq!(counted.status, 200);
        assert_eq!(
            counted.text,
            r#"{"data":{"totalVersions":0,"majorVersions":0},"error":null}"#
        );
    }
}

#[test]
fn a_deleted_version_is_gone_from_every_answer() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    let path = format!("/v1/prompt-2025/{}/{}", scene.prompt, scene.first);
    let answer = served.delete(&path);
    assert_eq!(answer.text, r#"{"data":null,"error":null}"#);
    assert_eq!(answer.status, 200);
    let of_version = json!({"promptVersionId": scene.first}).to_string();
    served
        .post("/v1/prompt-2025/query/version", of_version.as_str())
        .error(404);
    served
        .post("/v2/prompt-2025/query/version", of_version)
        .error(404);
    let of_prompt = json!({"promptId": scene.prompt}).to_string();
    served
        .post("/v1/prompt-2025/query/production-version", of_prompt)
        .error(404);
    served
        .get(&format!("/v1/prompt-2025/{}/prompt-body", scene.first))
        .error(404);
    let path = format!(
        "/v1/prompt-2025/id/{}/{}/inputs?requestId=request-1",
        scene.prompt, scene.first
    );
    served.get(&path).error(404);
    assert_eq!(listed(served, &json!({"promptId": scene.prompt})), ["1.1"]);
}
