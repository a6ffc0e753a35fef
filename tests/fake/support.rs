//! A client that sees every byte of an answer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use promptbook::server::Fixtures;
use promptbook::server::fake::Fake;
use serde_json::{Value, json};

/// A client of a fake.
pub(crate) struct Client {
    authority: String,
    key: String,
}

/// An answer as it was received.
#[derive(Debug)]
pub(crate) struct Raw {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Raw {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Returns the `data` of a successful answer.
    #[track_caller]
    pub(crate) fn data(&self) -> Value {
        assert!(self.status < 300, "{self:?}");
        self.json()["data"].clone()
    }

    /// Returns the status and the text of an error.
    #[track_caller]
    pub(crate) fn refusal(&self) -> (u16, String) {
        let json = self.json();
        assert_eq!(json["data"], Value::Null, "{self:?}");
        (self.status, json["error"].as_str().unwrap().to_owned())
    }

    /// Returns the value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut values = lines.filter(|(found, _)| found.eq_ignore_ascii_case(name));
        values.next().map(|(_, value)| value)
    }

    /// Returns the whole answer, without the `Date` header.
    pub(crate) fn undated(&self) -> String {
        let head = self.head.lines().filter(|line| !line.starts_with("date: "));
        format!("{}\n\n{}", head.collect::<Vec<_>>().join("\n"), self.body)
    }
}

impl Client {
    pub(crate) fn of(fake: &Fake) -> Self {
        Self::new(fake.url(), fake.key())
    }

    pub(crate) fn new(url: &str, key: &str) -> Self {
        Self {
            authority: url.strip_prefix("http://").unwrap().to_owned(),
            key: key.to_owned(),
        }
    }

    pub(crate) fn get(&self, path: &str) -> Raw {
        self.send("GET", path, None).unwrap()
    }

    pub(crate) fn post(&self, path: &str, json: &Value) -> Raw {
        self.send("POST", path, Some(json)).unwrap()
    }

    pub(crate) fn put(&self, path: &str, json: &Value) -> Raw {
        self.send("PUT", path, Some(json)).unwrap()
    }

    pub(crate) fn delete(&self, path: &str) -> Raw {
        self.send("DELETE", path, None).unwrap()
    }

    /// Sends a request, and reads to the end of the connection. Bytes that are not an answer give
    /// an error.
    pub(crate) fn send(&self, method: &str, path: &str, json: Option<&Value>) -> io::Result<Raw> {
        let body = json.map(Value::to_string).unwrap_or_default();
        let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\n", self.authority);
        request += &format!(
            "authorization: Bearer {}\r\nconnection: close\r\n",
            self.key
        );
        if json.is_some() {
            request += "content-type: application/json\r\n";
        }
        request += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(&self.authority)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(request.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut raw = Raw {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            head: head.replace('\r', ""),
            body: body.to_owned(),
        };
        if raw.header("transfer-encoding") == Some("chunked") {
            raw.body = unchunked(body)?;
        }
        Ok(raw)
    }

    /// Returns the path and query of a URL of the fake.
    pub(crate) fn path<'a>(&self, url: &'a str) -> &'a str {
        let rest = url.strip_prefix("http://").unwrap();
        rest.strip_prefix(&*self.authority).unwrap()
    }

    /// Creates a prompt, and returns its id and the id of its version.
    pub(crate) fn create(&self, name: &str) -> (String, String) {
        let new =
            json!({"name": name, "tags": [], "promptBody": {"model": "gpt-4o", "messages": []}});
        let data = self.post("/v1/prompt-2025", &new).data();
        let text = |name: &str| data[name].as_str().unwrap().to_owned();
        (text("id"), text("versionId"))
    }

    /// Returns the path of the URL of a prompt's body in production.
    pub(crate) fn body_path(&self, prompt: &str) -> String {
        let version = self.post(PRODUCTION, &json!({"promptId": prompt})).data();
        self.path(version["s3_url"].as_str().unwrap()).to_owned()
    }
}

/// Returns the text of a body that is sent in chunks. One that breaks off gives an error.
fn unchunked(mut body: &str) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let (size, rest) = body
            .split_once("\r\n")
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return Ok(text);
        }
        let chunk = rest.get(..size).ok_or(io::ErrorKind::UnexpectedEof)?;
        text.push_str(chunk);
        body = rest.get(size + 2..).ok_or(io::ErrorKind::UnexpectedEof)?;
    }
}

pub(crate) const PRODUCTION: &str = "/v1/prompt-2025/query/production-version";

pub(crate) const COUNT: &str = "/v1/prompt-2025/count";

/// Returns a prompt with two versions and an id, and one without an id.
pub(crate) fn fixtures() -> Fixtures {
    let text = json!({"prompts": [{
        "id": "abc123", "name": "greeting", "tags": ["friendly"],
        "versions": [
            {"body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hi"}]}},
            {"id": "01941f29-7c00-7000-8000-000000000001", "environments": ["production"],
             "inputs": [{"request_id": "r1", "inputs": {"name": "Ada"}}],
             "body": {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}}
        ]
    }]});
    Fixtures::from_json(&text.to_string()).unwrap()
}
