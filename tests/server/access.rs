//! Access: requests need the key, and a host name that is served.

use promptbook::Store;
use promptbook::server::{Server, ServerError, ServerOptions, StatusMode};

use super::client::Answer;
use super::scene::{Request, Scene};

/// Sends a valid request with these headers only.
fn send(scene: &Scene, request: &Request, headers: &[(&str, String)]) -> Answer {
    let json = ("content-type", "application/json".to_owned());
    let mut headers = headers.to_vec();
    let body = request
        .body
        .as_ref()
        .map(|body| body.to_string().into_bytes());
    if body.is_some() {
        headers.push(json);
    }
    scene
        .served
        .send_with(request.method, &request.path, &headers, body)
}

#[test]
fn without_a_known_key_no_route_answers() {
    for status in [StatusMode::Plain, StatusMode::Live] {
        let scene = Scene::new(status);
        let key = scene.served.running.key().to_owned();
        let right = ("authorization", format!("Bearer {key}"));
        let one = |value: String| vec![("authorization", value)];
        let refused = [
            vec![],
            one(String::new()),
            one("Bearer".into()),
            one("Bearer wrong".into()),
            one(format!("Bearer {key}x")),
            one(format!("Bearer {}", &key[..key.len() - 1])),
            one(format!("Bearer {}", key.to_uppercase())),
            one(format!("Basic {key}")),
            one(key.clone()),
            vec![right.clone(), right.clone()],
            vec![right.clone(), ("authorization", "Bearer wrong".into())],
            vec![("helicone-auth", "Bearer wrong".into())],
            vec![("helicone-auth", format!("Bearer {key}x")), right.clone()],
        ];
        for request in scene.requests() {
            for headers in &refused {
                let answer = scene.served.unchanged(|| send(&scene, &request, headers));
                let text = answer.error(401);
                assert!(text.contains("key") || text.contains("Bearer"), "{text}");
                assert!(!answer.text.contains(&key));
            }
        }
    }
}

/// Requests by Helicone's proxies carry the provider's key in `Authorization`.
#[test]
fn the_key_may_be_in_helicone_auth() {
    let scene = Scene::new(StatusMode::Live);
    let key = ("helicone-auth", scene.served.authorization());
    let others = ("authorization", "Bearer of the provider".to_owned());
    for headers in [&[key.clone()][..], &[others, key]] {
        let answer = scene
            .served
            .send_with("GET", "/v1/prompt-2025/count", headers, None);
        assert_eq!(answer.status, 200);
    }
}

#[test]
fn every_configured_key_is_accepted() {
    let options = ServerOptions::new().key("one").key("two");
    let scene = Scene::served(&options);
    assert_eq!(scene.served.running.key(), "one");
    let count = &scene.requests()[12];
    for key in ["one", "two"] {
        send(&scene, count, &[("authorization", format!("bearer {key}"))]).data();
    }
    let other = send(&scene, count, &[("authorization", "Bearer three".into())]);
    other.error(401);
}

#[test]
fn health_and_description_need_no_key() {
    let scene = Scene::new(StatusMode::Plain);
    let health = scene.served.send_with("GET", "/healthz", &[], None);
    assert_eq!(
        (health.status, health.text.as_str()),
        (200, r#"{"status":"ok"}"#)
    );
    let described = scene.served.send_with("GET", "/openapi.json", &[], None);
    assert_eq!(described.status, 200);
}

/// Load balancers check the health by HTTP/1.0, which needs no `Host`.
#[test]
fn the_health_needs_no_host_in_http_1_0() {
    let scene = Scene::new(StatusMode::Plain);
    let ask = |path: &str, version: &str, host: &str| {
        let served = &scene.served;
        served
            .raw(format!("GET {path} HTTP/{version}\r\n{host}\r\n"))
            .status
    };
    assert_eq!(ask("/healthz", "1.0", ""), 200);
    assert_eq!(ask("/healthz", "1.0", "host: evil.example\r\n"), 421);
    assert_eq!(ask("/healthz", "1.1", ""), 421);
    assert_eq!(ask("/openapi.json", "1.0", ""), 421);
}

/// Requests a target with these header lines for `Host`.
fn ask(scene: &Scene, method: &str, target: &str, host: &str) -> Answer {
    scene.served.raw(format!(
        "{method} {target} HTTP/1.1\r\n{host}authorization: {}\r\ncontent-length: 0\r\n\r\n",
        scene.served.authorization()
    ))
}

fn asked_for(scene: &Scene, host: &str) -> u16 {
    let host = format!("host: {host}\r\n");
    ask(scene, "GET", "/v1/prompt-2025/count", &host).status
}

#[test]
fn a_request_for_another_host_is_refused_and_changes_nothing() {
    let scene = Scene::new(StatusMode::Live);
    let path = format!("/v1/prompt-2025/{}", scene.prompt);
    let elsewhere = format!("http://evil.example{path}");
    let local = "host: localhost\r\n";
    for (target, host) in [
        (&path, "host: evil.example\r\n"),
        (&path, "host: evil.example:80\r\n"),
        (&path, "host: localhost.evil.example\r\n"),
        (&path, "host: 127.0.0.1.evil.example\r\n"),
        (&path, "host: localhost@evil.example\r\n"),
        (&path, "host: \r\n"),
        (&path, "host: a b\r\n"),
        (&path, "host: localhost\r\nhost: evil.example\r\n"),
        (&path, "host: evil.example\r\nhost: localhost\r\n"),
        (&path, ""),
        (&elsewhere, local),
        (&elsewhere, "host: evil.example\r\n"),
    ] {
        let answer = scene
            .served
            .unchanged(|| ask(&scene, "DELETE", target, host));
        answer.error(421);
    }
    // Routes that need no key refuse such hosts too.
    for path in ["/healthz", "/openapi.json", "/prompt-bodies/x", "/absent"] {
        for host in ["evil.example", "me@localhost"] {
            ask(&scene, "GET", path, &format!("host: {host}\r\n")).error(421);
        }
    }
    let here = format!("http://localhost{path}");
    ask(&scene, "DELETE", &here, local).data();
    assert!(scene.served.store.prompt(scene.prompt).is_err());
}

#[test]
fn addresses_and_localhost_are_answered_at_any_port() {
    let scene = Scene::new(StatusMode::Plain);
    for host in [
        "127.0.0.1",
        "127.0.0.1:1",
        "192.0.2.1:80",
        "[::1]",
        "[2001:db8::1]:8585",
        "localhost",
        "LocalHost:1234",
    ] {
        assert_eq!(asked_for(&scene, host), 200, "{host}");
    }
}

#[test]
fn configured_host_names_are_answered() {
    let options = ServerOptions::new()
        .host("Prompts.Local")
        .public_url("https://prompts.example");
    let scene = Scene::served(&options);
    for host in ["prompts.local", "PROMPTS.local:80", "prompts.example"] {
        assert_eq!(asked_for(&scene, host), 200, "{host}");
    }
    assert_eq!(asked_for(&scene, "more.prompts.local"), 421);
    assert_eq!(asked_for(&scene, "local"), 421);
}

fn bind(options: &ServerOptions, address: &str) -> Result<Server, ServerError> {
    Server::bind(Store::in_memory().unwrap(), options, address)
}

#[test]
fn a_public_address_requires_a_key() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        match bind(&ServerOptions::new(), address) {
            Err(ServerError::KeyNeeded { .. }) => {}
            // A machine may have no IPv6 address.
            Err(ServerError::Listen { .. }) if address.starts_with('[') => continue,
            other => panic!("{other:?}"),
        }
        let server = bind(&ServerOptions::new().key("k"), address).unwrap();
        let host = server.url().rsplit_once(':').unwrap().0;
        assert!(
            ["http://127.0.0.1", "http://[::1]"].contains(&host),
            "{host}"
        );
    }
}

#[test]
fn invalid_options_are_refused() {
    let new = ServerOptions::new;
    for (options, named) in [
        (new().key(" "), "key"),
        (new().key("one\n"), "key"),
        (new().key("on\u{7f}e"), "key"),
        (new().host("a b"), "host"),
        (new().host(""), "host"),
        (new().host("prompts.example:80"), "host"),
        (new().host("me@prompts.example"), "host"),
        (new().host("*"), "host"),
        (
            new().public_url("https://prompts.example/#top"),
            "public URL",
        ),
        (new().public_url("https://me@prompts.example"), "public URL"),
        (new().public_url("prompts.example"), "public URL"),
        (new().public_url("ftp://prompts.example"), "public URL"),
        (
            new().public_url("https://prompts.example/path"),
            "public URL",
        ),
        (new().allow_origin("app.example"), "origin"),
        (new().allow_origin("https://app.example/"), "origin"),
        (new().allow_origin("*"), "origin"),
        (new().allow_header("baggage"), "header"),
        (
            new()
                .allow_origin("https://app.example")
                .allow_header("a b"),
            "header",
        ),
    ] {
        match bind(&options, "127.0.0.1:0") {
            Err(ServerError::Option { option, .. }) => assert_eq!(option, named),
            other => panic!("{options:?}: {other:?}"),
        }
    }
}

#[test]
fn an_address_in_use_is_reported() {
    let first = bind(&ServerOptions::new(), "127.0.0.1:0").unwrap();
    let address = first.address().to_string();
    match bind(&ServerOptions::new(), &address) {
        Err(ServerError::Listen { address: told, .. }) => assert_eq!(told, address),
        other => panic!("{other:?}"),
    }
}
