//! Reproducibility: the same script gets the same answers, and the test sets the clock.

use std::time::Duration;

use chrono::Utc;
use promptbook::server::fake::{Fake, FakeClock, FakeOptions};
use serde_json::json;

use crate::support::{COUNT, Client, PRODUCTION, fixtures};

/// Makes valid and invalid calls of all kinds, and returns the answers without the time of day and
/// the port.
fn script(fake: &Fake) -> String {
    let client = Client::of(fake);
    let mut told = Vec::new();
    let mut post = |path: &str, json| {
        let answer = client.post(path, &json);
        told.push(answer.undated());
        answer.json()
    };
    let new = |name| json!({"name": name, "tags": ["a"], "promptBody": {"model": "gpt-4o", "messages": []}});
    let created = post("/v1/prompt-2025", new("first"))["data"].clone();
    post("/v1/prompt-2025", new("second"));
    let body = json!({"model": "o3", "messages": [{"role": "user", "content": "{{hc:a:string}}"}]});
    let update = json!({
        "promptId": created["id"], "promptVersionId": created["versionId"], "newMajorVersion": false,
        "commitMessage": "More", "promptBody": body, "environment": "staging"
    });
    post("/v1/prompt-2025/update", update);
    post(
        "/v1/prompt-2025/query/versions",
        json!({"promptId": created["id"]}),
    );
    post(
        "/v2/prompt-2025/query/production-version",
        json!({"promptId": created["id"]}),
    );
    post(PRODUCTION, json!({"promptId": "abc123"}));
    post(PRODUCTION, json!({"promptId": "nobody"}));
    post(PRODUCTION, json!({"prompt": "nobody"}));
    let query = json!({"search": "", "tagsFilter": [], "page": 0, "pageSize": 9});
    post("/v1/prompt-2025/query", query);
    let path = client.body_path(created["id"].as_str().unwrap());
    told.push(client.get(&path).undated());
    told.push(
        client
            .delete(&format!(
                "/v1/prompt-2025/{}",
                created["id"].as_str().unwrap()
            ))
            .undated(),
    );
    told.push(client.get(&path).undated());
    told.push(client.get(COUNT).undated());
    told.join("\n").replace(fake.url(), "")
}

fn options() -> FakeOptions {
    Fake::options().fixtures(fixtures())
}

#[test]
fn the_same_script_gets_the_same_bytes_in_each_run_and_after_each_reset() {
    let fake = options().start().unwrap();
    let first = script(&fake);
    fake.reset().unwrap();
    assert_eq!(script(&fake), first, "after a reset");
    fake.advance(Duration::from_secs(1));
    Client::of(&fake).post("/__promptbook/reset", &json!({}));
    assert_eq!(script(&fake), first, "after a reset by HTTP");
    assert_eq!(script(&options().start().unwrap()), first, "in another run");
    let place = tempfile::tempdir().unwrap();
    let fake = options().directory(place.path()).start().unwrap();
    assert_eq!(script(&fake), first, "in a directory");
    fake.reset().unwrap();
    assert_eq!(
        script(&fake),
        first,
        "in a directory that was created again"
    );
}

#[test]
fn another_seed_gives_other_ids_and_other_signatures() {
    let url = |seed| {
        let fake = options().seed(seed).start().unwrap();
        let client = Client::of(&fake);
        (client.create("a"), client.body_path("abc123"))
    };
    let (one, other) = (url(1), url(2));
    assert_ne!(one.0, other.0);
    assert_ne!(one.1, other.1);
}

#[test]
fn new_items_have_the_same_ids_with_any_fixtures() {
    let bare = Fake::start().unwrap();
    let full = options().start().unwrap();
    let prompt = |fake| Client::of(fake).create("a").0;
    assert_eq!(prompt(&bare), prompt(&full));
}

#[test]
fn times_differ_and_come_from_the_clock() {
    let at = "2031-05-05T05:05:05Z".parse().unwrap();
    let fake = Fake::options().clock(FakeClock::At(at)).start().unwrap();
    let client = Client::of(&fake);
    let (first, _) = client.create("a");
    let (second, _) = client.create("b");
    let created =
        |id: &str| client.get(&format!("/v1/prompt-2025/id/{id}")).data()["created_at"].clone();
    assert_eq!(created(&first), "2031-05-05T05:05:05Z");
    assert_eq!(created(&second), "2031-05-05T05:05:05.001Z");
}

#[test]
fn a_url_expires_by_the_fakes_clock() {
    let fake = options().start().unwrap();
    let client = Client::of(&fake);
    let path = client.body_path("abc123");
    fake.advance(Duration::from_secs(59 * 60));
    assert_eq!(client.get(&path).status, 200);
    fake.advance(Duration::from_secs(60 * 60));
    let (status, _) = client.get(&path).refusal();
    assert_eq!(status, 403);
    fake.reset().unwrap();
    assert_eq!(client.get(&path).status, 200);
}

#[test]
fn the_system_clock_can_be_used() {
    let before = Utc::now();
    let fake = Fake::options().clock(FakeClock::Real).start().unwrap();
    assert!(before <= fake.now() && fake.now() <= Utc::now());
    fake.set_clock("2026-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(fake.now(), fake.now());
    fake.reset().unwrap();
    assert!(before <= fake.now());
}
