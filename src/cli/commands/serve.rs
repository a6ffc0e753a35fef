//! The command `serve`.

use std::io::{ErrorKind, IsTerminal};

use serde_json::json;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use super::keys;
use super::signals::Signals;
use crate::cli::args::server::{Level, ServeArgs};
use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::cli::output::{NAME, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::server::{Server, ServerError};
use crate::{BumpPolicy, StoreOptions};

pub(super) fn serve(args: &ServeArgs, session: &Session) -> CommandResult {
    let policy = if args.enforce_bumps {
        BumpPolicy::Enforced
    } else {
        BumpPolicy::Free
    };
    let keys = keys::read_keys(args.clients.named_keys(), &args.clients.key_files)?;
    let options = |options: StoreOptions| options.policy(policy).read_only(args.read_only);
    let store = session.store_with(options).map_err(|failure| {
        if failure.kind == "not_writable" {
            failure.hint("--read-only serves the store as it is")
        } else {
            failure
        }
    })?;
    let mut options = args
        .clients
        .options(&keys)
        .status(args.status.into())
        .gateway(args.gateway.into())
        .record_inputs(args.record_inputs);
    if let Some(url) = &args.upstream {
        options = options.upstream(url);
    }
    if let Some(file) = &args.upstream_key_file {
        options = options.upstream_key(keys::key_in(file)?);
    }
    raise_open_files();
    let server = Server::bind(store, &options, &*args.addr)?;
    let kept = keys.is_empty();
    log(args.log);
    let runtime =
        Runtime::new().map_err(|error| Failure::io("threads cannot be started", &error))?;
    let served = runtime.block_on(async {
        // Listen before the announcement lets another process send a signal.
        let mut signals = Signals::listen()?;
        announce(&server, kept, session)?;
        run(server, &mut signals).await
    });
    runtime.shutdown_background();
    served
}

/// Prints the server's URL and, if the caller gave no key, the store's own key.
fn announce(server: &Server, kept: bool, session: &Session) -> CommandResult {
    let key = kept.then(|| server.key());
    let made = server.makes_secrets();
    if session.json() {
        // One line, because the reader cannot wait for the end of the output.
        let temporary = server.key_is_temporary();
        let line = json!({"url": server.url(), "key": key, "made": made, "temporary": temporary});
        return output::write_bytes(format!("{line}\n").as_bytes());
    }
    let url = paint(NAME, text::line(server.url()));
    let key = key.map_or_else(String::new, |key| format!("The key is {key}\n"));
    // A caller that gives a key uses none that another copy may have.
    let made = if made && kept {
        "The store had no key, so this one is new: keys and signed URLs of other copies of the store \
         are not valid here\n"
    } else if server.key_is_temporary() {
        "The key works until the server stops: a read-only store without a key gets none\n"
    } else {
        ""
    };
    output::write_text(&format!("Listening on {url}\n{key}{made}"))
}

/// The remedy if the store's own key is not used, because other machines can reach the server.
const KEY_HINT: &str = "pass a key with --key-file FILE, or listen on 127.0.0.1";

/// The remedy if the store's own key cannot be read.
const SECRETS_HINT: &str = "pass a key with --key-file FILE; \
    a store that is opened read-only, such as a backup, cannot store a key of its own";

/// The remedy if the text is not an address.
const ADDRESS_HINT: &str = "an address is HOST:PORT, such as 127.0.0.1:8585";

/// The remedy if the system refuses the address.
const PORT_HINT: &str = "choose another one with --addr HOST:PORT; port 0 chooses a free port";

/// Serves until a signal, then completes the current requests. A second signal stops immediately.
async fn run(server: Server, signals: &mut Signals) -> CommandResult {
    let (stop, stopped) = oneshot::channel::<()>();
    let served = server.run(async { drop(stopped.await) });
    let twice = async {
        signals.next().await;
        drop(stop);
        signals.next().await;
    };
    tokio::select! {
        served = served => Ok(served?),
        () = twice => Err(Failure::new(
            Exit::Failure,
            "interrupted",
            "stopped before the current requests were answered",
        )),
    }
}

/// Sends the log to standard error.
pub(super) fn log(level: Level) {
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    // Fails if a log is already set up in this process, which then continues.
    let _ = tracing_subscriber::fmt()
        .with_max_level(tracing::level_filters::LevelFilter::from(level))
        .with_writer(std::io::stderr)
        .with_ansi(colour)
        .try_init();
}

/// Raises the limit of open files to its maximum, because each connection is an open file.
pub(super) fn raise_open_files() {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        // If this fails, the server accepts fewer connections.
        let _ = setrlimit(Resource::Nofile, raised);
    }
}

impl From<ServerError> for Failure {
    fn from(error: ServerError) -> Self {
        let (exit, kind) = match error {
            ServerError::Store(error) => return error.into(),
            ServerError::KeyNeeded { .. } | ServerError::SecretsWithheld { .. } => {
                (Exit::Usage, "key_needed")
            }
            ServerError::Option { .. } => (Exit::Usage, "usage"),
            // The text is not an address.
            ServerError::Listen { ref source, .. } if source.kind() == ErrorKind::InvalidInput => {
                (Exit::Usage, "usage")
            }
            _ => (Exit::Failure, "server"),
        };
        let failure = Self::new(exit, kind, error.to_string()).with_sources(&error);
        match error {
            ServerError::KeyNeeded { .. } => failure.hint(KEY_HINT),
            ServerError::SecretsWithheld { .. } => failure.hint(SECRETS_HINT),
            ServerError::Listen { .. } if exit == Exit::Usage => failure.hint(ADDRESS_HINT),
            ServerError::Listen { .. } => failure.hint(PORT_HINT),
            _ => failure,
        }
    }
}
