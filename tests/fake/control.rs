//! The control routes.

use promptbook::server::fake::Fake;
use serde_json::{Value, json};

use crate::support::{COUNT, Client, fixtures};

fn start() -> (Fake, Client) {
    let fake = Fake::options().fixtures(fixtures()).start().unwrap();
    let client = Client::of(&fake);
    (fake, client)
}

#[test]
fn it_requires_the_key() {
    let (fake, _) = start();
    let stranger = Client::new(fake.url(), "another key");
    assert_eq!(fake.control_url(), format!("{}/__promptbook", fake.url()));
    for (method, path) in [
        ("POST", "reset"),
        ("GET", "clock"),
        ("DELETE", "faults"),
        ("GET", "calls"),
        ("GET", "fixtures"),
    ] {
        let path = format!("/__promptbook/{path}");
        let answer = stranger.send(method, &path, None).unwrap();
        assert_eq!(answer.refusal().0, 401, "{method} {path}");
    }
}

#[test]
fn the_clock_is_read_set_and_advanced() {
    let (_fake, client) = start();
    let path = "/__promptbook/clock";
    let set = client.put(path, &json!({"now": "2030-01-01T01:00:00+01:00"}));
    assert_eq!(set.data(), json!({"now": "2030-01-01T00:00:00Z"}));
    let advanced = client.put(path, &json!({"advance_ms": 1500}));
    assert_eq!(advanced.data(), json!({"now": "2030-01-01T00:00:01.500Z"}));
    assert_eq!(client.get(path).data(), advanced.data());
    for (wrong, reason) in [
        (json!({}), "expected either"),
        (
            json!({"now": "2030-01-01T00:00:00Z", "advance_ms": 1}),
            "expected either",
        ),
        (json!({"now": "tomorrow"}), "is not a time in RFC 3339"),
        (json!({"advance_ms": -1}), "advance_ms"),
        (json!({"advance": 1}), "unknown field"),
    ] {
        let (status, text) = client.put(path, &wrong).refusal();
        assert!(
            status == 400 && text.contains(reason),
            "{wrong}: {status} {text}"
        );
    }
}

#[test]
fn faults_are_added_listed_and_cleared() {
    let (_fake, client) = start();
    let path = "/__promptbook/faults";
    let fault = json!({"kind": "fail", "status": 503, "error": "No", "route": "get /v1/prompt-2025/count/", "times": 2});
    let listed = json!([{"kind": "fail", "status": 503, "error": "No", "route": "GET /v1/prompt-2025/count", "times": 2}]);
    assert_eq!(client.post(path, &fault).data(), listed);
    assert_eq!(client.get(COUNT).refusal(), (503, "No".into()));
    assert_eq!(client.get(path).data()[0]["times"], 1);
    assert_eq!(client.delete(path).data(), Value::Null);
    assert_eq!(client.get(COUNT).status, 200);
    for (wrong, reason) in [
        (
            json!({"kind": "close", "route": "GET /count"}),
            "the routes are",
        ),
        (
            json!({"kind": "fail", "status": 200, "error": ""}),
            "400 to 599",
        ),
        (
            json!({"kind": "fail", "status": 99999, "error": ""}),
            "status",
        ),
        (json!({"kind": "close", "times": "all"}), "times"),
        (json!({"kind": "close", "often": 1}), "unknown field"),
    ] {
        let (status, text) = client.post(path, &wrong).refusal();
        assert!(
            status == 400 && text.contains(reason),
            "{wrong}: {status} {text}"
        );
    }
    assert_eq!(client.get(path).data(), json!([]));
}

#[test]
fn calls_are_listed_asserted_and_cleared() {
    let (_fake, client) = start();
    client.create("a");
    client.create("b");
    client.get(COUNT);
    let listed = client
        .get("/__promptbook/calls?route=GET%20/v1/prompt-2025/count")
        .data();
    let call = json!({"number": 3, "method": "GET", "path": COUNT, "route": "GET /v1/prompt-2025/count", "status": 200});
    assert_eq!(listed, json!({"calls": [call], "dropped": 0}));

    let assert = |wish: Value| client.post("/__promptbook/calls/assert", &wish);
    let created = "POST /v1/prompt-2025";
    assert_eq!(
        assert(json!({"route": created, "times": 2})).data(),
        json!({"count": 2})
    );
    let with = |name: &str| json!({"name": name, "promptBody": {"model": "gpt-4o"}});
    assert_eq!(
        assert(json!({"route": created, "times": 1, "json": with("a")})).status,
        200
    );
    let (status, text) = assert(json!({"route": created, "times": 1, "json": with("c")})).refusal();
    assert_eq!(status, 409);
    let told = "POST /v1/prompt-2025 was called 0 times with this JSON, expected 1 time; the calls were:\n  1. POST";
    assert!(text.starts_with(told), "{text}");

    client.delete("/__promptbook/calls");
    assert_eq!(assert(json!({"route": created, "times": 0})).status, 200);
    assert_eq!(client.get("/__promptbook/calls").data()["calls"], json!([]));
    assert_eq!(client.get("/__promptbook/calls?path=/").refusal().0, 400);
    assert_eq!(client.get("/__promptbook/calls?route=/").refusal().0, 400);
}

#[test]
fn fixtures_are_exported_and_replaced() {
    let (fake, client) = start();
    let path = "/__promptbook/fixtures";
    client.create("more");
    let taken = client.get(path).data();
    assert_eq!(taken["prompts"].as_array().unwrap().len(), 2);
    client.post("/__promptbook/reset", &json!({}));
    assert_eq!(client.get(COUNT).data(), 1);

    assert_eq!(client.put(path, &taken).data(), Value::Null);
    assert_eq!(client.get(COUNT).data(), 2);
    assert_eq!(client.get(path).data(), taken);
    fake.reset().unwrap();
    assert_eq!(client.get(COUNT).data(), 2, "they are the fixtures now");

    let prompt = json!({"id": "abc123", "name": "twice", "versions": []});
    for wrong in [
        json!({"prompts": [prompt, prompt]}),
        json!({"prompts": [{}]}),
        json!({"more": 1}),
    ] {
        let (status, text) = client.put(path, &wrong).refusal();
        assert_eq!(status, 400, "{wrong}: {text}");
    }
    assert_eq!(client.get(COUNT).data(), 2, "wrong ones change nothing");
}

#[test]
fn inputs_are_recorded() {
    let (_fake, client) = start();
    let (prompt, version) = client.create("a");
    let inputs = json!({"version_id": version, "request_id": "r9", "inputs": {"a": 1}, "environment": "production"});
    let recorded = client.post("/__promptbook/inputs", &inputs).data();
    let path = format!("/v1/prompt-2025/id/{prompt}/{version}/inputs?requestId=r9");
    assert_eq!(client.get(&path).data(), recorded);
    assert_eq!(recorded["inputs"], json!({"a": 1}));
    let unknown = json!({"version_id": "01941f29-7c00-7000-8000-00000000000f", "request_id": "r9", "inputs": {}});
    assert_eq!(
        client.post("/__promptbook/inputs", &unknown).refusal().0,
        404
    );
    let wrong = json!({"version_id": "v", "request_id": "r9", "inputs": {}});
    assert_eq!(client.post("/__promptbook/inputs", &wrong).refusal().0, 400);
}

#[test]
fn unknown_control_routes_are_refused_in_the_same_envelope() {
    let (_fake, client) = start();
    assert_eq!(client.get("/__promptbook/nothing").refusal().0, 404);
    assert_eq!(
        client.get("/__promptbook/reset").refusal(),
        (405, "/__promptbook/reset has no method GET".into())
    );
    assert_eq!(client.get("/__promptbook/reset/").refusal().0, 404);
}

#[test]
fn assertions_accept_ranges_and_orders_and_show_what_was_sent() {
    let (fake, client) = start();
    client.create("a");
    client.get(COUNT);
    client.create("b");
    let assert = |wish: Value| client.post("/__promptbook/calls/assert", &wish);
    let (create, count) = ("POST /v1/prompt-2025", "GET /v1/prompt-2025/count");
    let named = |name: &str| json!({"route": create, "json": {"name": name}});
    for wish in [
        json!({"route": create}),
        json!({"route": create, "times": {"at_least": 1}}),
        json!({"route": create, "times": {"at_most": 2, "at_least": 2}}),
        json!({"route": "GET /v1/prompt-2025/tags", "times": 0}),
        json!({"order": [named("a"), {"route": count}, named("b")], "only": true}),
        json!({"order": [named("a"), named("b")]}),
    ] {
        assert_eq!(assert(wish.clone()).status, 200, "{wish}");
    }
    for (wish, reason) in [
        (
            json!({"route": create, "times": {"at_least": 3}}),
            "called 2 times, expected at least 3 times",
        ),
        (
            json!({"route": create, "times": {"at_most": 1}}),
            "expected at most 1 time",
        ),
        (
            json!({"route": count, "only": true}),
            "2 other calls were made",
        ),
        (
            json!({"order": [named("b"), named("a")]}),
            "no call matches number 2 of the expected order",
        ),
        (
            json!({"order": [named("a")], "only": true}),
            "3 calls were made",
        ),
        (
            json!({"route": create, "json": {"name": "c"}}),
            "name: expected \"c\", found \"a\"",
        ),
        (json!({"route": create, "times": 1}), "sent {\"name\":\"a\""),
    ] {
        let (status, text) = assert(wish.clone()).refusal();
        assert!(status == 409 && text.contains(reason), "{wish}: {text}");
    }
    for wish in [
        json!({}),
        json!({"route": create, "order": []}),
        json!({"order": [], "times": 1}),
    ] {
        assert_eq!(assert(wish).refusal().0, 400);
    }
    fake.assert_called(create, 1..);
    fake.assert_called(create, ..=2);
    fake.assert_called_in_order(&[create, count, create]);
}

#[test]
fn each_world_has_prompts_faults_calls_and_a_clock_of_its_own() {
    let fake = Fake::options()
        .fixtures(fixtures())
        .key("one")
        .key("two")
        .start()
        .unwrap();
    let (one, two) = (Client::of(&fake), Client::new(fake.url(), "two"));
    let made = one.post("/__promptbook/worlds", &json!({})).data();
    assert_eq!(made["url"], fake.url());
    let three = Client::new(fake.url(), made["key"].as_str().unwrap());
    let four = one
        .post("/__promptbook/worlds", &json!({"key": "four"}))
        .data();
    assert_eq!(four["key"], "four");
    assert_eq!(
        one.post("/__promptbook/worlds", &json!({"key": "two"}))
            .refusal()
            .0,
        409
    );
    let paths: Vec<String> = [&one, &two, &three]
        .iter()
        .map(|client| client.body_path("abc123"))
        .collect();
    one.create("a");
    one.put(
        "/__promptbook/clock",
        &json!({"now": "2030-01-01T00:00:00Z"}),
    );
    one.post(
        "/__promptbook/faults",
        &json!({"kind": "close", "times": null, "route": format!("GET {COUNT}")}),
    );
    for other in [&two, &three] {
        assert_eq!(other.get(COUNT).data(), 1);
        assert!(
            other.get("/__promptbook/clock").data()["now"]
                .as_str()
                .unwrap()
                .starts_with("2025")
        );
        let calls = other.get("/__promptbook/calls").data();
        assert_eq!(calls["calls"].as_array().unwrap().len(), 2);
    }
    assert!(one.send("GET", COUNT, None).is_err());
    // A URL of a body has no key: its signature names the world.
    for (client, path) in [&one, &two, &three].into_iter().zip(&paths) {
        client.post("/__promptbook/reset", &json!({}));
        let strange = Client::new(fake.url(), "unknown");
        assert_eq!(strange.get(path).status, 200);
        let calls = client.get("/__promptbook/calls").data();
        assert_eq!(calls["calls"].as_array().unwrap().len(), 1, "{path}");
    }
    assert_eq!(two.create("x"), three.create("x"), "each is deterministic");
    assert_eq!(three.delete("/__promptbook/worlds").data(), Value::Null);
    assert_eq!(three.get(COUNT).status, 401);
    assert_eq!(one.delete("/__promptbook/worlds").refusal().0, 409);
    let keys = one.get("/__promptbook/worlds").data();
    assert_eq!(keys, json!(["one", "two", "four"]));
}

#[test]
fn the_roots_list_the_routes() {
    let (_fake, client) = start();
    let index = client.get("/").data();
    let routes = index["routes"].as_array().unwrap();
    assert!(routes.contains(&json!("GET /v1/prompt-2025/count")));
    for path in ["/__promptbook", "/__promptbook/"] {
        let listed = client.get(path).data();
        assert!(
            listed["control"]
                .as_array()
                .unwrap()
                .contains(&json!("POST reset"))
        );
        assert!(
            listed["api"]
                .as_array()
                .unwrap()
                .contains(&json!("GET /v1/prompt-2025/count"))
        );
    }
    client.get("/openapi.json");
    assert_eq!(client.get("/__promptbook/calls").data()["calls"], json!([]));
}

/// As `curl -d` sends it.
#[test]
fn control_routes_accept_any_content_type() {
    let (fake, _) = start();
    let authority = fake.url().strip_prefix("http://").unwrap();
    let send = |path: &str| {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(authority).unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: {authority}\r\nhelicone-auth: Bearer {}\r\nconnection: close\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: 17\r\n\r\n{{\"kind\": \"close\"}}",
            fake.key()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let answer = send("/__promptbook/faults");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    fake.clear_faults();
    // The live service is strict.
    let answer = send("/v1/prompt-2025/query/versions");
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("with curl"),
        "{answer}"
    );
}
