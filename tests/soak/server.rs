//! `promptbook serve` beside the workers: a process that keeps the store open for a long time and
//! is written to over HTTP.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use fastrand::Rng;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::actions::{any_body, any_environment, any_prompt};
use crate::ledger::{Book, now};
use crate::settings::Hazard;
use crate::soak::Round;

/// The time within which a server must stop after it is asked to.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The HTTP status of a change whose outcome is unknown.
const UNKNOWN: u16 = 500;

/// Starts servers, one after the other, and calls them until the round is over.
pub fn serve(round: &Round<'_>) {
    let name = format!("r{}s", round.soak.number);
    let book = Book::create(&round.ledgers, &name);
    let mut rng = round.rng(20);
    for number in 0.. {
        if round.is_over() {
            break;
        }
        let handle = format!("{name}.{number}");
        let from = now();
        let Some(mut server) = Server::start(round, &handle) else {
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        book.line(&format!("open {handle} main {from} {}", now()));
        for call in 0..rng.u32(10..200) {
            let token = format!("{handle}#{call}");
            let is_answered = server.call(round, &book, &handle, &token, &mut rng);
            if round.is_over() || !is_answered {
                break;
            }
            if rng.u32(..40) == 0 && round.has(Hazard::Stops) {
                server.pause(Duration::from_millis(rng.u64(1..300)));
                round.count(|tally| tally.stops += 1);
            }
        }
        if let Err(what) = server.end(rng.bool() && round.has(Hazard::Kills)) {
            round.problem(format!("{handle}: {what}"));
        }
    }
}

struct Server {
    child: Child,
    url: String,
    agent: ureq::Agent,
}

impl Server {
    fn start(round: &Round<'_>, author: &str) -> Option<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
        command
            .arg("--store")
            .arg(round.soak.root.join("main/store"));
        command.args([
            "--json",
            "--author",
            author,
            "serve",
            "--addr",
            "127.0.0.1:0",
        ]);
        command.args(["--key", "soak", "--log", "off"]);
        command
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        let Some(url) = told["url"].as_str() else {
            // The server may fail to start, for example if there is no store at its path.
            child.wait().unwrap();
            return None;
        };
        let config = ureq::Agent::config_builder().http_status_as_error(false);
        Some(Self {
            child,
            url: url.to_owned(),
            agent: config.timeout_global(Some(TIMEOUT)).build().into(),
        })
    }

    fn post(&self, path: &str, body: &Value) -> Result<(u16, Value), ureq::Error> {
        let request = self
            .agent
            .post(format!("{}/v1/prompt-2025/{path}", self.url));
        let mut response = request
            .header("Authorization", "Bearer soak")
            .send_json(body)?;
        Ok((response.status().as_u16(), response.body_mut().read_json()?))
    }

    /// Reads a prompt's version in production, and usually commits a version based on it. Returns
    /// whether there was an answer.
    fn call(
        &self,
        round: &Round<'_>,
        book: &Book,
        handle: &str,
        token: &str,
        rng: &mut Rng,
    ) -> bool {
        let prompt = any_prompt(rng);
        let saw = |answer: &Value| {
            let id = answer["data"]["id"].as_str().map(str::to_owned);
            id.inspect(|id| book.line(&format!("saw {handle} version {id}")))
        };
        let read = self.post("query/production-version", &json!({"promptId": prompt}));
        let base = match read {
            Ok((200, answer)) => saw(&answer),
            Ok(_) => None,
            Err(_) => return false,
        };
        let Some(base) = base.filter(|_| rng.u32(..4) != 0) else {
            return true;
        };
        let body: Value = serde_json::from_str(&any_body(rng, token)).unwrap();
        let mut wish = json!({
            "promptId": prompt, "promptVersionId": base, "newMajorVersion": rng.bool(),
            "commitMessage": token, "promptBody": body,
        });
        if rng.u32(..3) == 0 {
            wish["environment"] = any_environment(rng).as_str().into();
        }
        book.attempt(token, handle, 1);
        round.count(|tally| tally.requests += 1);
        match self.post("update", &wish) {
            Ok((200, answer)) => {
                book.done(token, 1, []);
                saw(&answer);
                true
            }
            Ok((UNKNOWN, _)) => {
                book.line(&format!("unknown {token} -"));
                true
            }
            Ok((status, answer)) => {
                book.line(&format!("refused {token} {status}: {answer}"));
                true
            }
            Err(_) => false,
        }
    }

    fn pause(&self, pause: Duration) {
        let pid = Pid::from_child(&self.child);
        let _ = kill_process(pid, Signal::STOP);
        std::thread::sleep(pause);
        let _ = kill_process(pid, Signal::CONT);
    }

    fn end(&mut self, by_kill: bool) -> Result<(), String> {
        if let Some(ended) = self.child.try_wait().unwrap() {
            return Err(format!("the server ended without a request: {ended}"));
        }
        if by_kill {
            self.child.kill().unwrap();
            self.child.wait().unwrap();
            return Ok(());
        }
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let end = Instant::now() + TIMEOUT;
        while Instant::now() < end {
            if let Some(ended) = self.child.try_wait().unwrap() {
                return match ended.code() {
                    Some(0 | 1) => Ok(()),
                    _ => Err(format!("the server ended by {ended}")),
                };
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Err("the server hangs".into())
    }
}
