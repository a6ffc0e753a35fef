//! Requests for models that the server forwards to an upstream.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use promptbook::server::{Limits, ServerOptions, StatusMode};
use serde_json::{Value, json};

use super::client::Answer;
use super::scene::Scene;
use super::upstream_server::{ScriptedUpstream, begin_stream, wait_for_close, write_chunk};

const CHAT: &str = "/v1/chat/completions";

const UPSTREAM_KEY: &str = "sk-of-the-upstream";

/// Returns a scene whose server has an upstream.
fn scene(upstream: &ScriptedUpstream) -> Scene {
    Scene::served(&options(upstream))
}

fn options(upstream: &ScriptedUpstream) -> ServerOptions {
    ServerOptions::new()
        .upstream(&upstream.url)
        .upstream_key(UPSTREAM_KEY)
}

fn request(scene: &Scene) -> Value {
    json!({"prompt_id": scene.prompt, "environment": "staging", "inputs": {"name": "Ada"}})
}

/// Sends a request for a stream, and returns the connection.
fn begin(scene: &Scene) -> TcpStream {
    let mut body = request(scene);
    body["stream"] = true.into();
    let body = body.to_string();
    let head = format!(
        "POST {CHAT} HTTP/1.1\r\nhost: localhost\r\nauthorization: {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        scene.served.authorization(),
        body.len(),
    );
    let mut stream = scene.served.connect();
    stream.write_all((head + &body).as_bytes()).unwrap();
    stream
}

/// Reads until what was read ends with a text.
fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !bytes.ends_with(end.as_bytes()) {
        let count = stream.read(&mut buffer).unwrap();
        assert!(
            count > 0,
            "it ended with {}",
            String::from_utf8_lossy(&bytes)
        );
        bytes.extend_from_slice(&buffer[..count]);
    }
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_merged_request_is_forwarded_and_its_answer_returned() {
    let upstream = ScriptedUpstream::with_json(200, &json!({"object": "chat.completion"}));
    let scene = scene(&upstream);
    let answer = scene.served.post(CHAT, request(&scene).to_string());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json(), json!({"object": "chat.completion"}));
    let (prompt, version) = (scene.prompt.to_string(), scene.second.to_string());
    for (name, value) in [
        ("promptbook-prompt", prompt.as_str()),
        ("promptbook-version", &version),
        ("promptbook-number", "1.1"),
        ("promptbook-environment", "staging"),
        ("content-type", "application/json"),
        ("retry-after", "3"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
    assert_eq!(answer.header("set-cookie"), None);
    assert!(answer.header("helicone-id").is_some());

    let received = upstream.received();
    let head = &received[0].head;
    assert!(
        head.starts_with("post /v1/chat/completions http/1.1"),
        "{head}"
    );
    assert!(
        head.contains(&format!("authorization: bearer {UPSTREAM_KEY}")),
        "{head}"
    );
    assert!(!head.contains(scene.served.running.key()), "{head}");
    let merged = json!({
        "model": "gpt-4o", "messages": [{"role": "user", "content": "Hello Ada"}],
    });
    assert_eq!(received[0].json, merged);

    scene
        .served
        .post("/v1/responses", request(&scene).to_string());
    let received = upstream.received();
    assert!(received[1].head.starts_with("post /v1/responses "));
    let merged = json!({
        "model": "gpt-4o", "input": [{"role": "user", "content": "Hello Ada"}],
    });
    assert_eq!(received[1].json, merged);
}

#[test]
fn without_an_upstream_requests_are_not_implemented() {
    let scene = Scene::new(StatusMode::Plain);
    for path in [
        CHAT,
        "/chat/completions",
        "/ai/chat/completions",
        "/v1/responses",
    ] {
        let answer = scene.served.post(path, request(&scene).to_string());
        assert_eq!(answer.status, 501);
        let text = "This server answers no requests for models: start it with --upstream URL";
        assert_eq!(answer.json(), json!({"error": text}));
    }
    let key = "bearer wrong".to_owned();
    let answer = scene
        .served
        .send_with("POST", CHAT, &[("authorization", key)], None);
    assert_eq!(answer.status, 401);
}

#[test]
fn plain_statuses_say_what_is_unknown() {
    let upstream = ScriptedUpstream::with_json(200, &json!({}));
    let scene = scene(&upstream);
    let mut of_nowhere = request(&scene);
    of_nowhere["environment"] = "nowhere".into();
    let answer = scene.served.post(CHAT, of_nowhere.to_string());
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("nowhere"), "{answer:?}");
    assert_eq!(upstream.received().len(), 0);
}

#[test]
fn many_streams_at_once_are_passed_on_without_a_buffer() {
    const STREAMS: usize = 64;
    let (release, released) = channel::<()>();
    let (released, all) = (Mutex::new(released), Arc::new(Barrier::new(STREAMS)));
    let waits = Arc::clone(&all);
    let upstream = ScriptedUpstream::new(move |request, stream| {
        assert_eq!(request.json["stream_options"]["include_usage"], true);
        begin_stream(stream);
        write_chunk(stream, "data: {\"first\": 1}\n\n");
        // No stream ends before each client has received its first event.
        waits.wait();
        let _ = released.lock().unwrap().recv();
        write_chunk(stream, "data: {\"second\": 2}\n\ndata: [DONE]\n\n");
        write_chunk(stream, "");
    });
    let scene = scene(&upstream);
    let mut clients: Vec<TcpStream> = (0..STREAMS).map(|_| begin(&scene)).collect();
    for client in &mut clients {
        let head = read_until(client, "data: {\"first\": 1}\n\n\r\n");
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains("promptbook-number: 1.1\r\n"), "{head}");
    }
    drop(release);
    for client in &mut clients {
        read_until(
            client,
            "data: {\"second\": 2}\n\ndata: [DONE]\n\n\r\n0\r\n\r\n",
        );
    }
    assert_eq!(upstream.received().len(), STREAMS);
}

#[test]
fn a_client_that_hangs_up_cancels_the_request() {
    let (cancelled, cancels) = channel();
    let cancelled = Mutex::new(cancelled);
    let begins = Arc::new(Mutex::new(true));
    let begin_answers = Arc::clone(&begins);
    let upstream = ScriptedUpstream::new(move |_, stream| {
        if *begin_answers.lock().unwrap() {
            begin_stream(stream);
            write_chunk(stream, "data: {}\n\n");
        }
        let closed = wait_for_close(stream);
        cancelled.lock().unwrap().send(closed).unwrap();
    });
    let scene = scene(&upstream);
    let mut client = begin(&scene);
    read_until(&mut client, "data: {}\n\n\r\n");
    drop(client);
    assert!(cancels.recv_timeout(Duration::from_secs(30)).unwrap());
    // Also before the answer begins.
    *begins.lock().unwrap() = false;
    let client = begin(&scene);
    while upstream.received().len() < 2 {
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(client);
    assert!(cancels.recv_timeout(Duration::from_secs(30)).unwrap());
}

#[test]
fn an_upstream_that_dies_within_a_stream_is_an_error_event() {
    let upstream = ScriptedUpstream::new(|_, stream| {
        begin_stream(stream);
        write_chunk(stream, "data: {\"first\": 1}\n\ndata: {\"sec");
    });
    let scene = scene(&upstream);
    let received = read_until(&mut begin(&scene), "0\r\n\r\n");
    assert!(received.contains("data: {\"first\": 1}\n\n"), "{received}");
    assert!(!received.contains("sec"), "{received}");
    assert!(
        received.contains("data: {\"error\":{\"message\":\"The upstream ended the stream early\"")
    );
    assert!(!received.contains("[DONE]"));
}

#[test]
fn a_client_that_does_not_read_stops_the_upstream() {
    const MOST: usize = 64 * 1024 * 1024;
    let (wrote, written) = mpsc::channel();
    let wrote = Mutex::new(wrote);
    let upstream = ScriptedUpstream::new(move |_, stream| {
        stream
            .set_write_timeout(Some(Duration::from_secs(2)))
            .unwrap();
        begin_stream(stream);
        let event = format!("data: {}\n\n", "x".repeat(64 * 1024));
        let mut bytes = 0;
        while bytes < MOST && write_chunk(stream, &event) {
            bytes += event.len();
        }
        wrote.lock().unwrap().send(bytes).unwrap();
    });
    let scene = scene(&upstream);
    let client = begin(&scene);
    let bytes = written.recv_timeout(Duration::from_secs(60)).unwrap();
    assert!(bytes < MOST, "the server took everything in");
    drop(client);
}

#[test]
fn a_stream_may_pause_longer_than_a_connection_may_be_idle() {
    let upstream = ScriptedUpstream::new(|_, stream| {
        begin_stream(stream);
        write_chunk(stream, "data: {}\n\n");
        std::thread::sleep(Duration::from_secs(2));
        write_chunk(stream, "data: [DONE]\n\n");
        write_chunk(stream, "");
    });
    let limits = Limits {
        header_time: Duration::from_millis(300),
        ..Limits::default()
    };
    let scene = Scene::served(&options(&upstream).limits(limits));
    read_until(&mut begin(&scene), "data: [DONE]\n\n\r\n0\r\n\r\n");
}

#[test]
fn redirects_are_not_followed() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    other.set_nonblocking(true).unwrap();
    let location = other.local_addr().unwrap();
    let upstream = ScriptedUpstream::new(move |_, stream| {
        let answer = format!(
            "HTTP/1.1 307 X\r\nlocation: http://{location}/v1/chat/completions\r\n\
             content-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let scene = scene(&upstream);
    let answer = scene.served.post(CHAT, request(&scene).to_string());
    assert_eq!(answer.status, 502, "{answer:?}");
    assert!(answer.text.contains("redirects"), "{answer:?}");
    assert_eq!(other.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn errors_of_the_upstream_are_returned_except_those_about_its_key() {
    let of_limit = json!({"error": {"message": "Slow down", "code": "rate_limit"}});
    let upstream = ScriptedUpstream::with_json(429, &of_limit);
    let scene = scene(&upstream);
    let answer = scene.served.post(CHAT, request(&scene).to_string());
    assert_eq!((answer.status, answer.json()), (429, of_limit));
    for status in [401, 403] {
        let text = json!({"error": format!("The key {UPSTREAM_KEY} is wrong")});
        let upstream = ScriptedUpstream::with_json(status, &text);
        let scene = Scene::served(&options(&upstream));
        let answer = scene.served.post(CHAT, request(&scene).to_string());
        let expected = json!({"error": "The upstream refuses the key of this server"});
        assert_eq!((answer.status, answer.json()), (502, expected));
    }
}

#[test]
fn an_upstream_that_cannot_be_reached_is_an_error() {
    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for url in [format!("http://{free}/v1"), format!("https://{free}/v1")] {
        let scene = Scene::served(&ServerOptions::new().upstream(url));
        let answer = scene.served.post(CHAT, request(&scene).to_string());
        let expected = json!({"error": "The upstream cannot be reached"});
        assert_eq!((answer.status, answer.json()), (502, expected));
    }
}

#[test]
fn the_next_model_of_a_list_is_tried_if_one_fails() {
    let upstream = ScriptedUpstream::new(|request, stream| {
        let status = if request.json["model"] == "a" {
            500
        } else {
            200
        };
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\
             connection: close\r\n\r\n{{}}"
        );
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let scene = scene(&upstream);
    let mut asked = request(&scene);
    asked["model"] = "a,b,c".into();
    let answer = scene.served.post(CHAT, asked.to_string());
    assert_eq!(answer.status, 200);
    let received = upstream.received();
    let models: Vec<&Value> = received
        .iter()
        .map(|received| &received.json["model"])
        .collect();
    assert_eq!(models, ["a", "b"]);
}

#[test]
fn inputs_are_recorded_if_the_server_is_to() {
    let upstream = ScriptedUpstream::with_json(200, &json!({}));
    for (records, status) in [(false, 404), (true, 200)] {
        let scene = Scene::served(&options(&upstream).record_inputs(records));
        let answer = scene.served.post(CHAT, request(&scene).to_string());
        let id = answer.header("helicone-id").unwrap();
        let recorded: Answer = scene.served.get(&format!(
            "/v1/prompt-2025/id/{}/{}/inputs?requestId={id}",
            scene.prompt, scene.second
        ));
        assert_eq!(recorded.status, status);
        if records {
            assert_eq!(recorded.data()["inputs"], json!({"name": "Ada"}));
            assert_eq!(recorded.data()["environment"], "staging");
        }
    }
}

#[test]
fn a_malformed_upstream_is_refused_without_its_secrets() {
    let store = promptbook::Store::in_memory().unwrap();
    for (url, key) in [
        ("ftp://a.example", None),
        ("http://user:secret@a.example", None),
        ("http://127.0.0.1:1", Some("secret\r\nx: y")),
    ] {
        let mut options = ServerOptions::new().upstream(url);
        if let Some(key) = key {
            options = options.upstream_key(key);
        }
        let bound = promptbook::server::Server::bind(store.clone(), &options, "127.0.0.1:0");
        let error = bound.map(drop).unwrap_err();
        assert!(
            !format!("{error} {error:?} {options:?}").contains("secret\r"),
            "{error}"
        );
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
