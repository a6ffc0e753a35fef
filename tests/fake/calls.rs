//! Recorded calls of a fake, its store, and its key.

use promptbook::server::fake::{Fake, FakeError, Fault};
use serde_json::json;

use crate::support::{COUNT, Client, PRODUCTION, fixtures};

#[test]
fn calls_are_recorded_with_their_json_and_their_status() {
    let fake = Fake::options().fixtures(fixtures()).start().unwrap();
    let client = Client::of(&fake);
    client.get("/healthz");
    client.get("/__promptbook/clock");
    let path = client.body_path("abc123");
    client.get(&path);
    client.post(PRODUCTION, &json!({"promptId": "nobody"}));
    client.get("/nowhere");
    Client::new(fake.url(), "another key").get(COUNT);
    fake.fault(Fault::close()).unwrap();
    client.send("GET", COUNT, None).unwrap_err();
    client.send("BREW", COUNT, None).unwrap();

    let calls = fake.calls();
    let told: Vec<String> = calls.iter().map(ToString::to_string).collect();
    let body = path.split_once('?').unwrap().0;
    assert_eq!(
        told,
        [
            format!("1. POST {PRODUCTION}: 200"),
            format!("2. GET {body}: 200"),
            format!("3. POST {PRODUCTION}: 500"),
            "4. GET /nowhere: 404".into(),
            format!("5. GET {COUNT}: 401"),
            format!("6. GET {COUNT}: no answer"),
            format!("7. BREW {COUNT}: 405"),
        ]
    );
    assert_eq!(calls[0].json, Some(json!({"promptId": "abc123"})));
    assert_eq!(
        calls[1].route.as_deref(),
        Some("GET /prompt-bodies/{promptVersionId}")
    );
    assert!(calls[1].query.as_deref().unwrap().starts_with("expires="));
    assert!(!calls[1].query.as_deref().unwrap().contains("signature"));
    assert_eq!(calls[3].route, None);
    assert_eq!(calls[5].fault.as_deref(), Some("close"));
    assert_eq!(calls[6].route, None, "no route has this method");
    fake.reset().unwrap();
    assert_eq!(fake.calls(), []);
}

#[test]
fn calls_of_a_route_are_counted_and_asserted() {
    let fake = Fake::start().unwrap();
    let client = Client::of(&fake);
    let (prompt, _) = client.create("a");
    client.get(&format!("/v1/prompt-2025/id/{prompt}"));
    client.get("/v1/prompt-2025/id/nobody");
    let route = "GET /v1/prompt-2025/id/{promptId}";
    assert_eq!(fake.count(route).unwrap(), 2);
    fake.assert_called(route, 2);
    fake.assert_called("GET /v1/prompt-2025/count", 0);
    let unknown = fake.count("GET /v1/prompt-2025/id/abc123");
    assert!(
        matches!(unknown, Err(FakeError::Route { .. })),
        "{unknown:?}"
    );
}

#[test]
#[should_panic(
    expected = "GET /v1/prompt-2025/count was called 1 time, expected 2 times; the calls were:\n  1. GET"
)]
fn a_wrong_count_fails_with_the_recorded_calls() {
    let fake = Fake::start().unwrap();
    Client::of(&fake).get(COUNT);
    fake.assert_called("GET /v1/prompt-2025/count", 2);
}

#[test]
#[should_panic(expected = "is not a route of the API; the routes are:")]
fn an_unknown_route_fails_even_for_a_count_of_zero() {
    Fake::start().unwrap().assert_called("GET /count", 0);
}

#[test]
fn the_store_can_be_read_and_changed() {
    let fake = Fake::options().fixtures(fixtures()).start().unwrap();
    let client = Client::of(&fake);
    fake.store().rename("greeting", "salute").unwrap();
    assert_eq!(
        client.get("/v1/prompt-2025/id/abc123").data()["name"],
        "salute"
    );
    fake.reset().unwrap();
    assert_eq!(
        client.get("/v1/prompt-2025/id/abc123").data()["name"],
        "greeting"
    );
    let inputs = client
        .get("/v1/prompt-2025/id/abc123/01941f29-7c00-7000-8000-000000000001/inputs?requestId=r1");
    assert_eq!(inputs.data()["inputs"], json!({"name": "Ada"}));
}

#[test]
fn callers_choose_between_major_and_minor_unless_bumps_are_enforced() {
    for (enforce, status) in [(false, 200), (true, 409)] {
        let fake = Fake::options().enforce_bumps(enforce).start().unwrap();
        let client = Client::of(&fake);
        let (prompt, version) = client.create("a");
        let asks = json!({"messages": [{"role": "user", "content": "{{hc:name:string}}"}]});
        let update = json!({
            "promptId": prompt, "promptVersionId": version, "newMajorVersion": false,
            "commitMessage": "Ask", "promptBody": asks
        });
        assert_eq!(
            client.post("/v1/prompt-2025/update", &update).status,
            status
        );
    }
}

#[test]
fn a_public_address_needs_a_key() {
    let options = Fake::options().address(([0, 0, 0, 0], 0));
    assert!(options.start().is_err());
    let fake = options.key("mine").start().unwrap();
    assert_eq!(fake.key(), "mine");
    assert_eq!(Client::of(&fake).get(COUNT).status, 200);
}
