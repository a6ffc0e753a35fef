//! Clients that close the connection early: their requests are executed entirely or not at all.

use std::io::Write;
use std::time::{Duration, Instant};

use promptbook::server::{ServerOptions, StatusMode};

use super::client::Answer;
use super::scene::Scene;

/// Returns an update that also moves an environment, as the bytes of a complete request.
fn update(scene: &Scene) -> Vec<u8> {
    let body = format!(
        r#"{{"promptId":"{}","promptVersionId":"{}","newMajorVersion":true,"commitMessage":"m","promptBody":{{"model":"x"}},"environment":"staging"}}"#,
        scene.prompt, scene.first
    );
    let head = format!(
        "POST /v1/prompt-2025/update HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        scene.served.authorization(),
        body.len(),
    );
    (head + &body).into_bytes()
}

fn versions(scene: &Scene) -> usize {
    let all = scene
        .served
        .store
        .versions(scene.prompt)
        .page(None, usize::MAX);
    all.unwrap().len()
}

#[test]
fn a_request_that_is_cut_off_anywhere_does_nothing() {
    let scene = Scene::new(StatusMode::Plain);
    let request = update(&scene);
    scene.served.unchanged(|| {
        for cut in 0..request.len() {
            let mut stream = scene.served.connect();
            stream.write_all(&request[..cut]).unwrap();
            drop(stream);
        }
        // By the time of this answer, the last of them were read, or they will never be complete.
        scene.served.get("/v1/prompt-2025/count").data();
        std::thread::sleep(Duration::from_millis(100));
    });
    assert_eq!(
        scene.served.raw(&request).status,
        200,
        "the server fails afterwards"
    );
}

#[test]
fn a_request_whose_client_disconnects_is_executed_entirely_or_not_at_all() {
    let place = tempfile::tempdir().unwrap();
    let store = promptbook::Store::create(place.path()).unwrap();
    let scene = Scene::of(store, &ServerOptions::new());
    let request = update(&scene);
    let before = versions(&scene);
    for pause in 0..40 {
        let mut stream = scene.served.connect();
        stream.write_all(&request).unwrap();
        std::thread::sleep(Duration::from_micros(50 * pause));
        drop(stream);
    }
    // Requests that have begun continue to their end, so wait until nothing changes any more.
    let started = Instant::now();
    let mut seen = versions(&scene);
    loop {
        std::thread::sleep(Duration::from_millis(200));
        let now = versions(&scene);
        if now == seen {
            break;
        }
        seen = now;
        assert!(started.elapsed() < Duration::from_secs(20));
    }
    assert!(seen > before, "no request was executed");
    let store = &scene.served.store;
    let head = store.version("greeting@latest").unwrap();
    let staging = store.version("greeting@staging").unwrap();
    assert_eq!(
        staging.id, head.id,
        "the environment did not move with its version"
    );
    assert!(store.verify().unwrap().is_clean());
    assert_eq!(
        scene.served.raw(&request).status,
        200,
        "the server fails afterwards"
    );
}

#[test]
fn an_answer_that_is_not_read_delays_no_other_client() {
    let scene = Scene::new(StatusMode::Plain);
    let body = format!(r#"{{"text":"{}"}}"#, "x".repeat(1 << 20));
    let new = format!(r#"{{"name":"large","tags":[],"promptBody":{body}}}"#);
    let made = scene.served.post("/v1/prompt-2025", new).data();
    let ask = format!(
        "GET /v1/prompt-2025/{}/prompt-body HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\r\n",
        made["versionId"].as_str().unwrap(),
        scene.served.authorization(),
    );
    let mut streams: Vec<_> = (0..50).map(|_| scene.served.connect()).collect();
    for stream in &mut streams {
        stream.write_all(ask.as_bytes()).unwrap();
    }
    streams.truncate(25);
    let answer = Answer::read(&mut streams[0]).expect("an answer");
    assert_eq!(answer.status, 200);
    scene.served.get("/v1/prompt-2025/count").data();
}
