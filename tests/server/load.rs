//! Overload: the server answers as many requests as it can, and answers the others that it is busy.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use promptbook::server::{Limits, ServerOptions, StatusMode};
use promptbook::{BumpPolicy, NewPrompt, Store, StoreOptions};
use serde_json::json;

use super::client::Answer;
use super::scene::Scene;

const MIB: usize = 1024 * 1024;

/// Returns the bytes of a request that creates a prompt.
fn create(scene: &Scene, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /v1/prompt-2025 HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        scene.served.authorization(),
        body.len(),
    );
    (head + body).into_bytes()
}

fn of_size(bytes: usize) -> String {
    let text = "x".repeat(bytes);
    format!(r#"{{"name":"n","tags":[],"promptBody":{{"a":"{text}"}}}}"#)
}

#[test]
fn reads_succeed_while_hundreds_of_abandoned_writes_wait() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .create(&path)
        .unwrap();
    let scene = Scene::of(store, &ServerOptions::new());
    let (held, holding) = channel();
    let (release, released) = channel::<()>();
    std::thread::scope(|scope| {
        let path = &path;
        scope.spawn(move || {
            let other = Store::open(path).unwrap();
            let kept = other.batch(|batch| {
                batch.create_prompt(NewPrompt::new("held", "{}"))?;
                held.send(()).unwrap();
                // Holds the lock until the test releases it or has failed.
                let _ = released.recv();
                Ok(())
            });
            kept.unwrap();
        });
        holding.recv().unwrap();
        let request = create(&scene, r#"{"name":"late","tags":[],"promptBody":{}}"#);
        for _ in 0..10 {
            let mut clients: Vec<TcpStream> = (0..70).map(|_| scene.served.connect()).collect();
            for client in &mut clients {
                client.write_all(&request).unwrap();
            }
            // Most of the requests are waiting for the lock when their clients disconnect.
            std::thread::sleep(Duration::from_millis(50));
        }
        let started = Instant::now();
        assert_eq!(scene.served.get("/healthz").status, 200);
        let list = json!({"promptId": scene.prompt}).to_string();
        scene
            .served
            .post("/v1/prompt-2025/query/versions", &*list)
            .data();
        scene
            .served
            .post("/v1/prompt-2025/query/production-version", &*list)
            .data();
        let body = format!("/v1/prompt-2025/{}/prompt-body", scene.first);
        scene.served.get(&body).data();
        let took = started.elapsed();
        drop(release);
        assert!(took < Duration::from_secs(5), "{took:?}");
    });
    // The requests that had begun have ended, and the next one succeeds as usual.
    assert_eq!(scene.served.raw(create(&scene, &of_size(10))).status, 201);
}

#[test]
fn a_body_of_too_many_values_is_refused_with_the_limit() {
    let scene = Scene::new(StatusMode::Plain);
    let most = promptbook::Body::MAX_VALUES;
    let of_values = |values: usize| {
        // The object and its list are two values.
        let list = "0,".repeat(values - 3) + "0";
        format!(r#"{{"name":"n","tags":[],"promptBody":{{"a":[{list}]}}}}"#)
    };
    let text = scene
        .served
        .unchanged(|| scene.served.post("/v1/prompt-2025", of_values(most + 1)))
        .error(400);
    assert_eq!(
        text,
        "promptBody: it has 1000001 values, the limit is 1000000"
    );
    assert_eq!(
        scene.served.post("/v1/prompt-2025", of_values(most)).status,
        201
    );
}

/// Returns a scene in which bodies and answers in progress may take a mebibyte.
fn narrow() -> Scene {
    let limits = Limits {
        memory_bytes: 3 * MIB,
        ..Limits::default()
    };
    Scene::served(&ServerOptions::new().limits(limits))
}

/// Checks that the answer asks the client to come back later.
#[track_caller]
fn is_busy(answer: &Answer) {
    let text = answer.error(503);
    assert_eq!(
        text,
        "The server is busy with other large requests; try again"
    );
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[test]
fn the_total_size_of_received_bodies_is_bounded() {
    let scene = narrow();
    let large = create(&scene, &of_size(700 * 1024));
    let started = Instant::now();
    // Repeat until the server has read the slow request before the other one. If both come at the
    // same time, it may refuse either.
    let mut slow = loop {
        let mut slow = scene.served.connect();
        slow.write_all(&large[..large.len() - 1]).unwrap();
        thread::sleep(Duration::from_millis(50));
        let answer = scene.served.raw(&large);
        if answer.status == 503 {
            is_busy(&answer);
            break slow;
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "the server was never busy"
        );
    };
    for _ in 0..3 {
        assert_eq!(
            scene.served.raw(create(&scene, &of_size(60_000))).status,
            201
        );
        is_busy(&scene.served.raw(&large));
    }
    slow.write_all(&large[large.len() - 1..]).unwrap();
    assert_eq!(Answer::read(&mut slow).expect("an answer").status, 201);
    assert_eq!(
        scene.served.raw(&large).status,
        201,
        "the memory of the slow request was not released"
    );
    // A request that exceeds the whole limit is served if it is alone.
    let huge = scene.served.raw(create(&scene, &of_size(10 * MIB)));
    assert_eq!(huge.status, 201, "{huge:?}");
}

#[test]
fn the_total_size_of_unread_answers_is_bounded() {
    let scene = narrow();
    // More than the buffers in between hold.
    let made = scene
        .served
        .post("/v1/prompt-2025", of_size(40 * MIB))
        .data();
    let version = made["versionId"].as_str().unwrap();
    let query = json!({"promptVersionId": version}).to_string();
    let signed = scene
        .served
        .post("/v1/prompt-2025/query/version", &*query)
        .data();
    let (_, signed) = signed["s3_url"]
        .as_str()
        .unwrap()
        .split_once("/prompt-bodies")
        .unwrap();
    let ask = |path: &str| {
        let key = scene.served.authorization();
        format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: {key}\r\n\r\n")
    };
    for path in [
        ask(&format!("/v1/prompt-2025/{version}/prompt-body")),
        ask(&format!("/prompt-bodies{signed}")),
        format!(
            "POST /v2/prompt-2025/query/version HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{query}",
            scene.served.authorization(),
            query.len(),
        ),
    ] {
        let mut reading = scene.served.connect();
        reading.write_all(path.as_bytes()).unwrap();
        let mut start = [0; 12];
        reading.read_exact(&mut start).unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
        is_busy(&scene.served.raw(&path));
        scene
            .served
            .post("/v1/prompt-2025/query/version", &*query)
            .data();
        drop(reading);
        let started = Instant::now();
        while scene.served.raw(&path).status != 200 {
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "the memory of the dropped answer was not released"
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn idle_connections_are_closed_for_new_ones_and_those_without_a_key_first() {
    let limits = Limits {
        connections: 4,
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    let ask = format!(
        "GET /v1/prompt-2025/count HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\r\n",
        scene.served.authorization()
    );
    let asked = |stream: &mut TcpStream| {
        stream.write_all(ask.as_bytes()).ok()?;
        Answer::read(stream).map(|answer| answer.status)
    };
    let mut with_key = scene.served.connect();
    assert_eq!(asked(&mut with_key), Some(200));
    let mut idle: Vec<TcpStream> = (0..3).map(|_| scene.served.connect()).collect();
    idle[1]
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n")
        .unwrap();
    std::thread::sleep(Duration::from_secs(3));
    // Each takes the place of an idle connection immediately.
    let mut others: Vec<TcpStream> = (0..3).map(|_| scene.served.connect()).collect();
    for stream in &mut others {
        assert_eq!(asked(stream), Some(200));
    }
    for stream in &mut idle {
        assert!(
            matches!(stream.read(&mut [0]), Ok(0) | Err(_)),
            "the connection was closed"
        );
    }
    assert_eq!(
        asked(&mut with_key),
        Some(200),
        "a connection with a key was closed"
    );
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(
        asked(&mut scene.served.connect()),
        Some(200),
        "not exactly one idle connection with a key was closed"
    );
}
