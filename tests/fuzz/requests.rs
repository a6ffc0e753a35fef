//! Fuzz target for requests: every request is answered, in JSON, and never with an internal server
//! error.
//!
//! The input is up to six requests to a fake with one prompt, separated by a line `%`. The first
//! line of each is the method and the target; then come headers, an empty line and the body. The
//! headers that connections need are added.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use promptbook::server::fake::Fake;
use promptbook::server::{Fixtures, StatusMode};

static FAKE: LazyLock<Mutex<(Fake, Fixtures)>> = LazyLock::new(|| {
    let text = include_str!("fixtures.json");
    let fixtures = Fixtures::from_json(text).unwrap();
    let options = Fake::options().seed(7).status(StatusMode::Plain);
    let options = options.fixtures(fixtures.clone());
    Mutex::new((options.start().unwrap(), fixtures))
});

pub fn holds(data: &[u8]) {
    // The lock may be poisoned by an earlier input that failed.
    let served = FAKE.lock().unwrap_or_else(PoisonError::into_inner);
    let (fake, fixtures) = &*served;
    let text = String::from_utf8_lossy(data);
    for request in text.split("\n%\n").take(6) {
        // Scripted faults are intended errors.
        if !request.contains("/__promptbook/faults") {
            is_answered(fake, request);
        }
    }
    fake.reset_to(fixtures).unwrap();
}

fn is_answered(fake: &Fake, request: &str) {
    let (head, body) = request.split_once("\n\n").unwrap_or((request, ""));
    let mut lines = head.lines();
    let first = lines.next().unwrap_or_default();
    let address = fake.url().trim_start_matches("http://").to_owned();
    let mut sent = format!(
        "{first} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {}\r\nconnection: close\r\ncontent-length: {}\r\n",
        fake.key(),
        body.len()
    );
    for line in lines {
        sent.extend([line, "\r\n"]);
    }
    sent.extend(["\r\n", body]);
    let mut stream = TcpStream::connect(&address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    // A server may close the connection before it has read a request that it refuses.
    let _ = stream.write_all(sent.as_bytes());
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    match ended {
        Ok(_) if answer.starts_with("HTTP/1.") => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
        _ => panic!("{ended:?}, {answer:?}"),
    }
    let status = answer.get(9..10);
    assert_ne!(status, Some("5"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    if head
        .to_lowercase()
        .contains("content-type: application/json")
        && !first.starts_with("HEAD ")
    {
        let json: Result<serde_json::Value, _> = serde_json::from_str(body);
        assert!(json.is_ok(), "{answer}");
    }
}
