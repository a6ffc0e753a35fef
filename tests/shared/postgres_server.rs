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

/// Starts the server again whenever it ends. Ends it when the standard input ends, which is when the
/// test's process does.
const SCRIPT: &str = r#"
set -e
directory=$1 programs=$2 copied=$3
shift 3
if [ -n "$copied" ]; then
    "$programs/pg_basebackup" -D "$directory/data" -h "$copied" -U tests -c fast >"$directory/log" 2>&1
else
    "$programs/initdb" -D "$directory/data" -U tests -A trust -E UTF8 --locale=C >"$directory/log" 2>&1
fi
(
    cat <&3 >/dev/null || true
    touch "$directory/ended"
    while [ -d "$directory" ]; do
        kill -QUIT "$(head -n 1 "$directory/data/postmaster.pid")" 2>/dev/null || true
        sleep 0.1
    done
) &
exec 3<&-
while [ ! -e "$directory/ended" ]; do
    "$programs/postgres" -D "$directory/data" -k "$directory" -c listen_addresses= \
        -c fsync=on -c max_connections=200 "$@" >>"$directory/log" 2>&1 </dev/null || sleep 0.05
done
rm -rf "$directory"
"#;

/// Runs tests in a process of their own.
///
/// # Panics
///
/// If one of them fails, with what they print.
#[allow(
    dead_code,
    reason = "not every test that includes this file needs all of it"
)]
pub(crate) fn run_tests(command: &mut Command) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

/// A server of a test's own. It ends with the process.
#[derive(Clone, Debug)]
pub(crate) struct Server(PathBuf);

#[allow(
    dead_code,
    reason = "not every test that includes this file needs all of it"
)]
impl Server {
    /// Starts a server with additional options, or returns `None` if there is no Postgres.
    ///
    /// # Panics
    ///
    /// Under `CI=true`, if there is no Postgres.
    pub(crate) fn start(options: &[&str]) -> Option<Self> {
        let started = programs().and_then(|programs| start(&programs, None, options));
        if started.is_none() {
            eprintln!("not run: no Postgres, or it does not start (apt-get install postgresql)");
            assert_ne!(
                std::env::var("CI").as_deref(),
                Ok("true"),
                "there is no Postgres"
            );
        }
        started.map(Self)
    }

    /// Starts a server with a copy of this one's databases.
    pub(crate) fn copy(&self) -> Self {
        Self(start(&programs().unwrap(), Some(&self.0), &[]).unwrap())
    }

    /// Runs statements, and returns what `psql` prints.
    pub(crate) fn sql(&self, statements: &str) -> String {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(&file, statements).unwrap();
        let file = file.path().display().to_string();
        let options = [
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            "postgres",
            "-Atq",
            "-f",
            &file,
        ];
        self.program("psql", &options)
    }

    /// Runs a client program of Postgres, and returns its output.
    pub(crate) fn program(&self, name: &str, arguments: &[&str]) -> String {
        let mut program = Command::new(programs().unwrap().join(name));
        program.arg("-h").arg(&self.0).args(["-U", "tests"]);
        let output = program.args(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim().to_owned();
        assert!(output.status.success(), "{}", text(output.stderr));
        text(output.stdout)
    }

    /// Returns a URL with a schema that no other test uses.
    pub(crate) fn new_url(&self) -> String {
        let host = self.0.display().to_string().replace('/', "%2F");
        format!("postgres://tests@{host}/postgres?schema={}", new_schema())
    }

    /// Returns the server's directory, with `data`, `log` and its socket.
    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    /// Returns the socket of the server.
    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join(".s.PGSQL.5432")
    }
}

/// Returns the name of a schema that no other test uses.
pub(crate) fn new_schema() -> String {
    static USED: AtomicU32 = AtomicU32::new(0);
    let number = USED.fetch_add(1, Ordering::Relaxed);
    format!("s{}_{number}", std::process::id())
}

/// Returns a URL with a schema that no other test uses, or `None` if there is no Postgres.
///
/// # Panics
///
/// Under `CI=true`, if there is no Postgres.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub(crate) fn new_url() -> Option<String> {
    Some(shared()?.new_url())
}

/// Returns the server that all tests of the process share.
#[allow(dead_code, reason = "not every test that includes this file needs it")]
pub(crate) fn shared() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER.get_or_init(|| Server::start(&[])).as_ref()
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

fn start(programs: &Path, copied: Option<&Path>, options: &[&str]) -> Option<PathBuf> {
    let directory = tempfile::Builder::new()
        .prefix("promptbook-pg")
        .tempdir()
        .ok()?
        .keep();
    let mut server = Command::new("sh");
    server
        .args(["-c", &format!("exec 3<&0; {SCRIPT}"), "sh"])
        .arg(&directory)
        .arg(programs)
        .arg(copied.unwrap_or(Path::new("")))
        .args(options);
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
