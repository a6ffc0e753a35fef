//! Web pages of other origins, which can read nothing unless their origin is allowed.

use promptbook::server::{ServerOptions, StatusMode};

use super::client::Answer;
use super::scene::Scene;

const PAGE: &str = "https://app.example";

fn from(scene: &Scene, method: &str, origin: &str, more: &[(&str, String)]) -> Answer {
    let mut headers = vec![("origin", origin.to_owned())];
    headers.extend_from_slice(more);
    let path = format!("/v1/prompt-2025/{}", scene.prompt);
    scene
        .served
        .unchanged(|| scene.served.send_with(method, &path, &headers, None))
}

fn preflight(scene: &Scene, origin: &str) -> Answer {
    let asked = [
        ("access-control-request-method", "DELETE".to_owned()),
        (
            "access-control-request-headers",
            "authorization,content-type".to_owned(),
        ),
    ];
    from(scene, "OPTIONS", origin, &asked)
}

fn grants(answer: &Answer) -> Vec<&str> {
    let names = answer.headers.keys().map(|name| name.as_str());
    names
        .filter(|name| name.starts_with("access-control-"))
        .collect()
}

#[test]
fn no_origin_is_allowed_by_default() {
    let scene = Scene::new(StatusMode::Plain);
    for origin in [PAGE, "null", "http://localhost:3000"] {
        for answer in [from(&scene, "GET", origin, &[]), preflight(&scene, origin)] {
            assert_eq!(grants(&answer), [""; 0], "{origin}");
        }
    }
}

#[test]
fn an_allowed_origin_reads_answers_and_errors() {
    let scene = Scene::served(&ServerOptions::new().allow_origin(PAGE));
    let key = ("authorization", scene.served.authorization());
    let count = |origin: &str| {
        let headers = [key.clone(), ("origin", origin.to_owned())];
        scene
            .served
            .send_with("GET", "/v1/prompt-2025/count", &headers, None)
    };
    let granted = "access-control-allow-origin";
    assert_eq!(count(PAGE).header(granted), Some(PAGE));
    assert_eq!(
        count(PAGE).header("access-control-expose-headers"),
        Some(
            "etag,helicone-id,promptbook-prompt,promptbook-version,promptbook-number,\
             promptbook-environment"
        )
    );
    let refused = from(&scene, "DELETE", PAGE, &[]);
    refused.error(401);
    assert_eq!(refused.header(granted), Some(PAGE));
    for other in [
        "https://evil.example",
        "http://app.example",
        "https://app.example:81",
        "null",
    ] {
        assert_eq!(count(other).header(granted), None, "{other}");
    }
}

#[test]
fn an_allowed_origin_may_ask_before_it_sends_its_key() {
    let scene = Scene::served(
        &ServerOptions::new()
            .allow_origin("https://other.example")
            .allow_origin(PAGE)
            .allow_header("Traceparent"),
    );
    let answer = preflight(&scene, PAGE);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(PAGE));
    let methods = answer.header("access-control-allow-methods").unwrap();
    for method in ["GET", "POST", "PATCH", "DELETE", "PUT"] {
        assert!(methods.contains(method), "{methods}");
    }
    let headers = answer.header("access-control-allow-headers").unwrap();
    assert_eq!(
        headers.to_lowercase(),
        "authorization,content-type,if-none-match,helicone-auth,traceparent"
    );
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let other = preflight(&scene, "https://evil.example");
    assert_eq!(other.header("access-control-allow-origin"), None);
}
