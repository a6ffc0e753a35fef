//! The command `serve` on a store whose bodies are in S3: two servers beside each other, and an
//! object store that goes away and comes back.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use promptbook::StoreOptions;
use serde_json::{Value, json};

use crate::postgres_server::new_url;
use crate::s3_proxy::{S3Fault, S3Proxy};
use crate::s3_server::s3_server;
use crate::support::is_sound;

/// The number of clients that read unreachable bodies at the same time: more than a server has
/// threads for reads.
const CLIENTS: usize = 160;

/// A process that serves a store.
pub struct Served {
    child: Child,
    url: String,
}

/// A response: its status, its `Retry-After`, and its JSON.
pub type Answer = (u16, Option<String>, Value);

impl Served {
    fn start(store: &str) -> Self {
        Self::start_with(store, &[])
    }

    pub fn start_with(store: &str, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_promptbook"))
            .args(["--store", store, "serve", "--addr", "127.0.0.1:0"])
            .args(["--json", "--key", "given"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let announced: Value = serde_json::from_str(&line).unwrap();
        let url = announced["url"].as_str().unwrap().to_owned();
        Self { child, url }
    }

    pub fn call(&self, path: &str, body: Option<&Value>) -> Answer {
        self.try_call(path, body).unwrap()
    }

    /// Fails if the server ends before it has answered.
    fn try_call(&self, path: &str, body: Option<&Value>) -> Result<Answer, ureq::Error> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let url = format!("{}{path}", self.url);
        let mut response = match body {
            Some(body) => agent
                .post(url)
                .header("Authorization", "Bearer given")
                .send_json(body)?,
            None => agent
                .get(url)
                .header("Authorization", "Bearer given")
                .call()?,
        };
        let retry = response.headers().get("retry-after");
        let retry = retry.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        let body = response.body_mut().read_to_string()?;
        let json = serde_json::from_str(&body).unwrap_or_default();
        Ok((status, retry, json))
    }

    #[track_caller]
    fn post(&self, path: &str, body: &Value) -> Value {
        let (status, _, mut answer) = self.call(path, Some(body));
        assert!(status < 300, "{status} {answer}");
        answer["data"].take()
    }

    /// Ends the process without a chance to answer.
    fn kill(&self) {
        let id = self.child.id().to_string();
        let killed = Command::new("kill").args(["-s", "KILL", &id]).status();
        assert!(killed.unwrap().success());
    }

    /// Commits a body, and returns the id of its version.
    #[track_caller]
    fn commit(&self, prompt: &Value, base: &Value, body: &Value) -> Value {
        let update = json!({
            "promptId": prompt, "promptVersionId": base, "newMajorVersion": false,
            "commitMessage": "", "promptBody": body,
        });
        self.post("/v1/prompt-2025/update", &update)["id"].take()
    }

    fn body_of(&self, version: &Value) -> Answer {
        let version = version.as_str().unwrap();
        let (status, retry, mut answer) =
            self.call(&format!("/v1/prompt-2025/{version}/prompt-body"), None);
        (status, retry, answer["data"].take())
    }

    /// Asserts that all routes that read a body return this one.
    #[track_caller]
    fn assert_serves(&self, version: &Value, body: &Value) {
        let (status, retry, found) = self.body_of(version);
        assert_eq!((status, retry), (200, None), "{version}");
        assert_same(version, &found, body);
        let query = json!({"promptVersionId": version});
        let found = self.post("/v2/prompt-2025/query/version", &query);
        assert_same(version, &found["prompt_body"], body);
        let found = self.post("/v1/prompt-2025/query/version", &query);
        let signed = found["s3_url"].as_str().unwrap();
        let path = signed.strip_prefix(&self.url).unwrap();
        let (status, retry, found) = self.call(path, None);
        assert_eq!((status, retry), (200, None), "{version}");
        assert_same(version, &found, body);
    }
}

/// Asserts that a body is as expected. The message names its version and the first difference: the
/// bodies have tens of kilobytes.
#[track_caller]
fn assert_same(version: &Value, found: &Value, expected: &Value) {
    let difference = first_difference(&found.to_string(), &expected.to_string());
    if let Some(difference) = difference {
        panic!("the body of version {version} is another one: {difference}");
    }
}

/// Returns where two texts differ first, with a few characters of both.
fn first_difference(found: &str, expected: &str) -> Option<String> {
    const SHOWN: usize = 40;
    if found == expected {
        return None;
    }
    let both = found.chars().zip(expected.chars());
    let same = both.take_while(|(one, other)| one == other).count();
    let part = |text: &str| text.chars().skip(same).take(SHOWN).collect::<String>();
    let (found, expected) = (part(found), part(expected));
    Some(format!(
        "at character {same} it is {found:?}… instead of {expected:?}…"
    ))
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a body in a frame of its own.
fn large(number: usize) -> Value {
    let mut random = fastrand::Rng::with_seed(number as u64);
    let noise: String = (0..9000).map(|_| format!("{:x}", random.u32(..))).collect();
    json!({"model": "m", "messages": [{"role": "user", "content": format!("{number} {noise}")}]})
}

#[test]
fn servers_go_on_while_s3_does_not_answer() {
    let (Some(server), Some(tables)) = (s3_server(), new_url()) else {
        return;
    };
    let proxy = S3Proxy::start(&server.endpoint);
    let objects = server.new_parameters_by(&proxy.endpoint);
    let url = format!("{tables}&{objects}");
    let store = StoreOptions::new().create_url(&url).unwrap();
    let (first, second) = (Served::start(&url), Served::start(&url));

    let new = json!({"name": "greeting", "tags": [], "promptBody": large(0)});
    let created = first.post("/v1/prompt-2025", &new);
    let (prompt, base) = (&created["id"], &created["versionId"]);
    let mut versions = vec![base.clone()];
    for number in 1..=20 {
        // Neither server answers from an earlier state.
        let (one, other) = if number % 2 == 0 {
            (&first, &second)
        } else {
            (&second, &first)
        };
        versions.push(one.commit(prompt, base, &large(number)));
        let moved = json!({
            "promptId": prompt, "promptVersionId": versions[number], "environment": "production",
        });
        one.call("/v1/prompt-2025/update/environment", Some(&moved));
        let query = json!({"promptId": prompt});
        let found = other.post("/v2/prompt-2025/query/production-version", &query);
        assert_eq!(found["id"], versions[number]);
        assert_same(&versions[number], &found["prompt_body"], &large(number));
    }
    first.assert_serves(&versions[3], &large(3));
    store.checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    let cold = Served::start(&url);
    cold.assert_serves(&versions[3], &large(3));
    cold.assert_serves(&versions[0], &large(0));

    // A request that fails at once is repeated; then a client may try again.
    proxy.set(S3Fault::Gone);
    let journaled = cold.commit(prompt, base, &large(21));
    first.assert_serves(&journaled, &large(21));
    let (status, retry, _) = cold.body_of(&versions[5]);
    assert_eq!((status, retry.as_deref()), (503, Some("1")));
    assert!(store.stats().unwrap().journaled_bodies >= 1);

    proxy.set(S3Fault::None);
    for (number, version) in versions.iter().enumerate().skip(4) {
        cold.assert_serves(version, &large(number));
    }

    // Without any answer, clients that need no object are not delayed by those that do.
    let hung = Served::start(&url);
    hung.assert_serves(&versions[3], &large(3));
    proxy.set(S3Fault::Hang);
    let journaled = first.commit(prompt, base, &large(22));
    let read = |client: usize| {
        let version = versions[5 + client % 15].as_str().unwrap();
        hung.try_call(&format!("/v1/prompt-2025/{version}/prompt-body"), None)
    };
    let read = &read;
    let busy = thread::scope(|scope| {
        let waiting: Vec<_> = (0..CLIENTS)
            .map(|client| scope.spawn(move || read(client)))
            .collect();
        thread::sleep(Duration::from_millis(500));
        let asked = Instant::now();
        hung.assert_serves(&versions[3], &large(3));
        hung.assert_serves(&journaled, &large(22));
        let committed = hung.commit(prompt, base, &large(23));
        hung.assert_serves(&committed, &large(23));
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(10), "{took:?}");
        assert!(waiting.iter().any(|client| !client.is_finished()));
        hung.kill();
        let answers = waiting.into_iter().map(|client| client.join().unwrap());
        let answers: Vec<Answer> = answers.filter_map(Result::ok).collect();
        assert!(answers.iter().all(|(status, ..)| *status == 503));
        answers.len()
    });
    assert!(busy > CLIENTS / 2, "{busy} clients were answered");

    proxy.set(S3Fault::None);
    drop((first, second, cold, hung));
    store.checkpoint().unwrap();
    assert_eq!(store.stats().unwrap().journaled_bodies, 0);
    is_sound(&store);
}
