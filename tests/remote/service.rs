//! Tests against a service that answers what a test says, by a tiny server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use promptbook::remote::{PullOptions, RemoteError, RemoteKey, StatusOptions, clone_store};
use promptbook::{Body, Store, StoreOptions};
use serde_json::{Value, json};

/// A request that the server received.
#[derive(Clone, Debug)]
struct Received {
    line: String,
    key: Option<String>,
    body: Value,
}

/// An answer: the status, further headers, and the body.
type Answer = (u16, String, String);

/// A server that answers by a closure.
struct Service {
    url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl Service {
    fn start(answer: impl Fn(&Received) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (Arc::clone(&received), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || drop(serve(stream.unwrap(), &seen, &*answer)));
            }
        });
        Self { url, received }
    }

    fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Received>>,
    answer: &dyn Fn(&Received) -> Answer,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let (mut length, mut key) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => key = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let received = Received {
        line: line.trim_end_matches(" HTTP/1.1\r\n").to_owned(),
        key,
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    seen.lock().unwrap().push(received.clone());
    let (status, headers, body) = answer(&received);
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn data(data: Value) -> Answer {
    (
        200,
        String::new(),
        json!({"data": data, "error": null}).to_string(),
    )
}

fn failure(status: u16, text: &str) -> Answer {
    (
        status,
        String::new(),
        json!({"data": null, "error": text}).to_string(),
    )
}

/// An organisation of one prompt with this number of versions, which lists 50 of them.
#[derive(Clone, Copy)]
struct Live {
    versions: u32,
    production: u32,
}

fn id(minor: u32) -> String {
    format!("01941f29-7c00-7000-8000-{minor:012}")
}

impl Live {
    fn version(self, minor: u32) -> Value {
        json!({
            "id": id(minor), "prompt_id": "abc123", "model": "m", "major_version": 0,
            "minor_version": minor, "commit_message": "First version.", "created_at":
            format!("2025-01-01T{:02}:{:02}:00Z", minor / 60, minor % 60),
            "environments": if minor == self.production { json!(["production"]) } else { Value::Null },
        })
    }

    fn answer(self, request: &Received) -> Answer {
        let minor = |text: &str| {
            text.rsplit('-').next().unwrap()[..12]
                .parse::<u32>()
                .unwrap()
        };
        let prompt =
            json!({"id": "abc123", "name": "p", "tags": [], "created_at": "2025-01-01T00:00:00Z"});
        match request.line.as_str() {
            "POST /v1/prompt-2025/query" => data(json!([prompt])),
            "GET /v1/prompt-2025/count" => failure(500, "no rows"),
            "GET /v1/prompt-2025/environments" => data(json!(["production"])),
            "POST /v1/prompt-2025/query/total-versions" => {
                data(json!({"totalVersions": self.versions, "majorVersions": 0}))
            }
            "POST /v1/prompt-2025/query/versions" => {
                let newest = (0..self.versions).rev().take(50);
                data(newest.map(|minor| self.version(minor)).collect())
            }
            "POST /v1/prompt-2025/query/environment-version" => data(self.version(self.production)),
            "POST /v1/prompt-2025/query/version" => {
                data(self.version(minor(request.body["promptVersionId"].as_str().unwrap())))
            }
            "POST /v1/prompt/query" => data(json!([{"id": "1", "user_defined_id": "old-one"}])),
            line if line.ends_with("/prompt-body") => {
                let number = minor(line.trim_end_matches("/prompt-body"));
                data(json!({"messages": [number]}))
            }
            _ => failure(404, "not found"),
        }
    }
}

fn options() -> StatusOptions<'static> {
    StatusOptions::new().key(RemoteKey::new("sk-test").unwrap())
}

fn cloned(
    url: &str,
) -> (
    tempfile::TempDir,
    Result<(Store, promptbook::remote::PullSummary), RemoteError>,
) {
    let place = tempfile::tempdir().unwrap();
    let cloned = clone_store(
        url,
        place.path().join("s"),
        &StoreOptions::new(),
        false,
        options(),
    );
    (place, cloned)
}

#[test]
fn a_cut_list_says_what_it_may_lack_and_deletes_nothing_later() {
    let live = Arc::new(Mutex::new(Live {
        versions: 60,
        production: 3,
    }));
    let now = Arc::clone(&live);
    let service = Service::start(move |request| now.lock().unwrap().answer(request));
    let (_place, cloned) = cloned(&service.url);
    let (store, summary) = cloned.unwrap();
    // The newest 50, and the one in production.
    assert_eq!(summary.versions, 51);
    assert_eq!(summary.lacking[0].numbers, ["0.0 to 0.9"]);
    assert_eq!(summary.lacking[0].withheld, 9);
    assert_eq!(summary.legacy, ["old-one"]);
    assert_eq!(
        store.version("p@production").unwrap().number.to_string(),
        "0.3"
    );

    // Five more push five others out of the list.
    live.lock().unwrap().versions = 65;
    let summary = store
        .remotes()
        .unwrap()
        .pull("origin", PullOptions::new().with(options()))
        .unwrap();
    assert_eq!(
        (summary.versions, summary.prompts[0].deleted_versions),
        (5, 0),
        "{summary:?}"
    );
    assert_eq!(store.prompt("p").unwrap().versions, 56);
    assert!(store.verify().unwrap().is_clean());
}

#[test]
fn a_full_list_that_is_complete_lacks_nothing() {
    let live = Live {
        versions: 50,
        production: 49,
    };
    let service = Service::start(move |request| live.answer(request));
    let (_place, cloned) = cloned(&service.url);
    let (_, summary) = cloned.unwrap();
    assert_eq!((summary.versions, summary.lacking.len()), (50, 0));
}

#[test]
fn another_server_does_not_get_the_key() {
    let other = Service::start(|request| {
        let body = r#"{"messages": ["elsewhere"]}"#;
        if request.line == "GET /moved" {
            return (
                200,
                String::new(),
                format!(r#"{{"data": {body}, "error": null}}"#),
            );
        }
        (200, String::new(), body.into())
    });
    let live = Live {
        versions: 2,
        production: 1,
    };
    let elsewhere = other.url.clone();
    let service = Service::start(move |request| {
        if request.line == "POST /v1/prompt-2025/query/versions" {
            let mut versions: Vec<Value> = (0..2).map(|minor| live.version(minor)).collect();
            // One body is named by a URL of another server, one redirects there.
            versions[0]["s3_url"] = format!("{elsewhere}/signed?secret=1").into();
            return data(versions.into());
        }
        if request.line.ends_with("/prompt-body") {
            return (
                302,
                format!("location: {elsewhere}/moved\r\n"),
                String::new(),
            );
        }
        live.answer(request)
    });
    let (_place, cloned) = cloned(&service.url);
    let (store, summary) = cloned.unwrap();
    assert_eq!(summary.versions, 2);
    assert_eq!(
        store.resolve("p@0.1").unwrap().body.text(),
        r#"{"messages": ["elsewhere"]}"#
    );
    assert_eq!(other.received().len(), 2);
    assert!(other.received().iter().all(|request| request.key.is_none()));
    let own = service.received();
    assert!(
        own.iter()
            .all(|request| request.key.as_deref() == Some("Bearer sk-test"))
    );
}

#[test]
fn a_redirect_of_a_change_is_refused_and_so_is_plain_http() {
    let live = Live {
        versions: 1,
        production: 0,
    };
    for location in [
        "http://10.0.0.1/x",
        "http://example.com/x",
        "ftp://a/b",
        "//evil/x",
    ] {
        let service = Service::start(move |request| {
            if request.line.ends_with("/prompt-body") {
                return (302, format!("location: {location}\r\n"), String::new());
            }
            live.answer(request)
        });
        let (_place, cloned) = cloned(&service.url);
        let (_, summary) = cloned.unwrap();
        assert_eq!(summary.failed.len(), 1, "{location}: {summary:?}");
        assert!(summary.failed[0].prompt.contains("abc123"), "{summary:?}");
    }
}

#[test]
fn a_malformed_prompt_is_named_and_the_others_are_pulled() {
    let live = Live {
        versions: 3,
        production: 0,
    };
    let service = Service::start(move |request| {
        let of_other = request.body["promptId"] == "bad999";
        match request.line.as_str() {
            "POST /v1/prompt-2025/query" => {
                let prompt = |id: &str| json!({"id": id, "name": "p", "tags": null, "created_at": "2025-01-01T00:00:00Z"});
                data(json!([
                    prompt("abc123"),
                    prompt("bad999"),
                    prompt("too-long-an-id"),
                    7
                ]))
            }
            "POST /v1/prompt-2025/query/versions" if of_other => data(json!([{"id": 1}])),
            _ => live.answer(request),
        }
    });
    let (_place, cloned) = cloned(&service.url);
    let (store, summary) = cloned.unwrap();
    assert_eq!(store.prompts().count().unwrap(), 1);
    let failed: Vec<&str> = summary
        .failed
        .iter()
        .map(|failed| failed.prompt.as_str())
        .collect();
    assert_eq!(failed, ["too-long-an-id", "?", "p (bad999)"], "{summary:?}");
    assert!(
        summary.failed[2].reason.contains("version 1"),
        "{summary:?}"
    );
}

/// A body can be larger than a store accepts, and an answer larger than any that is read.
#[test]
fn a_body_over_the_limit_is_named_and_the_others_are_pulled() {
    let live = Live {
        versions: 3,
        production: 0,
    };
    for bytes in [Body::MAX_BYTES, 128 * 1024 * 1024] {
        let service = Service::start(move |request| {
            let of_other = request.body["promptId"] == "big999";
            match request.line.as_str() {
                "POST /v1/prompt-2025/query" => {
                    let prompt = |id: &str| json!({"id": id, "name": id, "tags": [], "created_at": "2025-01-01T00:00:00Z"});
                    data(json!([prompt("big999"), prompt("abc123")]))
                }
                "POST /v1/prompt-2025/query/versions" if of_other => {
                    let mut versions = [10, 11, 12].map(|minor| live.version(minor));
                    for version in &mut versions {
                        version["prompt_id"] = "big999".into();
                    }
                    data(json!(versions))
                }
                "POST /v1/prompt-2025/query/environment-version" if of_other => {
                    failure(404, "not found")
                }
                line if line.ends_with(&format!("{}/prompt-body", id(11))) => {
                    data(json!({"messages": ["a".repeat(bytes)]}))
                }
                _ => live.answer(request),
            }
        });
        let (_place, cloned) = cloned(&service.url);
        let (store, summary) = cloned.unwrap();
        let [failed] = &summary.failed[..] else {
            panic!("{summary:?}")
        };
        assert_eq!(failed.prompt, "big999 (big999)");
        let limit = if bytes == Body::MAX_BYTES {
            "limit"
        } else {
            "more than"
        };
        assert!(
            failed.reason.starts_with("version 0.11: ") && failed.reason.contains(limit),
            "{failed:?}"
        );
        assert_eq!(summary.versions, 3, "{summary:?}");
        assert_eq!(store.prompts().count().unwrap(), 1);
        assert_eq!(store.prompt("abc123").unwrap().versions, 3);
        assert!(store.verify().unwrap().is_clean());
    }
}

#[test]
fn no_answer_makes_a_clone_leave_something_behind() {
    for (status, body, expected) in [
        (
            401,
            json!({"data": null, "error": "no"}).to_string(),
            "refuses the key (401): no",
        ),
        (200, "<html>".into(), "something else than its API"),
        (200, "{}".into(), "it has no data"),
        (404, "nothing here".into(), "with 404: nothing here"),
    ] {
        let service = Service::start(move |_| (status, String::new(), body.clone()));
        let (place, cloned) = cloned(&service.url);
        let refused = cloned.unwrap_err().to_string();
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
    }
    let (_place, cloned) = cloned("http://127.0.0.1:9");
    assert!(matches!(cloned, Err(RemoteError::Unanswered { .. })));
}

#[test]
fn a_service_that_asks_to_wait_too_long_is_not_waited_for() {
    let service = Service::start(|_| (429, "retry-after: 86400\r\n".into(), String::new()));
    let (_place, cloned) = cloned(&service.url);
    let refused = cloned.unwrap_err().to_string();
    assert!(refused.contains("86400 s"), "{refused}");
}
