//! Requests that are too large or take too long.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use promptbook::server::{Limits, ServerOptions, StatusMode};

use super::client::Answer;
use super::scene::Scene;

/// Returns the head of a request that creates a prompt, with these headers last.
fn head(scene: &Scene, more: &str) -> String {
    let key = scene.served.authorization();
    format!(
        "POST /v1/prompt-2025 HTTP/1.1\r\nhost: localhost\r\nauthorization: {key}\r\n\
         content-type: application/json\r\n{more}\r\n\r\n"
    )
}

/// Returns a scene whose requests may have at most a kilobyte.
fn small() -> Scene {
    let limits = Limits {
        body_bytes: 1024,
        ..Limits::default()
    };
    Scene::served(&ServerOptions::new().limits(limits))
}

/// Returns the body of a request that creates a prompt, with this size in bytes.
fn of_size(bytes: usize) -> String {
    let (start, end) = (r#"{"name":"n","tags":[],"promptBody":{"a":""#, r#""}}"#);
    format!(
        "{start}{}{end}",
        "x".repeat(bytes - start.len() - end.len())
    )
}

#[test]
fn a_request_beyond_50_mib_is_refused_with_the_limit() {
    let scene = Scene::new(StatusMode::Plain);
    let body = of_size(51 << 20);
    let text = scene
        .served
        .unchanged(|| scene.served.post("/v1/prompt-2025", body))
        .error(413);
    assert_eq!(text, "The request is too large: at most 52428800 bytes");
}

#[test]
fn a_request_may_be_as_large_as_the_limit_and_no_larger() {
    let scene = small();
    let post = |bytes| scene.served.post("/v1/prompt-2025", of_size(bytes));
    assert_eq!(post(1024).status, 201);
    let text = scene.served.unchanged(|| post(1025)).error(413);
    assert_eq!(text, "The request is too large: at most 1024 bytes");
}

#[test]
fn a_chunked_request_has_the_same_limit() {
    let scene = small();
    let chunked = |bytes: usize| {
        let mut request = head(&scene, "transfer-encoding: chunked");
        for chunk in of_size(bytes).as_bytes().chunks(100) {
            let chunk = std::str::from_utf8(chunk).unwrap();
            request.push_str(&format!("{:x}\r\n{chunk}\r\n", chunk.len()));
        }
        scene.served.raw(request + "0\r\n\r\n")
    };
    assert_eq!(chunked(1024).status, 201);
    let text = scene.served.unchanged(|| chunked(1025)).error(413);
    assert!(text.contains("1024 bytes"), "{text}");
}

#[test]
fn a_client_that_sends_too_much_gets_the_reason() {
    // More than the buffers in between hold, so that it is still being sent when it is refused.
    let much = vec![b'x'; 20 << 20];
    let limits = Limits {
        body_bytes: 15 << 20,
        ..Limits::default()
    };
    let strict = Scene::served(&ServerOptions::new().limits(limits));
    let scene = Scene::new(StatusMode::Plain);
    let length = format!("content-length: {}", much.len());
    let sent = |scene: &Scene, head: &str| {
        let mut stream = scene.served.connect();
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&much).unwrap();
        Answer::read(&mut stream).expect("an answer")
    };
    let right = head(&scene, &length);
    for _ in 0..3 {
        sent(&strict, &head(&strict, &length)).error(413);
        sent(&scene, &right.replace("Bearer ", "Bearer x")).error(401);
        sent(&scene, &right.replace("application/json", "text/plain")).error(400);
        sent(&scene, &right.replace("/v1/prompt-2025", "/absent")).error(404);
        sent(&scene, &right.replace("localhost", "evil.example")).error(421);
    }
}

#[test]
fn a_connection_can_be_used_after_a_refused_request() {
    let scene = Scene::new(StatusMode::Plain);
    let mut stream = scene.served.connect();
    let body = of_size(1 << 20);
    let head = head(&scene, &format!("content-length: {}", body.len()));
    for _ in 0..3 {
        let wrong = head.replace("Bearer ", "Bearer x");
        stream.write_all(wrong.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        Answer::read(&mut stream).expect("an answer").error(401);
    }
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let answer = Answer::read(&mut stream).expect("an answer");
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn an_incomplete_refused_request_does_not_delay_the_stop() {
    let scene = Scene::new(StatusMode::Plain);
    let mut stream = scene.served.connect();
    let head = head(&scene, "content-length: 100").replace("Bearer ", "Bearer x");
    stream.write_all(head.as_bytes()).unwrap();
    Answer::read(&mut stream).expect("an answer").error(401);
    let started = Instant::now();
    drop(scene);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_head_that_does_not_end_in_time_ends_its_connection() {
    let limits = Limits {
        header_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    for start in [
        "",
        "GET /healthz HTTP/1.1\r\n",
        "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx: ",
    ] {
        let mut stream = scene.served.connect();
        stream.write_all(start.as_bytes()).unwrap();
        let started = Instant::now();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        let took = started.elapsed();
        assert!(
            (100..10_000).contains(&took.as_millis()),
            "{start:?}: {took:?}"
        );
    }
    scene.served.get("/v1/prompt-2025/count").data();
}

#[test]
fn a_body_that_does_not_end_in_time_is_answered_with_a_timeout() {
    let limits = Limits {
        body_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    let whole = of_size(100);
    for sent in ["", &whole[..99]] {
        let mut stream = scene.served.connect();
        stream
            .write_all(head(&scene, "content-length: 100").as_bytes())
            .unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        let answer = scene
            .served
            .unchanged(|| Answer::read(&mut stream).expect("an answer"));
        assert_eq!(answer.error(408), "The request's body took too long");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "bytes follow the answer");
    }
    assert_eq!(scene.served.post("/v1/prompt-2025", whole).status, 201);
}

#[test]
fn the_timeout_of_a_body_covers_all_its_parts() {
    let limits = Limits {
        body_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    let mut stream = scene.served.connect();
    stream
        .write_all(head(&scene, "content-length: 1000").as_bytes())
        .unwrap();
    let started = Instant::now();
    for byte in of_size(1000).bytes() {
        if stream.write_all(&[byte]).is_err() || started.elapsed() > Duration::from_millis(600) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Answer::read(&mut stream).expect("an answer").error(408);
}

#[test]
fn a_slow_client_gets_the_complete_answer() {
    let limits = Limits {
        header_time: Duration::from_millis(150),
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    // More than the buffers in between hold.
    let size = 30 << 20;
    let made = scene.served.post("/v1/prompt-2025", of_size(size)).data();
    let version = made["versionId"].as_str().unwrap();
    let mut stream = scene.served.connect();
    let head = format!(
        "GET /v1/prompt-2025/{version}/prompt-body HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\r\n",
        scene.served.authorization()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let (mut part, mut read) = (vec![0; 1 << 20], 0);
    let most = size - 100;
    while read < most {
        let more = stream.read(&mut part).unwrap_or_default();
        assert_ne!(more, 0, "the answer was cut off after {read} bytes");
        read += more;
        std::thread::sleep(Duration::from_millis(20) * u32::try_from(more).unwrap() / (1 << 20));
    }
}

#[test]
fn maximal_limits_are_accepted() {
    let (connections, body_bytes, memory_bytes) = (usize::MAX, usize::MAX, usize::MAX);
    let limits = Limits {
        body_bytes,
        header_time: Duration::MAX,
        body_time: Duration::MAX,
        connections,
        memory_bytes,
        stop_time: Duration::MAX,
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    assert_eq!(
        scene.served.post("/v1/prompt-2025", of_size(100)).status,
        201
    );
    assert_eq!(scene.served.get("/v1/prompt-2025/count").data(), 3);
}

/// hyper answers these requests itself.
#[test]
fn a_head_that_cannot_be_read_is_answered_with_the_envelope() {
    let scene = Scene::new(StatusMode::Live);
    let headers: String = (0..200).map(|at| format!("x-{at}: 1\r\n")).collect();
    for (request, status) in [
        (
            format!("GET /healthz HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n"),
            431,
        ),
        (format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), 414),
        ("GET /\u{1}x HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("no request\r\n\r\n".to_owned(), 400),
    ] {
        let answer = scene.served.raw(request);
        assert!(!answer.error(status).is_empty());
        assert_eq!(answer.header("connection"), Some("close"));
    }
}
