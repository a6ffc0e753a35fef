//! `fake`.

use std::io;
use std::time::Duration;

use serde_json::json;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::keys;
use super::serve::raise_open_files;
use super::signals::Signals;
use crate::cli::args::fake::Fake as Arguments;
use crate::cli::error::{Failure, Outcome};
use crate::cli::output;
use crate::server::Fixtures;
use crate::server::fake::{Fake, FakeError, FakeOptions};

/// Serves a fake until it is asked to stop, or nobody is there any more who could ask.
pub(super) fn fake(args: &Arguments) -> Outcome {
    let parent = Parent::now();
    raise_open_files();
    let fake = options(args)?.start()?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::io("threads can't be started", &error))?;
    let ended = runtime.block_on(async {
        // Heard before anybody knows whom to send them to.
        let mut signals = Signals::heard()?;
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

fn options(args: &Arguments) -> Outcome<FakeOptions> {
    let mut options = FakeOptions::new()
        .address((args.addr, args.port))
        .seed(args.seed)
        .status(args.status.into())
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
    let keys = keys::given(args.keys.clone(), &args.key_files)?;
    options = keys.iter().fold(options, FakeOptions::key);
    options = args.hosts.iter().fold(options, FakeOptions::host);
    Ok(args.origins.iter().fold(options, FakeOptions::allow_origin))
}

/// Tells whoever started it where it is: one line, which is all that is ever written.
fn announce(fake: &Fake) -> Outcome {
    let line = json!({"url": fake.url(), "key": fake.key(), "control": fake.control_url()});
    output::bytes(format!("{line}\n").as_bytes())
}

/// The process that started this one, where the system can tell.
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

    /// Waits until it has ended: another process is then the parent.
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

/// Waits until nobody can write to standard input any more.
async fn input_ended() {
    let (reading, ended) = oneshot::channel::<()>();
    // A thread that nobody waits for: it may read for ever.
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
            error => {
                let failure = Self::new(crate::cli::exit::Exit::Failure, "fake", error.to_string());
                match std::error::Error::source(&error) {
                    Some(cause) => failure.because(cause),
                    None => failure,
                }
            }
        }
    }
}
