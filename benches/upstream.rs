//! The delay that `promptbook serve --upstream` adds to streams, and its memory meanwhile: `cargo bench --bench upstream
//! --features cli,server`. Linux only; about a minute.
//!
//! 64 clients stream at the same time from an upstream in this process. Each event contains the moment at which the
//! upstream wrote it. The target is a first event at most 2 ms after the upstream's, and flat memory.

#![allow(clippy::print_stdout)] // It prints figures.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark panics to report what failed"
)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

const STREAMS: usize = 64;
const KEY: &str = "sk-bench";

fn main() {
    let short = std::env::args().any(|argument| argument == "--test");
    let (rounds, events) = if short { (1, 10) } else { (40, 4000) };
    let start = Instant::now();
    let upstream = upstream(start);
    let place = std::env::temp_dir().join(format!("promptbook-upstream-{}", std::process::id()));
    let server = Server::start(&place, &upstream);
    println!(
        "delay of the first event, {STREAMS} streams, {rounds} rounds: median, 99 in 100, maximum"
    );
    for (name, spread) in [("at the same time", 0), ("within 200 ms", 200_000)] {
        for (through, address) in [("direct", &upstream), ("serve", &server.address)] {
            let mut delays = Vec::new();
            for _ in 0..rounds {
                delays.extend(
                    run(start, address, 1, spread)
                        .into_iter()
                        .map(|delays| delays[0]),
                );
            }
            println!("{name:16} {through:6} {}", summary(&mut delays));
        }
    }
    println!("\ndelay of every event, {STREAMS} streams of {events} events, one each 5 ms");
    let before = server.memory();
    let address = server.address.clone();
    let streams = thread::spawn(move || run(start, &address, events, 200_000));
    let mut during = Vec::new();
    while !streams.is_finished() {
        thread::sleep(Duration::from_millis(500));
        during.push(server.memory());
    }
    let mut delays: Vec<_> = streams.join().unwrap().into_iter().flatten().collect();
    println!("{:16} {:6} {}", "", "serve", summary(&mut delays));
    println!("\nmemory in KiB: {before} before, then each half second {during:?}");
    fs::remove_dir_all(&place).unwrap();
}

fn summary(delays: &mut [Duration]) -> String {
    delays.sort_unstable();
    let at = |part: usize| delays[(delays.len() - 1) * part / 100];
    format!("{:>10.1?} {:>10.1?} {:>10.1?}", at(50), at(99), at(100))
}

/// Streams once per client, and returns the delays of the events of each. The clients begin together, and the upstream
/// answers them within `spread` microseconds.
fn run(start: Instant, address: &str, events: usize, spread: usize) -> Vec<Vec<Duration>> {
    let ready = Arc::new(Barrier::new(STREAMS));
    let clients: Vec<_> = (0..STREAMS)
        .map(|number| {
            let (ready, address) = (Arc::clone(&ready), address.to_owned());
            let pause = 50_000 + spread * number / STREAMS;
            thread::spawn(move || {
                let mut stream = TcpStream::connect(&address).unwrap();
                stream.set_nodelay(true).unwrap();
                let body = format!(
                    r#"{{"model": "{events}", "user": "{pause}", "stream": true, "prompt_id": "greet1", "messages": []}}"#
                );
                ready.wait();
                write!(
                    stream,
                    "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {KEY}\r\n\
                     content-type: application/json\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                read_delays(start, stream)
            })
        })
        .collect();
    clients
        .into_iter()
        .map(|client| client.join().unwrap())
        .collect()
}

/// Reads a stream to its end, and returns how long after the upstream's write each event was received.
fn read_delays(start: Instant, stream: TcpStream) -> Vec<Duration> {
    let mut delays = Vec::new();
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).unwrap() == 0 {
            return delays;
        }
        let moment = line.trim_end().strip_prefix("data: ");
        if let Some(Ok(written)) = moment.map(str::parse) {
            let delay = start
                .elapsed()
                .saturating_sub(Duration::from_nanos(written));
            delays.push(delay);
        }
    }
}

/// Starts an upstream, and returns its address. A request's `model` is the number of events, `user` the microseconds
/// before the first.
fn upstream(start: Instant) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || answer(start, stream.unwrap()));
        }
    });
    address
}

fn answer(start: Instant, mut stream: TcpStream) {
    stream.set_nodelay(true).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    // A connection may carry several requests.
    while let Some(body) = read_request(&mut reader) {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        thread::sleep(Duration::from_micros(member(&body, "user")));
        let mut begun = head.to_owned();
        for _ in 0..member(&body, "model") {
            let event = format!("data: {}\n\n", start.elapsed().as_nanos());
            begun += &format!("{:x}\r\n{event}\r\n", event.len());
            if stream.write_all(begun.as_bytes()).is_err() {
                return;
            }
            begun.clear();
            thread::sleep(Duration::from_millis(5));
        }
        if stream
            .write_all(b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n")
            .is_err()
        {
            return;
        }
        if body.contains("connection: close") {
            return;
        }
    }
}

/// Returns the head and the body of a request.
fn read_request(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut text = String::new();
    let mut length = 0;
    loop {
        let from = text.len();
        if reader.read_line(&mut text).ok()? == 0 {
            return None;
        }
        let line = text[from..].to_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(text + &String::from_utf8(body).ok()?)
}

/// Returns the number in a member of a request, which is a text.
fn member(request: &str, name: &str) -> u64 {
    let (_, value) = request.split_once(&format!("\"{name}\":")).unwrap();
    let digits = value.trim_start().trim_start_matches('"');
    digits.split('"').next().unwrap().parse().unwrap()
}

struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Serves a store with one prompt.
    fn start(place: &Path, upstream: &str) -> Self {
        fs::create_dir_all(place).unwrap();
        let body = place.join("greeting.json");
        fs::write(
            &body,
            r#"{"messages": [{"role": "user", "content": "Hello"}]}"#,
        )
        .unwrap();
        let store = place.join("store");
        let promptbook = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
            command.arg("--store").arg(&store);
            // The access log is not read.
            command.stdout(Stdio::piped()).stderr(Stdio::null());
            command
        };
        for arguments in [
            vec!["init"],
            vec!["create", "greet1", "--id", "greet1", body.to_str().unwrap()],
        ] {
            assert!(
                promptbook().args(&arguments).status().unwrap().success(),
                "{arguments:?}"
            );
        }
        let upstream = format!("http://{upstream}/v1");
        let options = [
            "serve",
            "--addr",
            "127.0.0.1:0",
            "--key",
            KEY,
            "--upstream",
            &upstream,
        ];
        let mut child = promptbook().args(options).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, address) = line.trim().rsplit_once("http://").unwrap();
        Self {
            address: address.to_owned(),
            child,
        }
    }

    /// Resident memory in KiB.
    fn memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
