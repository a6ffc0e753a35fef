//! Each fault, on a route of the API and on the URL of a body.

use std::io::ErrorKind;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use promptbook::server::fake::{Fake, Fault};
use serde_json::json;

use crate::support::{COUNT, Client, fixtures};

const COUNT_ROUTE: &str = "GET /v1/prompt-2025/count";
const BODY_ROUTE: &str = "GET /prompt-bodies/{promptVersionId}";

/// Returns a fake and the two calls that fail, each with its route's name and its path.
fn fake() -> (Fake, Client, [(&'static str, String); 2]) {
    let fake = Fake::options().fixtures(fixtures()).start().unwrap();
    let client = Client::of(&fake);
    let body = client.body_path("abc123");
    (
        fake,
        client,
        [(COUNT_ROUTE, COUNT.into()), (BODY_ROUTE, body)],
    )
}

#[test]
fn a_call_fails_the_scripted_number_of_times() {
    let (fake, client, calls) = fake();
    for (route, path) in calls {
        let fault = Fault::fail(503, "Try \"again\"").on(route).times(2);
        fake.fault(fault).unwrap();
        assert_eq!(client.get("/v1/prompt-2025/tags").status, 200);
        for _ in 0..2 {
            let refusal = client.get(&path).refusal();
            assert_eq!(refusal, (503, "Try \"again\"".into()));
        }
        assert_eq!(client.get(&path).status, 200);
    }
}

#[test]
fn a_call_is_delayed() {
    let (fake, client, calls) = fake();
    for (route, path) in calls {
        let delay = Duration::from_millis(150);
        fake.fault(Fault::delay(delay).on(route)).unwrap();
        let started = Instant::now();
        assert_eq!(client.get(&path).status, 200);
        assert!(started.elapsed() >= delay);
    }
}

#[test]
fn a_connection_is_closed_without_an_answer() {
    let (fake, client, calls) = fake();
    for (route, path) in calls {
        fake.fault(Fault::close().on(route)).unwrap();
        let error = client.send("GET", &path, None).unwrap_err();
        let closed = [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset];
        assert!(closed.contains(&error.kind()), "{error}");
        assert_eq!(client.get(&path).status, 200);
    }
}

#[test]
fn a_body_is_cut_short() {
    let (fake, client, calls) = fake();
    for (route, path) in calls {
        fake.fault(Fault::cut().on(route)).unwrap();
        let short = client.get(&path);
        let whole = client.get(&path);
        assert_eq!(short.status, 200);
        assert_eq!(short.body, whole.body[..whole.body.len() / 2]);
        let length = whole.body.len().to_string();
        assert_eq!(short.header("content-length"), Some(&*length));
    }
}

#[test]
fn a_large_body_is_cut_short_too() {
    let fake = Fake::start().unwrap();
    let client = Client::of(&fake);
    let text = "x".repeat(4_000_000);
    let new = json!({"name": "large", "tags": [], "promptBody": {"text": text}});
    let created = client.post("/v1/prompt-2025", &new).data();
    let path = client.body_path(created["id"].as_str().unwrap());
    fake.fault(Fault::cut()).unwrap();
    assert!(client.get(&path).body.len() <= 2_000_010);
    // The request was executed: a refusal is cut off like any other answer.
    fake.fault(Fault::cut()).unwrap();
    assert_eq!(client.get("/v1/prompt-2025/id/nobody").status, 500);
}

#[test]
fn a_call_without_an_answer_delays_no_other() {
    let (fake, client, calls) = fake();
    for (route, path) in calls {
        fake.fault(Fault::timeout().on(route)).unwrap();
        let mut stream = hung(&fake, &path);
        assert_eq!(client.get(&path).status, 200, "others are");
        fake.reset().unwrap();
        assert_eq!(stream.read(&mut [0]).unwrap(), 0, "a reset lets go of it");
    }
    fake.fault(Fault::timeout()).unwrap();
    let mut stream = hung(&fake, COUNT);
    let started = Instant::now();
    drop(fake);
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "so does the end");
}

/// Makes a call that gets no answer.
fn hung(fake: &Fake, path: &str) -> TcpStream {
    let authority = fake.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    let key = fake.key();
    let request =
        format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nauthorization: Bearer {key}\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let wait = |stream: &TcpStream, time| stream.set_read_timeout(Some(time)).unwrap();
    wait(&stream, Duration::from_millis(100));
    let error = stream.read(&mut [0]).unwrap_err();
    let waited = [ErrorKind::WouldBlock, ErrorKind::TimedOut];
    assert!(waited.contains(&error.kind()), "{error}");
    wait(&stream, Duration::from_secs(5));
    stream
}

#[test]
fn a_fault_without_a_route_applies_to_all_but_the_control_routes() {
    let (fake, client, [_, (_, body)]) = fake();
    fake.fault(Fault::fail(500, "No").always()).unwrap();
    for path in [COUNT, &body, "/nowhere"] {
        assert_eq!(client.get(path).refusal(), (500, "No".into()));
    }
    assert_eq!(client.get("/healthz").status, 200);
    assert_eq!(client.get("/__promptbook/clock").status, 200);
    fake.clear_faults();
    assert_eq!(client.get(COUNT).status, 200);
}

#[test]
fn failing_calls_change_nothing_but_cut_ones_do() {
    let fake = Fake::start().unwrap();
    let client = Client::of(&fake);
    let new = json!({"name": "a", "tags": [], "promptBody": {}});
    fake.fault(Fault::fail(500, "No")).unwrap();
    client.post("/v1/prompt-2025", &new);
    assert_eq!(fake.store().prompts().count().unwrap(), 0);
    fake.fault(Fault::cut().on("POST /v1/prompt-2025/"))
        .unwrap();
    client.post("/v1/prompt-2025/", &new);
    assert_eq!(fake.store().prompts().count().unwrap(), 1);
}

#[test]
fn a_failing_call_has_headers_and_a_body_of_the_tests_choice() {
    let fake = Fake::start().unwrap();
    let client = Client::of(&fake);
    let busy = json!({"error": {"type": "rate_limit"}});
    fake.fault(Fault::fail_json(429, busy.clone()).header("Retry-After", "7"))
        .unwrap();
    let answer = client.get(COUNT);
    assert_eq!((answer.status, answer.json()), (429, busy));
    assert_eq!(answer.header("retry-after"), Some("7"));
    let page = Fault::fail_text(502, "<html>Bad gateway</html>");
    fake.fault(page.header("content-type", "text/html"))
        .unwrap();
    let answer = client.get(COUNT);
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (502, "<html>Bad gateway</html>")
    );
    assert_eq!(answer.header("content-type"), Some("text/html"));
    let fault =
        json!({"kind": "fail", "status": 503, "error": "Later", "headers": {"retry-after": 2}});
    client.post("/__promptbook/faults", &fault);
    let answer = client.get(COUNT);
    assert_eq!(answer.header("retry-after"), Some("2"));
    assert_eq!(answer.refusal(), (503, "Later".into()));
}
