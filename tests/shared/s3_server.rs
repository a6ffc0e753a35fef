#![allow(clippy::print_stderr, reason = "it says why tests are not run")]
// An S3 server of the tests' own: `s3s-fs`, on a free port, in a private directory.
//
// It is included by path, because unit tests and integration tests share it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Starts the server, and ends it when the standard input ends, which is when the test's process does.
const SCRIPT: &str = r#"
exec 3<&0
directory=$1 program=$2 port=$3
"$program" --host 127.0.0.1 --port "$port" --access-key tests --secret-key secret "$directory" \
    >"$directory.log" 2>&1 3<&- </dev/null &
server=$!
cat <&3 >/dev/null || true
kill $server 2>/dev/null || true
rm -rf "$directory" "$directory.log"
"#;

/// A server, and where tests put their objects.
#[derive(Clone, Debug)]
pub(crate) struct S3Server {
    /// The address, as `http://127.0.0.1:9000`.
    pub(crate) endpoint: String,
    pub(crate) region: String,
    /// The access key id and the secret key, as in a URL.
    pub(crate) keys: String,
    pub(crate) bucket: String,
}

impl S3Server {
    /// Returns the parameters of a store's URL, with a prefix that no other test uses.
    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn new_parameters(&self) -> String {
        self.new_parameters_by(&self.endpoint)
    }

    /// Returns the same for the endpoint of a proxy.
    pub(crate) fn new_parameters_by(&self, endpoint: &str) -> String {
        static USED: AtomicU32 = AtomicU32::new(0);
        let number = USED.fetch_add(1, Ordering::Relaxed);
        let process = std::process::id();
        self.parameters(endpoint, &format!("p{process}-{number}"))
    }

    /// Returns the parameters of a store's URL, for a prefix and the endpoint of a proxy.
    #[allow(dead_code, reason = "not every test that includes this file needs it")]
    pub(crate) fn parameters(&self, endpoint: &str, prefix: &str) -> String {
        let Self {
            region,
            keys,
            bucket,
            ..
        } = self;
        format!("blobs=s3://{keys}@{bucket}/{prefix}&endpoint={endpoint}&region={region}")
    }
}

/// Returns the server, or `None` if there is none.
///
/// `PROMPTBOOK_TEST_S3` names a server that exists, as `ENDPOINT,REGION,ID,SECRET,BUCKET`.
///
/// # Panics
///
/// Under `CI=true`, if there is no server.
pub(crate) fn s3_server() -> Option<&'static S3Server> {
    static SERVER: OnceLock<Option<S3Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        if let Ok(named) = std::env::var("PROMPTBOOK_TEST_S3") {
            let parts: Vec<&str> = named.split(',').collect();
            let [endpoint, region, id, secret, bucket] = parts[..] else {
                panic!("PROMPTBOOK_TEST_S3 is ENDPOINT,REGION,ID,SECRET,BUCKET");
            };
            return Some(S3Server {
                endpoint: endpoint.into(),
                region: region.into(),
                keys: format!("{id}:{secret}"),
                bucket: bucket.into(),
            });
        }
        let started = program().and_then(|program| start(&program));
        if started.is_none() {
            eprintln!(
                "not run: no s3s-fs, or it does not start (cargo install s3s-fs --features binary)"
            );
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "there is no S3 server"
            );
        }
        started
    });
    server.as_ref()
}

/// Returns the server's program: on the path, or where `.ci/run` installs it.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
    places.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("target/s3/bin"));
    let mut programs = places.into_iter().map(|place| place.join("s3s-fs"));
    programs.find(|program| program.is_file())
}

fn start(program: &Path) -> Option<S3Server> {
    let directory = tempfile::Builder::new()
        .prefix("promptbook-s3")
        .tempdir()
        .ok()?
        .keep();
    fs::create_dir(directory.join("bucket")).ok()?;
    let port = TcpListener::bind("127.0.0.1:0")
        .ok()?
        .local_addr()
        .ok()?
        .port();
    let server = Command::new("sh")
        .args(["-c", SCRIPT, "sh"])
        .arg(&directory)
        .arg(program)
        .arg(port.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    // The pipe stays open until this process ends.
    std::mem::forget(server);
    let began = Instant::now();
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        if began.elapsed() > Duration::from_secs(60) {
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Some(S3Server {
        endpoint: format!("http://127.0.0.1:{port}"),
        region: "us-east-1".into(),
        keys: "tests:secret".into(),
        bucket: "bucket".into(),
    })
}
