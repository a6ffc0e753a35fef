//! Entity tags: a client that has an answer is not sent it again, and one that has another answer
//! always is.

use promptbook::server::StatusMode;
use promptbook::{Bump, EnvironmentName, NewVersion};
use serde_json::json;

use super::client::{Answer, Served};
use super::scene::{BODY, Request, Scene};

/// Returns the requests of a scene whose answers have a tag.
fn tagged(scene: &Scene) -> Vec<Request> {
    let mut requests = scene.requests();
    requests.retain(|request| {
        request.template.ends_with("-version")
            || request.template.ends_with("/query/version")
            || request.template.ends_with("/prompt-body")
    });
    assert_eq!(requests.len(), 7);
    let wish = requests[0].body.as_ref().unwrap().to_string();
    let version = scene.served.post("/v1/prompt-2025/query/version", wish);
    let url = version.data()["s3_url"].as_str().unwrap().to_owned();
    requests.push(Request {
        method: "GET",
        template: "/prompt-bodies/{promptVersionId}",
        path: url,
        body: None,
    });
    requests
}

fn ask(served: &Served, request: &Request, known: &[&str]) -> Answer {
    let mut headers = vec![("authorization", served.authorization())];
    if request.body.is_some() {
        headers.push(("content-type", "application/json".into()));
    }
    let known = known
        .iter()
        .map(|tags| ("if-none-match", (*tags).to_owned()));
    headers.extend(known);
    let body = request.body.as_ref().map(|body| body.to_string().into());
    served.send_with(request.method, &request.path, &headers, body)
}

fn tag(answer: &Answer) -> String {
    let tag = answer
        .header("etag")
        .unwrap_or_else(|| panic!("{answer:?}"));
    assert!(
        tag.starts_with('"') && tag.ends_with('"'),
        "{tag} is not strong"
    );
    tag.to_owned()
}

#[test]
fn an_unchanged_answer_is_a_304() {
    let scene = Scene::new(StatusMode::Plain);
    for request in tagged(&scene) {
        let whole = ask(&scene.served, &request, &[]);
        assert_eq!(whole.status, 200, "{request:?}");
        let tag = tag(&whole);
        let (weak, list) = (format!("W/{tag}"), format!("\"x\", {tag}"));
        for known in [
            &[tag.as_str()][..],
            &["*"],
            &[&weak],
            &[&list],
            &["\"x\"", &tag],
        ] {
            let answer = scene
                .served
                .unchanged(|| ask(&scene.served, &request, known));
            assert_eq!(
                (answer.status, answer.text.as_str()),
                (304, ""),
                "{request:?}"
            );
            assert_eq!(answer.header("etag"), Some(tag.as_str()));
            assert_eq!(answer.header("content-type"), None);
            assert_eq!(
                answer.header("cache-control"),
                whole.header("cache-control")
            );
            assert!(answer.header("x-request-id").is_some());
        }
        let other = ask(&scene.served, &request, &["\"x\"", "W/\"y\"", "malformed"]);
        assert_eq!((other.status, other.text), (200, whole.text));
    }
}

#[test]
fn a_condition_gives_no_access_and_hides_no_error() {
    let scene = Scene::new(StatusMode::Plain);
    for request in tagged(&scene) {
        let body = request.body.as_ref().map(|body| body.to_string().into());
        let headers = [
            ("if-none-match", "*".to_owned()),
            ("content-type", "application/json".into()),
        ];
        let path = request.path.replace("signature=", "signature=0");
        let answer = scene
            .served
            .send_with(request.method, &path, &headers, body);
        assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    }
    let requests = tagged(&scene);
    scene
        .served
        .delete(&format!("/v1/prompt-2025/{}", scene.prompt))
        .data();
    for request in requests {
        ask(&scene.served, &request, &["*"]).error(404);
    }
}

#[test]
fn a_moved_environment_changes_the_tag() {
    let scene = Scene::new(StatusMode::Plain);
    let staging: EnvironmentName = "staging".parse().unwrap();
    let requests = tagged(&scene);
    let of_environment = requests
        .iter()
        .filter(|request| request.path.contains("environment-"));
    for request in of_environment {
        let before = ask(&scene.served, request, &[]);
        let known = tag(&before);
        let body = BODY.replace("Hi", &format!("Hey {}", request.path));
        let new = NewVersion::new(scene.prompt, body).bump(Bump::Minor);
        let third = scene.served.store.commit(new).unwrap().id;
        let moved = scene
            .served
            .store
            .set_environment(scene.prompt, staging.clone(), third);
        moved.unwrap();
        let after = ask(&scene.served, request, &[&known]);
        assert_eq!(after.data()["id"], json!(third));
        assert_ne!(tag(&after), known);
    }
}

#[test]
fn the_environments_of_a_version_are_in_its_tag() {
    let scene = Scene::new(StatusMode::Plain);
    // The version with this id stays the same, but the answer contains its environments.
    let production = EnvironmentName::production();
    for request in tagged(&scene)
        .iter()
        .filter(|request| request.path.ends_with("/version"))
    {
        let known = tag(&ask(&scene.served, request, &[]));
        let move_to = |version| {
            let store = &scene.served.store;
            let moved = store.set_environment(scene.prompt, production.clone(), version);
            moved.unwrap();
        };
        move_to(scene.second);
        assert_eq!(ask(&scene.served, request, &[&known]).status, 200);
        move_to(scene.first);
        assert_eq!(ask(&scene.served, request, &[&known]).status, 304);
    }
}

#[test]
fn another_address_of_the_server_changes_the_tag() {
    let scene = Scene::new(StatusMode::Plain);
    let request = &tagged(&scene)[0];
    let body = request.body.as_ref().unwrap().to_string();
    let of = |host: &str, known: &str| {
        let served = &scene.served;
        served.raw(format!(
            "POST {} HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\nif-none-match: {known}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            request.path,
            served.authorization(),
            body.len(),
        ))
    };
    let known = tag(&of("localhost:1", ""));
    assert_eq!(of("localhost:1", &known).status, 304);
    assert_eq!(of("localhost:2", &known).status, 200);
}

#[test]
fn the_tag_of_a_body_is_its_content_address() {
    let scene = Scene::new(StatusMode::Plain);
    let blob = scene.served.store.version(scene.first).unwrap().blob;
    for request in tagged(&scene)
        .iter()
        .filter(|request| request.method == "GET")
    {
        let answer = ask(&scene.served, request, &[]);
        assert_eq!(tag(&answer), format!("\"{blob}\""));
        assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    }
}

#[test]
fn no_body_is_read_for_a_304() {
    let place = tempfile::tempdir().unwrap();
    let store = promptbook::StoreOptions::new().policy(promptbook::BumpPolicy::Free);
    let scene = Scene::of(store.create(place.path()).unwrap(), &Default::default());
    let requests = tagged(&scene);
    let tags: Vec<_> = requests
        .iter()
        .map(|request| tag(&ask(&scene.served, request, &[])))
        .collect();
    scene.served.store.checkpoint().unwrap();
    drop(scene.served);
    for blob in files(&place.path().join("blobs")) {
        std::fs::remove_file(blob).unwrap();
    }
    // Serve the store by a new handle, which has nothing in memory. The signed URLs contain the
    // first server's address.
    let served = Served::of(store.open(place.path()).unwrap(), &Default::default());
    for (request, tag) in requests
        .iter()
        .zip(&tags)
        .filter(|(request, _)| request.method == "GET")
    {
        let (_, path) = request
            .path
            .split_at(request.path.find("/prompt-bodies/").unwrap_or(0));
        let request = Request {
            path: path.into(),
            ..request.clone()
        };
        assert_eq!(ask(&served, &request, &[tag]).status, 304, "{request:?}");
        ask(&served, &request, &[]).error(500);
    }
    for request in requests.iter().filter(|request| request.method == "POST") {
        assert_eq!(ask(&served, request, &["*"]).status, 304, "{request:?}");
    }
}

fn files(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}
