//! `serve`.

use std::io::{ErrorKind, IsTerminal};
use std::pin::pin;

use serde_json::json;
use tokio::runtime::Runtime;

use super::signals::stopped;
use crate::Policy;
use crate::cli::args::server::{Level, Serve};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Outcome};
use crate::cli::output::{NAME, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::server::{Server, ServerError};

pub(super) fn serve(args: &Serve, session: &Session) -> Outcome {
    let policy = match args.enforce_bumps {
        true => Policy::Enforced,
        false => Policy::Free,
    };
    let store = session.store_with(|options| options.policy(policy))?;
    let options = args.clients.options().status(args.status.into());
    let server = Server::bind(store, &options, &*args.addr)?;
    let kept = args.clients.keys.iter().all(String::is_empty);
    log(args.log);
    raise_open_files();
    let announce = |server: &Server| {
        session.answer(
            || json!({"url": server.url(), "key": kept.then(|| server.key())}),
            || {
                let url = paint(NAME, text::line(server.url()));
                match kept {
                    true => format!("Listening on {url}\nThe key is {}\n", server.key()),
                    false => format!("Listening on {url}\n"),
                }
            },
        )
    };
    run(server, announce)
}

/// Serves until a signal, and then until the requests under way are answered; a second signal does not wait for those.
fn run(server: Server, announce: impl FnOnce(&Server) -> Outcome) -> Outcome {
    let runtime = Runtime::new();
    let runtime = runtime.map_err(|error| Failure::io("threads can't be started", &error))?;
    let served = runtime.block_on(async {
        let mut signal = pin!(stopped());
        // Signals are heard before anybody knows whom to send them to.
        tokio::select! {
            biased;
            stopped = &mut signal => return stopped,
            () = async {} => {}
        }
        announce(&server)?;
        let served = server.run(async {
            // Where signals can't be waited for, the other branch says so.
            if signal.await.is_err() {
                std::future::pending::<()>().await;
            }
        });
        tokio::select! {
            served = served => Ok(served?),
            twice = async { stopped().await?; stopped().await } => twice,
        }
    });
    runtime.shutdown_background();
    served
}

/// Sends the log to standard error.
pub(super) fn log(level: Level) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // It fails where a log was begun before, which then goes on.
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing::level_filters::LevelFilter::from(level))
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .try_init();
}

/// Each connection is an open file, and many systems allow few unless one asks.
pub(super) fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // Where it is not allowed, fewer connections are.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let (exit, kind) = match error {
            ServerError::Store(error) => return error.into(),
            ServerError::KeyNeeded { .. } => (Exit::Usage, "key_needed"),
            ServerError::Option { .. } => (Exit::Usage, "usage"),
            // It is no address at all.
            ServerError::Listen { ref source, .. } if source.kind() == ErrorKind::InvalidInput => {
                (Exit::Usage, "usage")
            }
            _ => (Exit::Failure, "server"),
        };
        let failure = Self::new(exit, kind, error.to_string());
        let failure = match std::error::Error::source(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        };
        match error {
            ServerError::KeyNeeded { .. } => failure.hint("--key KEY gives one"),
            _ => failure,
        }
    }
}
