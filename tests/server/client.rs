//! A served store, and a client of it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use promptbook::server::{Server, ServerHandle, ServerOptions, StatusMode};
use promptbook::{BumpPolicy, Store, StoreOptions};
use serde_json::{Map, Value};
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// A served store. The server stops when this value is dropped.
pub struct Served {
    pub store: Store,
    pub running: ServerHandle,
    /// The address on which it listens, which may differ from that of its URL.
    pub address: SocketAddr,
    agent: Agent,
}

impl Served {
    /// Serves a new store in memory, with plain statuses and without a bump policy.
    pub fn new() -> Self {
        Self::with(StatusMode::Plain)
    }

    pub fn with(status: StatusMode) -> Self {
        let store = StoreOptions::new().policy(BumpPolicy::Free).in_memory();
        Self::of(store.unwrap(), &ServerOptions::new().status(status))
    }

    pub fn of(store: Store, options: &ServerOptions) -> Self {
        let server = Server::bind(store.clone(), options, "127.0.0.1:0").unwrap();
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(Duration::from_secs(60)));
        Self {
            store,
            address: server.address(),
            running: server.start().unwrap(),
            agent: config.build().into(),
        }
    }

    /// Returns the value of the `Authorization` header.
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.running.key())
    }

    pub fn get(&self, path: &str) -> Answer {
        self.send("GET", path, None)
    }

    pub fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, None)
    }

    pub fn post(&self, path: &str, body: impl Into<String>) -> Answer {
        self.send("POST", path, Some(body.into()))
    }

    pub fn patch(&self, path: &str, body: impl Into<String>) -> Answer {
        self.send("PATCH", path, Some(body.into()))
    }

    /// Sends JSON, or no body, with the key.
    pub fn send(&self, method: &str, path: &str, body: Option<String>) -> Answer {
        let key = ("authorization", self.authorization());
        match body {
            None => self.send_with(method, path, &[key], None),
            Some(body) => {
                let json = ("content-type", "application/json".to_owned());
                self.send_with(method, path, &[key, json], Some(body.into_bytes()))
            }
        }
    }

    /// Sends exactly these headers and bytes.
    pub fn send_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        let url = if path.starts_with('/') {
            format!("http://{}{path}", self.address)
        } else {
            path.to_owned()
        };
        let mut request = Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let answered = match body {
            Some(body) => self.agent.run(request.body(body).unwrap()),
            None => self.agent.run(request.body(()).unwrap()),
        };
        let (parts, mut body) = answered.unwrap().into_parts();
        let text = body.with_config().limit(1 << 30).read_to_string();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: text.unwrap(),
        }
    }

    /// Returns a connection for arbitrary bytes.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        let patience = Some(Duration::from_secs(30));
        stream.set_read_timeout(patience).unwrap();
        stream.set_write_timeout(patience).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// Sends these bytes, and reads one answer.
    pub fn raw(&self, bytes: impl AsRef<[u8]>) -> Answer {
        let mut stream = self.connect();
        // The server may answer and close before all bytes are written.
        let _ = stream.write_all(bytes.as_ref());
        Answer::read(&mut stream).expect("an answer")
    }

    /// Does something that must not change the store.
    pub fn unchanged<T>(&self, work: impl FnOnce() -> T) -> T {
        let before = everything(&self.store);
        let done = work();
        assert_eq!(everything(&self.store), before, "the store was changed");
        done
    }
}

/// An answer as it was received.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    /// Reads an answer, or `None` if the connection ends before it is complete.
    pub fn read(stream: &mut TcpStream) -> Option<Self> {
        let mut bytes = Vec::new();
        let (head, mut body) = loop {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
                break (head, bytes.split_off(end + 4));
            }
            read_more(stream, &mut bytes)?;
        };
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            let name: ureq::http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        while body.len() < length {
            read_more(stream, &mut body)?;
        }
        assert_eq!(body.len(), length, "the body is longer than content-length");
        let text = String::from_utf8(body).unwrap();
        Some(Self {
            status,
            headers,
            text,
        })
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {self:?}"))
    }

    /// Returns the data of a successful answer.
    #[track_caller]
    pub fn data(&self) -> Value {
        assert!(matches!(self.status, 200 | 201), "{self:?}");
        let [data, error] = self.envelope();
        assert!(error.is_null(), "{self:?}");
        data
    }

    /// Returns the text of an error of this status.
    #[track_caller]
    pub fn error(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{self:?}");
        self.any_error()
    }

    /// Returns the text of an error.
    #[track_caller]
    pub fn any_error(&self) -> String {
        assert!(self.status >= 400, "{self:?}");
        let [data, error] = self.envelope();
        assert!(data.is_null(), "{self:?}");
        let text = error.as_str().unwrap_or_default().to_owned();
        assert!(!text.is_empty(), "{self:?}");
        text
    }

    /// Returns the two members, which must be in this order and the only ones.
    #[track_caller]
    pub fn envelope(&self) -> [Value; 2] {
        let content_type = self.header("content-type");
        assert_eq!(content_type, Some("application/json; charset=utf-8"));
        let Value::Object(envelope) = self.json() else {
            panic!("not an envelope: {self:?}");
        };
        assert_eq!(keys(&envelope), ["data", "error"], "{self:?}");
        let mut values = envelope.into_iter().map(|(_, value)| value);
        [values.next().unwrap(), values.next().unwrap()]
    }
}

fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut buffer = [0; 16 * 1024];
    let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
    bytes.extend_from_slice(&buffer[..count]);
    Some(())
}

/// Returns an object's keys, in their order.
pub fn keys(object: &Map<String, Value>) -> Vec<&str> {
    object.keys().map(String::as_str).collect()
}

/// Returns everything that can be seen of a store: its contents and its history.
pub fn everything(store: &Store) -> String {
    let all = usize::MAX;
    let prompts = store.prompts().page(None, all).unwrap();
    let of_prompts: Vec<_> = prompts
        .iter()
        .map(|prompt| {
            let versions = store.versions(prompt.id).page(None, all);
            let environments = store.environments(prompt.id);
            (prompt, versions.unwrap(), environments.unwrap())
        })
        .collect();
    let operations = store.operations().page(None, all);
    format!("{of_prompts:#?}\n{:#?}", operations.unwrap())
}
