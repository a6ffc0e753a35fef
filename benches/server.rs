//! The server under load by `wrk`, beside a floor: an axum handler that parses the same request and
//! answers the same bytes. All in one run: `cargo bench --bench server --features server`.
//!
//! `wrk` and both servers share the machine's cores, in turns of two seconds. The median of the
//! turns is printed.

#![allow(clippy::print_stdout, clippy::print_stderr)] // It prints figures.

use std::io::Write as _;
use std::process::{Command, ExitCode};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use promptbook::server::{Server, ServerOptions};
use promptbook::{BumpPolicy, CreatedPrompt, NewPrompt, StoreOptions};
use serde::Deserialize;

type Result<T, E = Box<dyn std::error::Error>> = std::result::Result<T, E>;

const ROUTE: &str = "/v1/prompt-2025/query/environment-version";
const UPDATE: &str = "/v1/prompt-2025/update";
const KEY: &str = "sk-bench";
const TURNS: usize = 5;

fn main() -> ExitCode {
    // `cargo bench -- --test` only checks that it runs: one short turn of each.
    let short = std::env::args().any(|argument| argument == "--test");
    if Command::new("wrk").arg("--version").output().is_err() {
        eprintln!("not run: wrk is not installed");
        return if short || std::env::var_os("CI").is_none() {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        };
    }
    match run(if short { 1 } else { TURNS }) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(turns: usize) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let options = StoreOptions::new().policy(BumpPolicy::Free);
    for (place, store) in [
        (
            "a directory",
            options.create(directory.path().join("store"))?,
        ),
        ("memory", options.in_memory()?),
    ] {
        let created = store.create_prompt(NewPrompt::new("greeting", body(0)))?;
        let options = ServerOptions::new().key(KEY);
        let server = Server::bind(store.clone(), &options, "127.0.0.1:0")?.start()?;
        let query = format!(
            r#"{{"promptId":"{}","environment":"production"}}"#,
            created.prompt.id
        );
        let ask = Load::new(server.url(), ROUTE, &query, "*")?;
        let query = Load::new(server.url(), ROUTE, &query, "")?;
        let bare = Bare::start(query.answer()?)?;
        let bare_ask = Load::new(&bare.url, ROUTE, &query.body, "*")?;
        let bare_query = Load::new(&bare.url, ROUTE, &query.body, "")?;
        for (what, ours, floor) in [
            ("unchanged pointer", &query, &bare_query),
            ("unchanged pointer that is known (304)", &ask, &bare_ask),
        ] {
            for clients in [1, 32] {
                let title = format!("{what}, store in {place}, {clients} clients");
                compare(&title, ours, floor, clients, turns)?;
            }
        }
        if store.path().is_some() {
            commits(server.url(), &created, turns)?;
        }
    }
    Ok(())
}

/// Runs both in turns, so that other load of the machine affects both alike.
fn compare(title: &str, ours: &Load, floor: &Load, clients: usize, turns: usize) -> Result<()> {
    let (mut rates, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        floors.push(floor.run(clients, 2)?);
        rates.push(ours.run(clients, 2)?);
    }
    let (rate, floor) = (median(rates), median(floors));
    let ratio = rate / floor;
    println!("{title}: {rate:.0}/s, bare axum {floor:.0}/s, ratio {ratio:.2}");
    Ok(())
}

/// Compares the rate of commits to one prompt by many clients with that of one.
fn commits(url: &str, created: &CreatedPrompt, turns: usize) -> Result<()> {
    let update = format!(
        r#"{{"promptId":"{}","promptVersionId":"{}","newMajorVersion":false,"commitMessage":"load","promptBody":{}}}"#,
        created.prompt.id,
        created.version.id,
        body(1),
    );
    let update = Load::new(url, UPDATE, &update, "")?;
    let rate = |clients| -> Result<f64> {
        Ok(median(
            (0..turns)
                .map(|_| update.run(clients, 2))
                .collect::<Result<_>>()?,
        ))
    };
    let (one, many) = (rate(1)?, rate(32)?);
    let ratio = many / one;
    println!("commits: 1 client {one:.0}/s, 32 clients {many:.0}/s, ratio {ratio:.2}");
    Ok(())
}

fn body(seed: usize) -> String {
    let text = "Be kind and brief. ".repeat(100);
    format!(
        r#"{{"model":"gpt-4o","seed":{seed},"messages":[{{"role":"system","content":"{text}"}}]}}"#
    )
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

/// One request, sent repeatedly.
struct Load {
    url: String,
    body: String,
    script: tempfile::NamedTempFile,
}

impl Load {
    /// Creates the request, with `If-None-Match` unless that is empty.
    fn new(base: &str, route: &str, body: &str, known: &str) -> Result<Self> {
        let mut script = tempfile::Builder::new().suffix(".lua").tempfile()?;
        writeln!(script, "wrk.method = 'POST'")?;
        writeln!(script, "wrk.body = [==[{body}]==]")?;
        writeln!(script, "wrk.headers['Content-Type'] = 'application/json'")?;
        writeln!(script, "wrk.headers['Authorization'] = 'Bearer {KEY}'")?;
        if !known.is_empty() {
            writeln!(script, "wrk.headers['If-None-Match'] = '{known}'")?;
        }
        Ok(Self {
            url: format!("{base}{route}"),
            body: body.to_owned(),
            script,
        })
    }

    /// Returns the requests per second, or an error if an answer was not successful.
    fn run(&self, clients: usize, seconds: usize) -> Result<f64> {
        let output = Command::new("wrk")
            .args(["-t", "1", "-c", &clients.to_string()])
            .args(["-d", &format!("{seconds}s"), "-s"])
            .args([self.script.path().as_os_str(), self.url.as_ref()])
            .output()?;
        let text = String::from_utf8(output.stdout)?;
        if text.contains("Non-2xx") || text.contains("Socket errors") {
            return Err(text.into());
        }
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix("Requests/sec:"));
        Ok(line.ok_or(text.clone())?.trim().parse()?)
    }

    fn answer(&self) -> Result<String> {
        let mut response = ureq::post(&self.url)
            .header("Authorization", format!("Bearer {KEY}"))
            .content_type("application/json")
            .send(&self.body)?;
        Ok(response.body_mut().read_to_string()?)
    }
}

/// The floor, with as many threads as the server.
struct Bare {
    url: String,
    _runtime: tokio::runtime::Runtime,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code)] // Parsed, as the server must.
struct Query {
    prompt_id: String,
    environment: String,
}

impl Bare {
    fn start(answer: String) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let answer = axum::body::Bytes::from(answer);
        let handler = move |headers: HeaderMap, body: axum::body::Bytes| {
            let answer = answer.clone();
            async move {
                let query: serde_json::Result<Query> = serde_json::from_slice(&body);
                match std::hint::black_box(query) {
                    Ok(_) if headers.contains_key(header::IF_NONE_MATCH) => {
                        StatusCode::NOT_MODIFIED.into_response()
                    }
                    Ok(_) => json(answer),
                    Err(_) => StatusCode::BAD_REQUEST.into_response(),
                }
            }
        };
        let router: axum::Router = axum::Router::new().route(ROUTE, post(handler));
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let url = format!("http://{}", listener.local_addr()?);
        runtime.spawn(async { axum::serve(listener, router).await });
        Ok(Self {
            url,
            _runtime: runtime,
        })
    }
}

fn json(answer: axum::body::Bytes) -> Response {
    const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
    ([(header::CONTENT_TYPE, JSON)], answer).into_response()
}
