//! Connections: many of them, idle ones, too many, and those that are open when the server stops.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use promptbook::server::{Limits, ServerOptions, StatusMode};
use promptbook::{BumpPolicy, Store, StoreOptions};
use serde_json::json;

use super::client::{Answer, Served};
use super::clients::skip;
use super::scene::Scene;

fn eight_clients_update_one_prompt(store: Store) {
    const EACH: u32 = 12;
    let scene = Scene::of(store, &ServerOptions::new());
    let wish = json!({
        "promptId": scene.prompt, "promptVersionId": scene.first, "newMajorVersion": false,
        "commitMessage": "", "promptBody": {},
    })
    .to_string();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..EACH {
                    scene
                        .served
                        .post("/v1/prompt-2025/update", wish.as_str())
                        .data();
                }
            });
        }
    });
    let store = &scene.served.store;
    let versions = store.versions(scene.prompt).page(None, usize::MAX);
    let numbers: Vec<u32> = versions
        .unwrap()
        .iter()
        .rev()
        .map(|version| version.number.minor)
        .collect();
    let expected: Vec<u32> = (0..8 * EACH + 2).collect();
    assert_eq!(
        numbers, expected,
        "the numbers are not in the order of the commits"
    );
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn eight_clients_get_distinct_numbers_in_memory() {
    let store = StoreOptions::new().policy(BumpPolicy::Free).in_memory();
    eight_clients_update_one_prompt(store.unwrap());
}

#[test]
fn eight_clients_get_distinct_numbers_on_a_disk() {
    let place = tempfile::tempdir().unwrap();
    let store = StoreOptions::new()
        .policy(BumpPolicy::Free)
        .create(place.path());
    eight_clients_update_one_prompt(store.unwrap());
}

#[test]
fn clients_that_create_prompts_concurrently_get_different_ids() {
    let served = Served::new();
    let ids: BTreeSet<String> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let new = r#"{"name":"same","tags":[],"promptBody":{}}"#;
                    let made = served.post("/v1/prompt-2025", new).data();
                    made["id"].as_str().unwrap().to_owned()
                })
            })
            .collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap())
            .collect()
    });
    assert_eq!(ids.len(), 8);
    assert_eq!(served.store.prompts().count().unwrap(), 8);
}

#[test]
fn a_thousand_idle_connections_delay_no_other_client() {
    // The server is in this process, so each connection takes two open files.
    const FILES: usize = 2 * 1000 + 200;
    let file = std::env::current_exe().unwrap();
    let opened: std::io::Result<Vec<File>> = (0..FILES).map(|_| File::open(&file)).collect();
    if let Err(why) = opened {
        return skip(&format!("{FILES} files can't be open at once: {why}"));
    }
    let scene = Scene::new(StatusMode::Plain);
    let idle: Vec<TcpStream> = (0..1000).map(|_| scene.served.connect()).collect();
    for (at, mut stream) in idle.iter().enumerate() {
        // Some are idle after a request, some in the middle of one, some from the start.
        match at % 3 {
            0 => stream
                .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
                .unwrap(),
            1 => stream.write_all(b"GET /healthz HT").unwrap(),
            _ => {}
        }
    }
    let started = Instant::now();
    for _ in 0..50 {
        scene.served.get("/v1/prompt-2025/count").data();
    }
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert_eq!(
        scene
            .served
            .raw("GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
            .status,
        200
    );
}

fn health(stream: &mut TcpStream) -> Option<Answer> {
    stream
        .write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .ok()?;
    Answer::read(stream)
}

#[test]
fn connections_beyond_the_limit_are_refused_until_others_close() {
    let limits = Limits {
        connections: 3,
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    let mut open: Vec<TcpStream> = (0..3).map(|_| scene.served.connect()).collect();
    for stream in &mut open {
        assert_eq!(health(stream).unwrap().status, 200);
    }
    for _ in 0..5 {
        let mut stream = scene.served.connect();
        let answer = health(&mut stream).expect("an answer");
        assert_eq!(answer.error(503), "Too many connections");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.header("retry-after"), Some("1"));
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(rest.is_empty(), "the body is longer than content-length");
    }
    assert_eq!(
        health(&mut open[1]).unwrap().status,
        200,
        "an open connection fails"
    );
    drop(open.pop());
    let started = Instant::now();
    while health(&mut scene.served.connect()).is_none_or(|answer| answer.status != 200) {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "no connection was accepted after one was closed"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_request_in_progress_is_answered_while_the_server_stops() {
    let scene = Scene::new(StatusMode::Plain);
    let new = r#"{"name":"late","tags":[],"promptBody":{}}"#;
    let mut stream = scene.served.connect();
    let head = format!(
        "POST /v1/prompt-2025 HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        scene.served.authorization(),
        new.len(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&new.as_bytes()[..10]).unwrap();
    // Idle connections do not delay the stop.
    let mut idle = [scene.served.connect(), scene.served.connect()];
    assert_eq!(health(&mut idle[0]).unwrap().status, 200);

    let Served {
        store,
        running,
        address,
        ..
    } = scene.served;
    let stopping = std::thread::spawn(move || drop(running));
    let started = Instant::now();
    while TcpStream::connect(address).is_ok() {
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "the server still listens"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(
        !stopping.is_finished(),
        "the stop did not wait for the request"
    );
    stream.write_all(&new.as_bytes()[10..]).unwrap();
    let answer = Answer::read(&mut stream).expect("an answer");
    assert_eq!(answer.status, 201, "{answer:?}");
    assert!(store.prompt("late").is_ok());
    stopping.join().unwrap();
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
}

#[test]
fn a_request_that_does_not_end_delays_the_stop_only_until_its_timeout() {
    let limits = Limits {
        stop_time: Duration::from_millis(200),
        ..Limits::default()
    };
    let scene = Scene::served(&ServerOptions::new().limits(limits));
    let mut stream = scene.served.connect();
    let head = format!(
        "POST /v1/prompt-2025 HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        scene.served.authorization(),
    );
    stream.write_all(head.as_bytes()).unwrap();
    // The answer to another request shows that the server has read the first one by now.
    scene.served.get("/v1/prompt-2025/count").data();
    let started = Instant::now();
    drop(scene.served.running);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(Answer::read(&mut stream).is_none());
}
