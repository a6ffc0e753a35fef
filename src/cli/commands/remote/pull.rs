//! The command `pull`.

use super::key::key;
use super::renumbered;
use super::report::report;
use super::transfer::stop_on_signals;
use crate::cli::args::remote::PullArgs;
use crate::cli::error::CommandResult;
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::remote::{PullOptions, StatusOptions, pull_store};

pub(in crate::cli::commands) fn pull(args: &PullArgs, session: &Session) -> CommandResult {
    let path = session.store_directory()?;
    let key = key(&args.key)?;
    let stop = stop_on_signals()?;
    let progress = ProgressDisplay::of(session, "pulling", 0);
    let options = StatusOptions::new()
        .key(key)
        .stop(&stop)
        .progress(|steps| progress.at(steps));
    let options = args.prompts.iter().fold(options, StatusOptions::prompt);
    let mut options = PullOptions::new()
        .with(options)
        .dry_run(args.dry_run)
        .renumber(args.renumber);
    if let Some(settlement) = args.settle.settlement() {
        options = options.settle(settlement);
    }
    // The handle is closed and opened again if the index is replaced.
    let (store, summary) = pull_store(path, &session.options(), &args.remote, options)?;
    drop(progress);
    let previous = summary.previous_index.as_deref();
    renumbered::notes(
        &summary.reassigned,
        previous,
        "remote",
        args.dry_run,
        session,
    );
    report(&store, &summary, args.dry_run, &args.remote, session)
}
