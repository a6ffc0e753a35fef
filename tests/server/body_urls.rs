//! URLs of bodies: each gives access to one body, to anyone who has the URL. The unit tests of the
//! signatures cover the expiry.

use promptbook::server::{ServerOptions, StatusMode};
use promptbook::{BumpPolicy, StoreOptions};
use serde_json::{Value, json};

use super::client::{Answer, Served};
use super::scene::{BODY, Scene};

fn url(served: &Served, version: impl serde::Serialize) -> String {
    let wish = json!({"promptVersionId": version}).to_string();
    let answer = served.post("/v1/prompt-2025/query/version", wish);
    answer.data()["s3_url"].as_str().unwrap().to_owned()
}

/// Returns the path and query of a URL.
fn target<'a>(served: &Served, url: &'a str) -> &'a str {
    url.strip_prefix(served.running.url()).unwrap()
}

fn open(served: &Served, url: &str) -> Answer {
    served.send_with("GET", url, &[], None)
}

#[test]
fn a_url_returns_its_body_without_a_key() {
    let scene = Scene::new(StatusMode::Plain);
    let answer = open(&scene.served, &url(&scene.served, scene.first));
    assert_eq!((answer.status, answer.text.as_str()), (200, BODY));
    assert_eq!(answer.header("cache-control"), Some("private, no-cache"));
    let head = scene
        .served
        .send_with("HEAD", &url(&scene.served, scene.first), &[], None);
    assert_eq!((head.status, head.text.as_str()), (200, ""));
    let length = BODY.len().to_string();
    assert_eq!(head.header("content-length"), Some(length.as_str()));
}

#[test]
fn a_url_lasts_for_an_hour_at_least() {
    let scene = Scene::new(StatusMode::Plain);
    let url = url(&scene.served, scene.first);
    let (_, query) = url.split_once("?expires=").unwrap();
    let expires: i64 = query.split('&').next().unwrap().parse().unwrap();
    let lasts = expires - chrono::Utc::now().timestamp();
    assert!((3590..=3600 + 900).contains(&lasts), "{lasts} s");
}

#[test]
fn a_url_with_any_character_changed_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    let url = url(&scene.served, scene.first);
    let target = target(&scene.served, &url);
    for at in 1..target.len() {
        for other in ['0', 'a', 'F', '/', '%', '&', '=', '?', '.', '~'] {
            if target[at..].starts_with(other) {
                continue;
            }
            let changed = format!("{}{other}{}", &target[..at], &target[at + 1..]);
            let answer = scene.served.send_with("GET", &changed, &[], None);
            assert!(matches!(answer.status, 400..=499), "{changed}: {answer:?}");
            answer.any_error();
        }
    }
}

#[test]
fn a_url_in_another_spelling_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    let url = url(&scene.served, scene.first);
    let id = scene.first.to_string();
    let (path, query) = url.split_once('?').unwrap();
    let (expires, signature) = query.split_once('&').unwrap();
    let digit = format!("%{:02x}", id.as_bytes()[0]);
    for changed in [
        path.to_owned(),
        format!("{path}?"),
        format!("{path}?{expires}"),
        format!("{path}?{signature}"),
        format!("{path}?{signature}&{expires}"),
        format!("{path}?{query}&more=1"),
        format!("{path}?{query}&{signature}"),
        format!("{path}/?{query}"),
        format!("{path}?{}", query.to_uppercase()),
        format!("{path}?{}", query.replace("expires=", "expires=0")),
        url.replace(&id, &id.to_uppercase()),
        url.replace(&id, &id.replacen(&id[..1], &digit, 1)),
        url.replace(&id, "%ff"),
    ] {
        let answer = open(&scene.served, &changed);
        assert!(matches!(answer.status, 403 | 404), "{changed}: {answer:?}");
        answer.any_error();
    }
}

#[test]
fn a_url_gives_access_to_no_other_body() {
    let scene = Scene::new(StatusMode::Plain);
    let (first, second) = (scene.first.to_string(), scene.second.to_string());
    let url = url(&scene.served, scene.first);
    let swapped = url.replace(&first, &second);
    assert_ne!(url, swapped);
    open(&scene.served, &swapped).error(403);
    let more = Scene::new(StatusMode::Plain);
    let elsewhere = format!(
        "{}{}",
        more.served.running.url(),
        target(&scene.served, &url)
    );
    open(&more.served, &elsewhere).error(403);
}

#[test]
fn a_url_of_a_deleted_version_is_refused() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    let (first, foreign) = (url(served, scene.first), url(served, scene.foreign));
    served
        .delete(&format!("/v1/prompt-2025/{}/{}", scene.prompt, scene.first))
        .data();
    served
        .delete(&format!("/v1/prompt-2025/{}", scene.other))
        .data();
    for url in [first, foreign] {
        let text = open(served, &url).error(404);
        assert_eq!(text, "Prompt version not found");
    }
}

#[test]
fn a_url_and_a_key_remain_valid_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let store = StoreOptions::new().policy(BumpPolicy::Free);
    let scene = Scene::of(store.create(place.path()).unwrap(), &ServerOptions::new());
    let url = url(&scene.served, scene.first);
    let key = scene.served.running.key().to_owned();
    let path = target(&scene.served, &url).to_owned();
    drop(scene);
    let served = Served::of(store.open(place.path()).unwrap(), &ServerOptions::new());
    assert_eq!(open(&served, &path).text, BODY);
    assert_eq!(served.running.key(), key);
}

#[test]
fn a_url_begins_with_the_address_that_the_client_used() {
    let scene = Scene::new(StatusMode::Plain);
    let served = &scene.served;
    let of_target = |host: &str| {
        let wish = json!({"promptVersionId": scene.first}).to_string();
        let answer = served.raw(format!(
            "POST /v1/prompt-2025/query/version HTTP/1.1\r\nhost: {host}\r\nauthorization: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{wish}",
            served.authorization(),
            wish.len(),
        ));
        match &answer.data()["s3_url"] {
            Value::String(url) => url.split("/prompt-bodies/").next().unwrap().to_owned(),
            other => panic!("no URL: {other}"),
        }
    };
    assert_eq!(of_target("localhost:1234"), "http://localhost:1234");
    assert_eq!(of_target("[::1]:80"), "http://[::1]:80");
    assert_eq!(of_target("192.0.2.1"), "http://192.0.2.1");
}

#[test]
fn a_url_begins_with_the_configured_public_url() {
    let options = ServerOptions::new().public_url("https://prompts.example/");
    let scene = Scene::served(&options);
    assert_eq!(scene.served.running.url(), "https://prompts.example");
    let url = url(&scene.served, scene.first);
    let path = url.strip_prefix("https://prompts.example/prompt-bodies/");
    let opened = open(&scene.served, &format!("/prompt-bodies/{}", path.unwrap()));
    assert_eq!(opened.text, BODY);
}
