#![allow(clippy::print_stderr, reason = "it says why tests are not run")]
// A Postgres server of the tests' own: a private directory, a Unix socket, and `fsync = on`.
//
// It is included by path, because unit tests and integration tests share it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Starts the server, and ends it when the standard input ends, which is when the test's process does.
const SCRIPT: &str = r#"
set -e
directory=$1 programs=$2
"$programs/initdb" -D "$directory/data" -U tests -A trust -E UTF8 --locale=C >"$directory/log" 2>&1
"$programs/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= -c fsync=on \
    -c max_connections=200 >>"$directory/log" 2>&1 3<&- </dev/null &
server=$!
cat <&3 >/dev/null || true
kill -QUIT $server 2>/dev/null || true
wait $server 2>/dev/null || true
rm -rf "$directory"
"#;

/// Returns a URL with a schema that no other test uses, or `None` if there is no Postgres.
///
/// # Panics
///
/// Under `CI=true`, if there is no Postgres.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub(crate) fn new_url() -> Option<String> {
    static USED: AtomicU32 = AtomicU32::new(0);
    let socket = socket()?;
    let number = USED.fetch_add(1, Ordering::Relaxed);
    let host = socket.display().to_string().replace('/', "%2F");
    let process = std::process::id();
    Some(format!(
        "postgres://tests@{host}/postgres?schema=s{process}_{number}"
    ))
}

/// Returns the directory of the server's socket.
fn socket() -> Option<&'static Path> {
    static SERVER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let server = SERVER.get_or_init(|| {
        let started = programs().and_then(|programs| start(&programs));
        if started.is_none() {
            eprintln!("not run: no Postgres, or it does not start (apt-get install postgresql)");
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "there is no Postgres"
            );
        }
        started
    });
    server.as_deref()
}

/// Returns the directory of the newest server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let mut versions: Vec<PathBuf> = versions.flatten().map(|version| version.path()).collect();
    let number = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
    versions.sort_by_key(number);
    let found = versions
        .into_iter()
        .rev()
        .map(|version| version.join("bin"));
    found
        .into_iter()
        .find(|programs| programs.join("initdb").exists())
}

fn start(programs: &Path) -> Option<PathBuf> {
    let directory = tempfile::Builder::new()
        .prefix("promptbook-pg")
        .tempdir()
        .ok()?
        .keep();
    let mut server = Command::new("sh");
    server
        .args(["-c", &format!("exec 3<&0; {SCRIPT}"), "sh"])
        .arg(&directory)
        .arg(programs);
    server
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
        use std::os::unix::process::CommandExt;
        const NOBODY: u32 = 65534;
        // The server refuses to run as root.
        if fs::metadata(&directory).ok()?.uid() == 0 {
            chown(&directory, Some(NOBODY), Some(NOBODY)).ok()?;
            server.uid(NOBODY).gid(NOBODY);
        }
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).ok()?;
    }
    let server = server.spawn().ok()?;
    // The pipe stays open until this process ends.
    std::mem::forget(server);
    let began = Instant::now();
    let is_ready = || {
        fs::read_to_string(directory.join("log"))
            .is_ok_and(|log| log.contains("ready to accept connections"))
    };
    while !is_ready() {
        if began.elapsed() > Duration::from_secs(60) {
            eprintln!(
                "{}",
                fs::read_to_string(directory.join("log")).unwrap_or_default()
            );
            return None;
        }
        thread::sleep(Duration::from_millis(20));
    }
    Some(directory)
}
