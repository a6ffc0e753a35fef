//! The command `clone`.

use super::key::key;
use super::report::report;
use super::transfer::stop_on_signals;
use crate::cli::args::remote::CloneArgs;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::output::{NAME, paint, write_stderr};
use crate::cli::place;
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::{STORE, Session, here};
use crate::cli::text;
use crate::remote::{DEFAULT_REMOTE, StatusOptions, clone_store};

pub(in crate::cli::commands) fn clone(args: &CloneArgs, session: &Session) -> CommandResult {
    let path = match (&args.directory, session.named()) {
        (Some(_), Some(_)) if session.global().store.is_some() => {
            return Err(
                Failure::usage("the store's place is given by DIR and by --store")
                    .hint("DIR puts it into DIR/.promptbook, and --store DIR into DIR itself"),
            );
        }
        (Some(folder), _) => here()?.join(folder).join(STORE),
        (None, Some(named)) => named,
        (None, None) => here()?.join(STORE),
    };
    let was_empty = place::is_empty(&path);
    let key = key(&args.key)?;
    let stop = stop_on_signals()?;
    let progress = ProgressDisplay::of(session, "cloning", 0);
    let options = StatusOptions::new()
        .key(key)
        .stop(&stop)
        .progress(|steps| progress.at(steps));
    let cloned = clone_store(
        &args.url,
        &path,
        &session.options(),
        args.allow_http,
        options,
    );
    drop(progress);
    if !place::is_empty(&path) {
        place::ignore_in_git(&path, was_empty);
    }
    let (store, summary) = cloned.map_err(|error| {
        let failure = Failure::from(error);
        if failure.kind() == "interrupted" {
            let store = text::shell_word(&path.to_string_lossy());
            failure.hint(format!("promptbook --store {store} pull continues"))
        } else {
            failure
        }
    })?;
    if !session.json() {
        let shown = paint(NAME, text::line(&path.to_string_lossy()));
        write_stderr(&format!("Cloned into {shown}\n"));
    }
    report(&store, &summary, false, DEFAULT_REMOTE, session)
}
