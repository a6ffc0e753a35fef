// A proxy between a store and an S3 server, which answers as failing servers do.
//
// It is included by path, because unit tests and integration tests share it.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// What the proxy does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum S3Fault {
    None,
    /// Answers 500.
    Internal,
    /// Answers 503, as an overloaded server does.
    SlowDown,
    /// Closes the connection.
    Gone,
    /// Answers nothing.
    Hang,
    /// Forwards the request, and closes the connection in the middle of the answer.
    CutOff,
    /// Forwards the request, and answers with fewer bytes as if they were all.
    Short,
    /// Forwards the request, and changes a byte of the answer's body.
    Flipped,
    /// Forwards the request, and closes the connection without an answer.
    Lost,
}

/// All faults.
pub(crate) const FAULTS: [S3Fault; 8] = [
    S3Fault::Internal,
    S3Fault::SlowDown,
    S3Fault::Gone,
    S3Fault::Hang,
    S3Fault::CutOff,
    S3Fault::Short,
    S3Fault::Flipped,
    S3Fault::Lost,
];

/// A proxy on a port of this machine, until the process ends.
#[derive(Clone)]
pub(crate) struct S3Proxy {
    pub(crate) endpoint: String,
    state: Arc<ProxyState>,
}

struct ProxyState {
    fault: Mutex<S3Fault>,
    /// Whether only every other request is disturbed, by random faults.
    random: Mutex<Option<fastrand::Rng>>,
    requests: AtomicU64,
}

impl S3Proxy {
    /// Starts a proxy of a server, such as `http://127.0.0.1:9000`.
    pub(crate) fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = server.trim_start_matches("http://").to_owned();
        let state = Arc::new(ProxyState {
            fault: Mutex::new(S3Fault::None),
            random: Mutex::new(None),
            requests: AtomicU64::new(0),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, state) = (server.clone(), Arc::clone(&shared));
                thread::spawn(move || state.serve(client, &server));
            }
        });
        Self { endpoint, state }
    }

    /// Disturbs all requests from now on.
    pub(crate) fn set(&self, fault: S3Fault) {
        *self.state.random.lock().unwrap() = None;
        *self.state.fault.lock().unwrap() = fault;
    }

    /// Disturbs about a third of the requests from now on, by any fault but the slow one.
    pub(crate) fn set_random(&self, seed: u64) {
        *self.state.random.lock().unwrap() = Some(fastrand::Rng::with_seed(seed));
    }

    /// Returns the number of requests so far.
    pub(crate) fn requests(&self) -> u64 {
        self.state.requests.load(Ordering::Relaxed)
    }
}

impl ProxyState {
    fn next_fault(&self) -> S3Fault {
        if let Some(random) = &mut *self.random.lock().unwrap() {
            let any = FAULTS[random.usize(..FAULTS.len())];
            let is_quiet = random.u8(..3) > 0 || any == S3Fault::Hang;
            return if is_quiet { S3Fault::None } else { any };
        }
        *self.fault.lock().unwrap()
    }

    /// Serves one request.
    fn serve(&self, mut client: TcpStream, server: &str) {
        let Some(request) = read_request(&mut client) else {
            return;
        };
        self.requests.fetch_add(1, Ordering::Relaxed);
        let fault = self.next_fault();
        match fault {
            S3Fault::Gone => return,
            S3Fault::Hang => {
                // Until the client gives up.
                let _ = client.read(&mut [0]);
                return;
            }
            S3Fault::Internal => {
                return answer(&mut client, "500 Internal Server Error", "InternalError");
            }
            S3Fault::SlowDown => return answer(&mut client, "503 Slow Down", "SlowDown"),
            _ => {}
        }
        let Some(response) = forward(&request, server) else {
            return;
        };
        let head = response
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .map_or(response.len(), |at| at + 4);
        let body = response.len() - head;
        let sent = match fault {
            S3Fault::Lost => return,
            S3Fault::CutOff => response[..head + body / 2].to_vec(),
            S3Fault::Short if body > 1 => {
                shortened(&response[..head], &response[head..head + body / 2])
            }
            S3Fault::Flipped if body > 0 => {
                let mut flipped = response;
                flipped[head + body / 2] ^= 1;
                flipped
            }
            _ => response,
        };
        let _ = client.write_all(&sent);
        let _ = client.shutdown(Shutdown::Both);
    }
}

/// Reads a request with its body.
fn read_request(client: &mut TcpStream) -> Option<Vec<u8>> {
    let (mut request, mut buffer) = (Vec::new(), [0; 65536]);
    loop {
        if let Some(at) = request.windows(4).position(|end| end == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&request[..at]).to_lowercase();
            let mut lines = head.lines();
            let length = lines.find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
            if request.len() >= at + 4 + length {
                return Some(request);
            }
        }
        match client.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(read) => request.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Returns the server's answer to a request.
fn forward(request: &[u8], server: &str) -> Option<Vec<u8>> {
    let mut upstream = TcpStream::connect(server).ok()?;
    let at = request.windows(2).position(|end| end == b"\r\n")? + 2;
    upstream.write_all(&request[..at]).ok()?;
    upstream.write_all(b"connection: close\r\n").ok()?;
    upstream.write_all(&request[at..]).ok()?;
    let mut response = Vec::new();
    upstream.read_to_end(&mut response).ok()?;
    Some(response)
}

fn answer(client: &mut TcpStream, status: &str, code: &str) {
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>a fault</Message></Error>"
    );
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/xml\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    let _ = client.write_all(text.as_bytes());
    let _ = client.shutdown(Shutdown::Both);
}

/// Returns an answer with another body and its length.
fn shortened(head: &[u8], body: &[u8]) -> Vec<u8> {
    let head = String::from_utf8_lossy(head);
    let is_length = |line: &&str| line.to_lowercase().starts_with("content-length:");
    let mut lines: Vec<&str> = head
        .trim_end()
        .lines()
        .filter(|line| !is_length(line))
        .collect();
    let length = format!("content-length: {}", body.len());
    lines.push(&length);
    let mut sent = lines.join("\r\n").into_bytes();
    sent.extend_from_slice(b"\r\n\r\n");
    sent.extend_from_slice(body);
    sent
}
