//! The `promptbook serve` command: its output, its key, and its shutdown.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test panics to report what failed"
)]

use std::fs::Permissions;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;

use promptbook::server::fake::Fake;
use promptbook::{NewPrompt, Store};
use serde_json::{Value, json};

const BODY: &str = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;

fn command(store: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_promptbook"));
    command.arg("--store").arg(store).arg("serve");
    command.args(arguments);
    command
        .env_remove("PROMPTBOOK_KEY")
        .env_remove("PROMPTBOOK_LOG");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A server that runs as a process.
struct Served {
    child: Child,
    url: String,
    key: String,
    /// The announcement that it printed.
    told: Value,
    /// The reader of its standard error, until it ends.
    log: Option<JoinHandle<String>>,
}

impl Served {
    fn start(store: &Path, arguments: &[&str]) -> Self {
        Self::start_by(&[], store, arguments)
    }

    /// Starts it through another program, to whose arguments the command is appended.
    fn start_by(wrapper: &[&str], store: &Path, arguments: &[&str]) -> Self {
        let mut arguments = arguments.to_vec();
        arguments.extend(["--addr", "127.0.0.1:0", "--json"]);
        let mut command = command(store, &arguments);
        if let [program, first @ ..] = wrapper {
            let mut wrapped = Command::new(program);
            wrapped.args(first).arg(command.get_program());
            wrapped.args(command.get_args());
            wrapped
                .env_remove("PROMPTBOOK_KEY")
                .env_remove("PROMPTBOOK_LOG");
            wrapped.stdout(Stdio::piped()).stderr(Stdio::piped());
            command = wrapped;
        }
        Self::spawn(command)
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).unwrap();
            text
        });
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_default();
        Self {
            child,
            url: told["url"].as_str().unwrap_or_default().to_owned(),
            key: told["key"].as_str().unwrap_or("given").to_owned(),
            told,
            log: Some(log),
        }
    }

    /// Returns the status and the answer.
    fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut response = agent
            .post(format!("{}{path}", self.url))
            .header("Authorization", format!("Bearer {}", self.key))
            .send_json(body)
            .unwrap();
        let status = response.status().as_u16();
        (status, response.body_mut().read_json().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let kill = Command::new("kill").args(["-s", name, &id]).status();
        assert!(kill.unwrap().success());
    }

    /// Stops it and returns its log.
    fn end(mut self) -> String {
        self.signal("TERM");
        let ended = self.child.wait().unwrap();
        let log = self.log.take().unwrap().join().unwrap();
        assert!(ended.success(), "{log}");
        log
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn greeting(place: &Path) -> promptbook::CreatedPrompt {
    let store = Store::create(place).unwrap();
    store
        .create_prompt(NewPrompt::new("greeting", BODY))
        .unwrap()
}

/// The directory is removed under the server, then restored from a backup. No update may be
/// acknowledged and lost.
#[test]
fn a_store_that_is_removed_while_it_is_served_is_not_available() {
    let directory = tempfile::tempdir().unwrap();
    let (place, backup) = (directory.path().join("s"), directory.path().join("backup"));
    let created = greeting(&place);
    let store = Store::open(&place).unwrap();
    store.backup(&backup).unwrap();
    drop(store);
    let served = Served::start(&place, &["--key", "given"]);
    let update = || {
        let body = json!({
            "promptId": created.prompt.id,
            "promptVersionId": created.version.id,
            "newMajorVersion": false,
            "environment": "production",
            "commitMessage": "lost",
            "promptBody": {"messages": [], "seed": 1},
        });
        served.post("/v1/prompt-2025/update", &body)
    };
    std::fs::remove_dir_all(&place).unwrap();
    let (status, answer) = update();
    assert_eq!(status, 503, "removed: {answer}");
    Store::restore(&backup, &place).unwrap();
    let (status, answer) = update();
    assert_eq!(status, 503, "restored: {answer}");
    let query = json!({"promptId": created.prompt.id});
    let (status, answer) = served.post("/v1/prompt-2025/query/production-version", &query);
    assert_eq!(status, 503, "a read: {answer}");
    let log = served.end();
    assert!(log.contains("moved, removed or replaced"), "{log}");
    assert_eq!(Store::open(&place).unwrap().stats().unwrap().operations, 1);
}

#[test]
fn the_key_is_created_once_and_accepted() {
    let place = tempfile::tempdir().unwrap();
    let created = greeting(place.path());
    let query = json!({"promptId": created.prompt.id});
    let route = "/v1/prompt-2025/query/production-version";
    let first = Served::start(place.path(), &[]);
    let (status, answer) = first.post(route, &query);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["data"]["id"], created.version.id.to_string());
    let key = first.key.clone();
    first.end();
    let again = Served::start(place.path(), &[]);
    assert_eq!(again.key, key);
    let mut stranger = again;
    stranger.key = "sk-other".into();
    assert_eq!(stranger.post(route, &query).0, 401);
    stranger.end();
}

#[test]
fn the_log_contains_no_body_key_or_signature() {
    let place = tempfile::tempdir().unwrap();
    let created = greeting(place.path());
    for level in ["info", "debug"] {
        let served = Served::start(place.path(), &["--log", level]);
        let query = json!({"promptVersionId": created.version.id});
        let (_, answer) = served.post("/v1/prompt-2025/query/version", &query);
        let url = answer["data"]["s3_url"].as_str().unwrap();
        assert!(
            ureq::get(url)
                .call()
                .unwrap()
                .body_mut()
                .read_to_string()
                .unwrap()
                == BODY
        );
        let (_, signature) = url.split_once("signature=").unwrap();
        let key = served.key.clone();
        let log = served.end();
        assert!(log.contains("/v1/prompt-2025/query/version"), "{log}");
        assert!(log.contains("status=200"), "{log}");
        for secret in [&key, signature, "Greet"] {
            assert!(!log.contains(secret), "{secret} in {log}");
        }
    }
    let quiet = Served::start(place.path(), &["--log", "warn"]);
    quiet.post("/v1/prompt-2025/query/version", &json!({}));
    assert_eq!(quiet.end(), "");
}

#[test]
fn a_request_in_progress_is_answered_before_it_ends() {
    let place = tempfile::tempdir().unwrap();
    greeting(place.path());
    for signal in ["INT", "TERM"] {
        let served = Served::start(place.path(), &["--key", "given"]);
        let authority = served.url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(authority).unwrap();
        let body = r#"{"search":"","tagsFilter":[],"page":0,"pageSize":1}"#;
        let head = format!(
            "POST /v1/prompt-2025/query HTTP/1.1\r\nHost: {authority}\r\nAuthorization: Bearer given\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(200));
        served.signal(signal);
        std::thread::sleep(std::time::Duration::from_millis(200));
        stream.write_all(body.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.contains("greeting"), "{answer}");
        let mut served = served;
        assert!(served.child.wait().unwrap().success());
    }
}

/// Signals are handled before the server announces its address.
#[test]
fn it_handles_signals_as_soon_as_it_has_announced_its_address() {
    let place = tempfile::tempdir().unwrap();
    greeting(place.path());
    for _ in 0..5 {
        Served::start(place.path(), &[]).end();
    }
}

#[test]
fn a_second_signal_does_not_wait() {
    let place = tempfile::tempdir().unwrap();
    greeting(place.path());
    let mut served = Served::start(place.path(), &[]);
    let authority = served.url.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    stream
        .write_all(
            b"POST /v1/prompt-2025/query HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ",
        )
        .unwrap();
    write!(
        stream,
        "{}\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n",
        served.key
    )
    .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    served.signal("TERM");
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(
        served.child.try_wait().unwrap().is_none(),
        "it did not wait"
    );
    served.signal("TERM");
    assert_eq!(served.child.wait().unwrap().code(), Some(1));
}

/// A client has begun a request and does not continue.
#[test]
fn an_incomplete_request_does_not_delay_the_end() {
    let place = tempfile::tempdir().unwrap();
    greeting(place.path());
    let mut served = Served::start(place.path(), &[]);
    let mut stream = TcpStream::connect(served.url.strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(b"GET /heal").unwrap();
    std::thread::sleep(std::time::Duration::from_millis(200));
    let begun = std::time::Instant::now();
    served.signal("TERM");
    assert!(served.child.wait().unwrap().success());
    // The limits alone would end it after 30 s.
    assert!(begun.elapsed().as_secs() < 15, "{:?}", begun.elapsed());
}

/// The number of connections is limited so that the store can still open files.
#[test]
fn idle_connections_leave_open_files_to_the_store() {
    let place = tempfile::tempdir().unwrap();
    let created = greeting(place.path());
    let wrapper = ["sh", "-c", "ulimit -n 64; exec \"$0\" \"$@\""];
    let served = Served::start_by(&wrapper, place.path(), &["--log", "error"]);
    let authority = served.url.strip_prefix("http://").unwrap().to_owned();
    let count = format!(
        "GET /v1/prompt-2025/count HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        served.key
    );
    let mut early = TcpStream::connect(&authority).unwrap();
    let mut answer = [0; 1024];
    let mut ask = |request: &str| {
        early.write_all(request.as_bytes()).unwrap();
        let length = early.read(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..length]).into_owned()
    };
    assert!(ask(&count).starts_with("HTTP/1.1 200"));
    let begun = std::time::Instant::now();
    let idle: Vec<TcpStream> = (0..70)
        .map(|_| TcpStream::connect(&authority).unwrap())
        .collect();
    let body = format!("/v1/prompt-2025/{}/prompt-body", created.version.id);
    let read = ask(&count.replace("/v1/prompt-2025/count", &body));
    assert!(read.starts_with("HTTP/1.1 200"), "{read}");
    // Afterwards they have been idle for long enough to be closed for others.
    std::thread::sleep(std::time::Duration::from_millis(1500));
    let query = json!({"promptId": created.prompt.id});
    let version = json!({"promptVersionId": created.version.id});
    let update = json!({
        "promptId": created.prompt.id, "promptVersionId": created.version.id, "newMajorVersion": false,
        "commitMessage": "", "promptBody": {},
    });
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                for (route, body) in [
                    ("/v2/prompt-2025/query/version", &version),
                    ("/v1/prompt-2025/query/versions", &query),
                    ("/v1/prompt-2025/update", &update),
                ] {
                    let (mut status, mut answer) = served.post(route, body);
                    // Sixteen concurrent connections, and as many that are closing, may be too
                    // many; the store itself never fails.
                    for _ in 0..50 {
                        if status != 503 {
                            break;
                        }
                        assert_eq!(answer["error"], "Too many connections");
                        std::thread::sleep(std::time::Duration::from_millis(200));
                        (status, answer) = served.post(route, body);
                    }
                    assert_eq!(status, 200, "{route}: {answer}");
                }
            });
        }
    });
    // Without the new connections, the idle ones would be closed after 30 s.
    assert!(begun.elapsed().as_secs() < 25, "{:?}", begun.elapsed());
    drop(idle);
    assert_eq!(served.end(), "", "errors were logged");
}

/// A full disk is an error neither of the client nor of the server.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_reported() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path();
    // A separate file system, which is unmounted when the process ends.
    let mount = "mount -t tmpfs -o size=4m none \"$0\" && { [ $# = 0 ] || exec \"$@\"; }";
    let wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        mount,
    ];
    let mut tried = Command::new(wrapper[0]);
    let tried = tried.args(&wrapper[1..]).arg(path).output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        assert!(
            std::env::var_os("CI").is_none_or(|ci| ci != "true"),
            "no file system can be mounted"
        );
        #[allow(clippy::print_stdout, reason = "it reports why the test is skipped")]
        {
            println!("not run: no file system can be mounted in a new namespace");
        }
        return;
    }
    let store = path.join("store");
    let text = path.to_str().unwrap();
    let init = "\"$1\" --store \"$3\" init >&2 && exec \"$@\"";
    let script = format!("mount -t tmpfs -o size=4m none '{text}' && {init}");
    let wrapper = [
        "unshare",
        "--user",
        "--map-root-user",
        "--mount",
        "sh",
        "-c",
        &script,
        "sh",
    ];
    let served = Served::start_by(&wrapper, &store, &["--log", "error"]);
    let new = |bytes: usize, number: u32| {
        let text = format!("{number} ").repeat(bytes / 2);
        json!({"name": "n", "tags": [], "promptBody": {"a": text}})
    };
    let route = "/v1/prompt-2025";
    let (status, answer) = served.post(route, &new(10, 0));
    assert_eq!(status, 201, "{answer}");
    let mut full = (1..20).map(|number| served.post(route, &new(1_000_000, number)));
    let (status, answer) = full.find(|(status, _)| *status != 201).unwrap();
    assert_eq!(
        (status, &answer["error"]),
        (507, &json!("The disk is full"))
    );
    let count = json!({"search": "", "tagsFilter": [], "page": 0, "pageSize": 100});
    assert_eq!(
        served.post("/v1/prompt-2025/query", &count).0,
        200,
        "reads go on"
    );
    let log = served.end();
    assert!(log.contains("full"), "{log}");
}

#[test]
fn the_bump_policy_and_the_status_mode_are_options() {
    let place = tempfile::tempdir().unwrap();
    let created = greeting(place.path());
    let breaking = json!({
        "promptId": created.prompt.id, "promptVersionId": created.version.id, "newMajorVersion": false,
        "commitMessage": "", "promptBody": {"messages": [{"role": "user", "content": "{{hc:name:number}}"}]},
    });
    let unknown = json!({"promptVersionId": "none"});
    let strict = Served::start(place.path(), &["--enforce-bumps", "--status", "live"]);
    let (status, answer) = strict.post("/v1/prompt-2025/update", &breaking);
    assert_eq!(status, 409, "{answer}");
    assert!(
        answer["error"].as_str().unwrap().contains("name"),
        "{answer}"
    );
    assert_eq!(
        strict.post("/v1/prompt-2025/query/version", &unknown).0,
        500
    );
    strict.end();
    let free = Served::start(place.path(), &[]);
    assert_eq!(free.post("/v1/prompt-2025/update", &breaking).0, 200);
    assert_eq!(free.post("/v1/prompt-2025/query/version", &unknown).0, 404);
    free.end();
}

#[test]
fn errors_at_the_start_are_reported() {
    let place = tempfile::tempdir().unwrap();
    let run = |store: &Path, arguments: &[&str]| -> (i32, String) {
        let Output { status, stderr, .. } = command(store, arguments).output().unwrap();
        (status.code().unwrap(), String::from_utf8(stderr).unwrap())
    };
    let (code, told) = run(&place.path().join("none"), &[]);
    assert_eq!(code, 3, "{told}");
    let store = place.path().join("store");
    greeting(&store);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (arguments, code, expected) in [
        (
            &["--addr", "0.0.0.0:0"][..],
            2,
            "pass a key with --key-file FILE",
        ),
        (
            &["--addr", "0.0.0.0:0", "--key", ""],
            2,
            "pass a key with --key-file FILE",
        ),
        (&["--addr", &taken], 1, &taken),
        (&["--addr", "nonsense"], 2, "nonsense"),
        (&["--addr", "8585"], 2, "8585"),
        (&["--addr", "127.0.0.1:99999"], 2, "127.0.0.1:99999"),
        (&["--addr", "127.0.0.1:0", "--host", "a b"], 2, "a b"),
        (
            &["--addr", "127.0.0.1:0", "--allow-origin", "nonsense"],
            2,
            "nonsense",
        ),
        (
            &["--addr", "127.0.0.1:0", "--public-url", "nonsense"],
            2,
            "nonsense",
        ),
        (&["--addr", "127.0.0.1:0", "--key", "  "], 2, "key"),
    ] {
        let (found, told) = run(&store, arguments);
        assert_eq!(found, code, "{arguments:?}: {told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
}

const ROUTE: &str = "/v1/prompt-2025/query/production-version";

/// Sets the mode of a file.
fn allow(path: &Path, mode: u32) {
    std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn the_secrets_are_readable_by_the_owner_only_and_not_in_the_index() {
    let place = tempfile::tempdir().unwrap();
    greeting(place.path());
    let index = place.path().join("index.db");
    if rustix::process::geteuid().is_root() {
        // As with `sudo promptbook serve` on the store of another user.
        chown(&index, Some(NOBODY), Some(NOBODY)).unwrap();
    }
    let served = Served::start(place.path(), &[]);
    let key = served.key.clone();
    assert_eq!(served.told["made"], true);
    served.end();
    let found = std::fs::metadata(place.path().join("secrets")).unwrap();
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    assert_eq!(found.uid(), std::fs::metadata(&index).unwrap().uid());
    for entry in std::fs::read_dir(place.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() && !path.ends_with("secrets") {
            let bytes = std::fs::read(&path).unwrap();
            let has = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!has, "{} has the key", path.display());
        }
    }
    let again = Served::start(place.path(), &[]);
    assert_eq!(again.told["made"], false);
    assert_eq!(again.key, key);
    again.end();
}

/// Returns the path of a URL that the server signed.
fn signed(served: &Served, created: &promptbook::CreatedPrompt) -> String {
    let query = json!({"promptVersionId": created.version.id});
    let (_, answer) = served.post("/v1/prompt-2025/query/version", &query);
    let url = answer["data"]["s3_url"].as_str().unwrap();
    url.strip_prefix(&served.url).unwrap().to_owned()
}

fn status_of(served: &Served, path: &str) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let answer = agent.get(format!("{}{path}", served.url)).call();
    answer.unwrap().status().as_u16()
}

#[test]
fn a_restored_store_gets_new_secrets_and_reports_it() {
    let place = tempfile::tempdir().unwrap();
    let at = |name: &str| place.path().join(name);
    let created = greeting(&at("store"));
    let query = json!({"promptId": created.prompt.id});
    let first = Served::start(&at("store"), &[]);
    let (key, path) = (first.key.clone(), signed(&first, &created));
    assert_eq!(status_of(&first, &path), 200);
    first.end();
    let store = Store::open(at("store")).unwrap();
    store.backup(at("backup")).unwrap();
    Store::restore(at("backup"), at("restored")).unwrap();
    let mut restored = Served::start(&at("restored"), &[]);
    assert_eq!(restored.told["made"], true);
    assert_ne!(restored.key, key);
    assert_eq!(restored.post(ROUTE, &query).0, 200);
    assert_eq!(status_of(&restored, &path), 403);
    restored.key = key;
    assert_eq!(restored.post(ROUTE, &query).0, 401);
    let log = restored.end();
    assert!(log.contains("created new secrets"), "{log}");
}

#[test]
fn a_key_is_read_from_a_file() {
    let place = tempfile::tempdir().unwrap();
    let created = greeting(&place.path().join("store"));
    let (store, file) = (place.path().join("store"), place.path().join("key"));
    let name = file.to_str().unwrap();
    for (text, mode) in [
        ("sk-mine\n", 0o600),
        ("sk-mine\r\n", 0o640),
        ("sk-mine", 0o604),
    ] {
        std::fs::write(&file, text).unwrap();
        allow(&file, mode);
        let mut served = Served::start(&store, &["--key-file", name]);
        assert_eq!(
            served.told["key"],
            Value::Null,
            "a configured key was announced"
        );
        let query = json!({"promptId": created.prompt.id});
        for (key, status) in [("sk-mine", 200), ("sk-other", 401)] {
            served.key = key.into();
            assert_eq!(served.post(ROUTE, &query).0, status, "{key}");
        }
        let warns = served.end().contains("other users can read the key");
        assert_eq!(warns, mode != 0o600, "{mode:o}");
    }
    let run = |arguments: &[&str]| {
        let Output { status, stderr, .. } = command(&store, arguments).output().unwrap();
        (status.code(), String::from_utf8(stderr).unwrap())
    };
    let both = run(&["--key-file", name, "--key", "sk-other"]);
    assert_eq!(both.0, Some(2), "{}", both.1);
    assert!(both.1.contains("both by --key"), "{}", both.1);
    let missing = run(&["--key-file", "missing"]);
    assert_eq!(missing.0, Some(3), "{}", missing.1);
    for text in ["", "\n", "\r\n", "two\nlines", " spaces "] {
        std::fs::write(&file, text).unwrap();
        let refused = run(&["--key-file", name]);
        assert_eq!(refused.0, Some(2), "{text:?}: {}", refused.1);
        assert!(
            !refused.1.contains("lines"),
            "the log contains it: {}",
            refused.1
        );
    }
    std::fs::write(&file, [0xff, 0xfe]).unwrap();
    assert_eq!(run(&["--key-file", name]).0, Some(2));
}

/// The user id of `nobody` on every Unix.
const NOBODY: u32 = 65534;

/// Returns a command that serves a store which it may read, but whose secrets it may not.
fn command_of_a_reader(reach: &Path, store: &Path, arguments: &[&str]) -> Command {
    let is_root = std::fs::read(store.join("secrets")).is_ok();
    let mut reader = if is_root {
        // The checkout may be unreadable for `nobody`.
        let copy = reach.join("promptbook");
        if !copy.exists() {
            // A separate process writes the copy. Otherwise a child that another test starts
            // meanwhile would inherit the file open for writing.
            let this = env!("CARGO_BIN_EXE_promptbook");
            let copied = Command::new("cp").arg(this).arg(&copy).status();
            assert!(copied.unwrap().success());
        }
        let mut command = Command::new(copy);
        command.uid(NOBODY).gid(NOBODY);
        command
    } else {
        Command::new(env!("CARGO_BIN_EXE_promptbook"))
    };
    reader
        .env_remove("PROMPTBOOK_KEY")
        .env_remove("PROMPTBOOK_LOG");
    reader
        .arg("--store")
        .arg(store)
        .arg("serve")
        .args(arguments);
    reader
        .current_dir("/")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    reader
}

#[test]
fn a_reader_without_the_secrets_needs_a_key_and_signs_with_its_own_secret() {
    let place = tempfile::tempdir().unwrap();
    allow(place.path(), 0o755);
    let (store, file) = (place.path().join("store"), place.path().join("key"));
    let created = greeting(&store);
    let owner = Served::start(&store, &[]);
    let path = signed(&owner, &created);
    owner.end();
    std::fs::write(&file, "sk-theirs\n").unwrap();
    allow(&file, 0o644);
    // For a process without root's rights, this has the effect of another owner.
    if !rustix::process::geteuid().is_root() {
        allow(&store.join("secrets"), 0);
    }
    let options = ["--read-only", "--addr", "127.0.0.1:0", "--json"];
    let refused = command_of_a_reader(place.path(), &store, &options)
        .output()
        .unwrap();
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(
        told.contains("Permission denied") && told.contains("--key-file"),
        "{told}"
    );

    let file = file.to_str().unwrap();
    let options = [&options[..], &["--key-file", file]].concat();
    let mut served = Served::spawn(command_of_a_reader(place.path(), &store, &options));
    served.key = "sk-theirs".into();
    assert_eq!(served.told["made"], false);
    let own = signed(&served, &created);
    assert_eq!(status_of(&served, &own), 200);
    assert_eq!(
        status_of(&served, &path),
        403,
        "the reader has the owner's secret"
    );
    let new = json!({"name": "new", "tags": [], "promptBody": {"messages": []}});
    assert_eq!(served.post("/v1/prompt-2025", &new).0, 403);
    served.end();
}

/// For example, a backup serves reads while its store is unavailable.
#[test]
fn a_read_only_store_is_served_with_a_key_and_not_changed() {
    let place = tempfile::tempdir().unwrap();
    let created = greeting(place.path());
    // Without a key, the server makes one that works until it stops.
    let served = Served::start(place.path(), &["--read-only"]);
    assert_eq!(
        (&served.told["temporary"], &served.told["made"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(
        served
            .post(ROUTE, &json!({"promptId": created.prompt.id}))
            .0,
        200
    );
    let first = served.key.clone();
    served.end();
    let served = Served::start(place.path(), &["--read-only"]);
    assert_ne!(served.key, first);
    served.end();
    let mut served = Served::start(place.path(), &["--read-only", "--key", "sk-given"]);
    served.key = "sk-given".into();
    let query = json!({"promptId": created.prompt.id});
    assert_eq!(served.post(ROUTE, &query).0, 200);
    let path = signed(&served, &created);
    assert_eq!(status_of(&served, &path), 200);
    served.end();
    assert!(!place.path().join("secrets").exists());
}

#[test]
fn requests_are_forwarded_to_the_upstream_and_no_key_gets_into_the_log() {
    let place = tempfile::tempdir().unwrap();
    let store = place.path().join("store");
    let created = greeting(&store);
    let upstream = Fake::start().unwrap();
    let (own, other) = (place.path().join("own"), place.path().join("other"));
    std::fs::write(&own, "sk-of-the-client\n").unwrap();
    std::fs::write(&other, format!("{}\n", upstream.key())).unwrap();
    for file in [&own, &other] {
        std::fs::set_permissions(file, Permissions::from_mode(0o600)).unwrap();
    }
    let (own, other) = (own.to_str().unwrap(), other.to_str().unwrap());
    let mut served = Served::start(
        &store,
        &[
            "--log",
            "debug",
            "--key-file",
            own,
            "--upstream",
            upstream.url(),
            "--upstream-key-file",
            other,
        ],
    );
    served.key = "sk-of-the-client".into();
    let request = json!({"prompt_id": created.prompt.id, "model": "m", "inputs": {"name": "Ada"}});
    let (status, answer) = served.post("/v1/chat/completions", &request);
    assert_eq!(status, 200, "{answer}");
    let sent = &upstream.calls()[0];
    let messages = json!([{"role": "user", "content": "Greet Ada."}]);
    assert_eq!(sent.path, "/v1/chat/completions");
    assert_eq!(
        sent.json,
        Some(json!({"messages": messages, "model": "m"})),
        "the merged request"
    );
    drop(upstream);
    let (status, answer) = served.post("/v1/chat/completions", &request);
    assert_eq!(
        (status, answer),
        (502, json!({"error": "The upstream cannot be reached"}))
    );
    let log = served.end();
    assert!(!log.contains("sk-"), "{log}");
    assert!(log.contains("number=1.0"), "{log}");

    for wrong in [
        &["--upstream", "example.com"][..],
        &["--upstream-key-file", other],
        &[
            "--upstream",
            "http://a.example",
            "--upstream-key-file",
            "/nowhere",
        ],
        &["--record-inputs", "--read-only"],
    ] {
        let output = command(&store, wrong).output().unwrap();
        assert!(!output.status.success(), "{wrong:?}");
    }
}

#[cfg(feature = "postgres")]
#[path = "shared/postgres_server.rs"]
mod postgres_server;

/// Servers on one store in Postgres, as behind a load balancer: each answers at once what was changed
/// through another, and they share the key and the signatures of URLs.
#[cfg(feature = "postgres")]
#[test]
fn servers_of_one_store_in_postgres_are_never_stale() {
    use promptbook::StoreOptions;

    let Some(url) = postgres_server::new_url() else {
        return;
    };
    let store = StoreOptions::new().create_url(&url).unwrap();
    let created = store
        .create_prompt(NewPrompt::new("greeting", BODY))
        .unwrap();
    let servers = [(); 3].map(|()| Served::start(Path::new(&url), &[]));
    assert!(servers.iter().all(|server| server.key == servers[0].key));
    let query = json!({"promptId": created.prompt.id});
    let mut last = json!(created.version.id);
    for round in 0..12 {
        for server in &servers {
            let route = "/v1/prompt-2025/query/production-version";
            let (status, answer) = server.post(route, &query);
            assert_eq!((status, &answer["data"]["id"]), (200, &last), "{answer}");
        }
        let update = json!({
            "promptId": created.prompt.id,
            "promptVersionId": last,
            "newMajorVersion": false,
            "environment": "production",
            "commitMessage": "",
            "promptBody": {"messages": [], "seed": round},
        });
        let (status, answer) = servers[round % 3].post("/v1/prompt-2025/update", &update);
        assert_eq!(status, 200, "{answer}");
        last = answer["data"]["id"].clone();
    }
    let version = json!({"promptVersionId": created.version.id});
    let (_, answer) = servers[0].post("/v1/prompt-2025/query/version", &version);
    let signed = answer["data"]["s3_url"].as_str().unwrap();
    let elsewhere = signed.replace(&servers[0].url, &servers[1].url);
    let mut body = ureq::get(elsewhere).call().unwrap();
    assert_eq!(body.body_mut().read_to_string().unwrap(), BODY);
    for server in servers {
        server.end();
    }
}
