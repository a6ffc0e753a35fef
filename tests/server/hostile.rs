//! Names, tags and messages of any text, through every route: accepted, found, and returned
//! exactly.

use promptbook::EnvironmentName;
use promptbook::server::StatusMode;
use serde_json::{Value, json};

use super::names::{LONGEST, names};
use super::scene::{Request, Scene};

/// Returns the request's body with the text in each member that accepts any text.
fn with_text(request: &Request, text: &str) -> Option<String> {
    let mut body = request.body.clone()?;
    for (member, value) in body.as_object_mut().unwrap() {
        match member.as_str() {
            "name" | "commitMessage" | "search" => *value = json!(text),
            "tags" | "tagsFilter" => *value = json!([text]),
            _ => {}
        }
    }
    Some(body.to_string())
}

/// Returns what `PATCH tags` makes of a tag: the trimmed text, or nothing.
fn trimmed(tag: &str) -> Vec<&str> {
    let tag = tag.trim_matches(|c: char| c == '\u{feff}' || c.is_whitespace() && c != '\u{85}');
    Some(tag)
        .filter(|tag| !tag.is_empty())
        .into_iter()
        .collect()
}

#[test]
fn every_route_takes_any_name_tag_and_message() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    let requests = scene.requests();
    let (deletions, others): (Vec<_>, Vec<_>) = requests
        .iter()
        .partition(|request| request.method == "DELETE");
    let prompt = format!("/v1/prompt-2025/id/{}", scene.prompt);
    for name in names() {
        served.store.rename(scene.prompt, name.as_str()).unwrap();
        served.store.set_tags(scene.prompt, &[&name]).unwrap();
        let state = served.get(&prompt).data();
        assert_eq!(state["name"], *name);
        assert_eq!(state["tags"], json!([name]));
        let find = json!({"search": name, "tagsFilter": [name], "page": 0, "pageSize": 1000});
        let found = served
            .post("/v1/prompt-2025/query", find.to_string())
            .data();
        let found = found.as_array().unwrap().iter();
        let ids: Vec<&Value> = found.map(|prompt| &prompt["id"]).collect();
        assert!(ids.contains(&&json!(scene.prompt)), "{name:?}");
        assert!(
            served
                .get("/v1/prompt-2025/tags")
                .data()
                .as_array()
                .unwrap()
                .contains(&json!(name))
        );
        for request in &others {
            let body = with_text(request, &name);
            let staging: EnvironmentName = "staging".parse().unwrap();
            let set = served
                .store
                .set_environment(scene.prompt, staging, scene.second);
            set.unwrap();
            let answer = served.send(request.method, &request.path, body);
            let data = answer.data();
            match request.template {
                "/v1/prompt-2025" => {
                    let made = served.get(&format!(
                        "/v1/prompt-2025/id/{}",
                        data["id"].as_str().unwrap()
                    ));
                    assert_eq!(made.data()["name"], *name);
                    assert_eq!(made.data()["tags"], json!([name]));
                }
                "/v1/prompt-2025/update" => {
                    let of = json!({"promptVersionId": data["id"]}).to_string();
                    let version = served.post("/v1/prompt-2025/query/version", of).data();
                    assert_eq!(version["commit_message"], *name);
                }
                "/v1/prompt-2025/id/{promptId}/tags" => assert_eq!(data, json!(trimmed(&name))),
                _ => {}
            }
            assert_eq!(
                served.get(&prompt).data()["name"],
                *name,
                "{}",
                request.template
            );
        }
    }
    for request in deletions.iter().rev() {
        served.send(request.method, &request.path, None).data();
    }
    let report = served.store.verify().unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

#[test]
fn the_member_with_a_text_that_is_too_long_is_named() {
    for status in [StatusMode::Plain, StatusMode::Live] {
        let scene = Scene::new(status);
        let long = "x".repeat(LONGEST + 1);
        for request in scene.requests() {
            let members = ["name", "commitMessage", "tags"];
            let of_request = |member: &&&str| {
                request
                    .body
                    .as_ref()
                    .is_some_and(|body| body.get(member).is_some())
            };
            for member in members.iter().filter(of_request) {
                let mut body = request.body.clone().unwrap();
                body[*member] = if body[*member].is_array() {
                    json!(["t", long])
                } else {
                    json!(long)
                };
                let send = || {
                    scene
                        .served
                        .send(request.method, &request.path, Some(body.to_string()))
                };
                let text = scene.served.unchanged(send).error(400);
                assert!(
                    text.starts_with(&format!("{member}: ")) && text.contains("65536"),
                    "{text}"
                );
            }
        }
    }
}
