//! The command `fake`.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use serde_json::json;
use tokio::runtime::{self, Runtime};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::keys;
use super::serve::{log, raise_open_files};
use super::signals::Signals;
use crate::cli::args::fake::FakeArgs as Arguments;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::server::Fixtures;
use crate::server::fake::{Fake, FakeError, FakeOptions};

/// Serves a fake until it is asked to stop.
///
/// A signal, the end of the parent process and, optionally, the end of standard input stop it.
///
/// If it cannot be started, its line of output is the error.
pub(super) fn fake(args: &Arguments) -> CommandResult {
    let parent = Parent::now();
    raise_open_files();
    let (fake, runtime) = start(args).inspect_err(announce_failure)?;
    let ended = runtime.block_on(async {
        // Listen before the announcement lets another process send a signal.
        let mut signals = Signals::listen()?;
        announce(&fake)?;
        tokio::select! {
            () = signals.next() => {}
            () = parent.gone() => {}
            () = input_ended(), if args.until_stdin_closes => {}
        }
        Ok(())
    });
    drop(fake);
    ended
}

fn start(args: &Arguments) -> CommandResult<(Fake, Runtime)> {
    let options = options(args)?;
    log(args.log);
    let fake = options.start()?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::io("threads cannot be started", &error))?;
    Ok((fake, runtime))
}

/// Prints an error as one line of JSON, for the program that waits for the line of a fake.
pub(in crate::cli) fn announce_failure(failure: &Failure) {
    // The error is also written to standard error.
    let _ = output::write_bytes(format!("{}\n", failure.json()).as_bytes());
}

fn options(args: &Arguments) -> CommandResult<FakeOptions> {
    let mut options = FakeOptions::new()
        .address(address(&args.addr)?)
        .seed(args.seed)
        .status(args.status.into())
        .gateway(args.gateway.into())
        .enforce_bumps(args.enforce_bumps);
    if let Some(clock) = args.clock {
        options = options.clock(clock.0);
    }
    if let Some(directory) = &args.directory {
        options = options.directory(directory);
    }
    if let Some(path) = &args.fixtures {
        options = options.fixtures(Fixtures::read(path).map_err(FakeError::from)?);
    }
    if let Some(url) = &args.public_url {
        options = options.public_url(url);
    }
    // An empty `PROMPTBOOK_KEY` counts as unset; an empty --key is refused.
    let is_unset = matches!(&*args.keys, [key] if key.is_empty())
        && std::env::var_os("PROMPTBOOK_KEY").is_some_and(|key| key.is_empty());
    let named = if is_unset {
        Vec::new()
    } else {
        args.keys.clone()
    };
    let keys = keys::read_keys(named, &args.key_files)?;
    options = keys.iter().fold(options, FakeOptions::key);
    options = args.headers.iter().fold(options, FakeOptions::allow_header);
    options = args.hosts.iter().fold(options, FakeOptions::host);
    Ok(args.origins.iter().fold(options, FakeOptions::allow_origin))
}

/// Returns the address that a text such as `127.0.0.1:0` names.
fn address(text: &str) -> CommandResult<SocketAddr> {
    let found = text.to_socket_addrs().map(|mut found| found.next());
    match found {
        Ok(Some(address)) => Ok(address),
        Err(error) if error.kind() != io::ErrorKind::InvalidInput => Err(Failure::io(
            format!("no address of {text} was found"),
            &error,
        )),
        _ => Err(Failure::usage(format!("{text} is not an address"))
            .hint("name a host and a port, such as 127.0.0.1:8585; port 0 chooses a free one")),
    }
}

/// Prints the fake's URLs and key in one line, its only output.
fn announce(fake: &Fake) -> CommandResult {
    let line = json!({"url": fake.url(), "key": fake.key(), "control": fake.control_url()});
    output::write_bytes(format!("{line}\n").as_bytes())
}

/// The parent process, on systems that report it.
struct Parent {
    #[cfg(unix)]
    id: u32,
}

impl Parent {
    fn now() -> Self {
        Self {
            #[cfg(unix)]
            id: std::os::unix::process::parent_id(),
        }
    }

    /// Waits until the parent has ended. The system then reports another parent.
    async fn gone(&self) {
        loop {
            sleep(Duration::from_millis(100)).await;
            #[cfg(unix)]
            if std::os::unix::process::parent_id() != self.id {
                return;
            }
        }
    }
}

/// Waits for the end of standard input.
async fn input_ended() {
    let (reading, ended) = oneshot::channel::<()>();
    // The thread is never joined, because its read may never return.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(reading);
    });
    drop(ended.await);
}

impl From<FakeError> for Failure {
    fn from(error: FakeError) -> Self {
        match error {
            FakeError::Server(error) => error.into(),
            FakeError::Store(error) => error.into(),
            FakeError::Fixtures(error) => error.into(),
            error => Self::new(Exit::Failure, "fake", error.to_string()).with_sources(&error),
        }
    }
}
