//! The command `remote`.

use serde_json::json;

use crate::cli::args::remote::RemoteArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{DIM, NAME, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::remote::{RemoteInfo, RemoteKind};

pub(in crate::cli::commands) fn run(args: &RemoteArgs, session: &Session) -> CommandResult {
    match args {
        RemoteArgs::Add {
            name,
            url,
            allow_http,
        } => add(name, url, *allow_http, session),
        RemoteArgs::List => list(session),
        RemoteArgs::Remove { name } => remove(name, session),
    }
}

fn add(name: &str, url: &str, allow_http: bool, session: &Session) -> CommandResult {
    let added = session.store()?.remotes()?.add(name, url, allow_http)?;
    session.report(
        CompletedChange::Other("the remote was added"),
        || json!(added),
        || {
            format!(
                "Added the remote {}: {}\n",
                paint(NAME, &added.name),
                text::line(&added.url)
            )
        },
    )
}

fn list(session: &Session) -> CommandResult {
    let remotes = session.reader()?.remotes()?.list()?;
    if remotes.is_empty() {
        session.note("no remotes: promptbook remote add NAME URL adds one");
    }
    session.write_output(
        || json!(remotes),
        || {
            if remotes.is_empty() {
                return String::new();
            }
            let mut table = TextTable::new(&["NAME", "URL", "SEEN"]);
            for remote in &remotes {
                table.row([
                    (remote.name.clone(), NAME),
                    (text::line(&remote.url), PLAIN),
                    (seen(remote), DIM),
                ]);
            }
            table.text()
        },
    )
}

/// Returns what both sides had when the remote was last used.
fn seen(remote: &RemoteInfo) -> String {
    match (remote.kind, &remote.seen) {
        (Some(RemoteKind::Store), Some(seen)) => {
            text::count(seen.number(), "operation", "operations")
        }
        (Some(RemoteKind::Store), None) => String::new(),
        _ => text::count(remote.prompts, "prompt", "prompts"),
    }
}

fn remove(name: &str, session: &Session) -> CommandResult {
    session.store()?.remotes()?.remove(name)?;
    session.report(
        CompletedChange::Other("the remote was removed"),
        || json!({"removed": name}),
        || format!("Removed the remote {}\n", paint(NAME, name)),
    )
}
