//! A scripted upstream: an HTTP server that answers as a test says.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// A request as the upstream received it.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request line and the headers, in lower case.
    pub head: String,
    pub json: Value,
}

/// An upstream on threads, which end when their connections do.
pub struct ScriptedUpstream {
    pub url: String,
    received: Arc<Mutex<Vec<Received>>>,
}

impl ScriptedUpstream {
    /// Answers each request by this function, which writes the whole response. A connection is
    /// closed when it returns.
    pub fn new(answer: impl Fn(&Received, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1", listener.local_addr().unwrap());
        let received = Arc::new(Mutex::new(Vec::new()));
        let (all, answer) = (Arc::clone(&received), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (all, answer) = (Arc::clone(&all), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let mut stream = stream.unwrap();
                    stream
                        .set_read_timeout(Some(Duration::from_secs(60)))
                        .unwrap();
                    stream.set_nodelay(true).unwrap();
                    if let Some(request) = read(&mut stream) {
                        all.lock().unwrap().push(request.clone());
                        answer(&request, &mut stream);
                    }
                });
            }
        });
        Self { url, received }
    }

    /// Answers each request with this status and JSON.
    pub fn with_json(status: u16, json: &Value) -> Self {
        let text = json.to_string();
        let length = text.len();
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             set-cookie: a=b\r\nretry-after: 3\r\nconnection: close\r\n\r\n{text}"
        );
        Self::new(move |_, stream| stream.write_all(answer.as_bytes()).unwrap())
    }

    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }
}

fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        more(stream, &mut bytes)?;
    };
    let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length: usize = length?.parse().ok()?;
    while bytes.len() < end + 4 + length {
        more(stream, &mut bytes)?;
    }
    let json = serde_json::from_slice(&bytes[end + 4..]).ok()?;
    Some(Received { head, json })
}

fn more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 16 * 1024];
    let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
    bytes.extend_from_slice(&buffer[..count]);
    Some(())
}

/// Begins a stream of events, in chunks.
pub fn begin_stream(stream: &mut TcpStream) {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
}

/// Writes a chunk, or returns false if the connection is closed.
pub fn write_chunk(stream: &mut TcpStream, text: &str) -> bool {
    let chunk = format!("{:x}\r\n{text}\r\n", text.len());
    stream.write_all(chunk.as_bytes()).is_ok()
}

/// Waits until the other side has closed the connection.
pub fn wait_for_close(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 16]), Ok(0) | Err(_))
}
