//! The command `sync-status`.

use serde_json::json;

use super::key::key;
use super::report::{failed_prompts, lacking_note};
use super::transfer::stop_on_signals;
use crate::cli::args::remote::SyncStatusArgs;
use crate::cli::error::CommandResult;
use crate::cli::output::{DIM, NAME, PLAIN, WARNING, paint};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::text;
use crate::remote::{PromptSync, StatusOptions, SyncState, SyncStatus};

pub(in crate::cli::commands) fn status(args: &SyncStatusArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let remotes = store.remotes()?;
    let key = key(&args.key)?;
    let stop = stop_on_signals()?;
    let progress = ProgressDisplay::of(session, "comparing", 0);
    let options = StatusOptions::new()
        .key(key)
        .stop(&stop)
        .progress(|steps| progress.at(steps));
    let options = args.prompts.iter().fold(options, StatusOptions::prompt);
    let status = remotes.status(&args.remote, options)?;
    drop(progress);
    for lacking in &status.lacking {
        session.warn(&lacking_note(lacking));
    }
    session.write_output(|| json!(status), || words(&status))?;
    failed_prompts(&status.failed, "compared")
}

fn words(status: &SyncStatus) -> String {
    let mut lines: String = status.prompts.iter().map(prompt_lines).collect();
    let of = |state| {
        let of = status.prompts.iter().filter(|prompt| prompt.state == state);
        of.count()
    };
    let counts = [
        SyncState::Ahead,
        SyncState::Behind,
        SyncState::Diverged,
        SyncState::Conflict,
    ];
    let counts = counts.map(|state| (of(state), state.to_string()));
    let differ = counts.into_iter().filter(|(number, _)| *number > 0);
    let differ: Vec<String> = differ
        .map(|(number, state)| format!("{number} {state}"))
        .collect();
    let equal = text::count(status.equal, "prompt", "prompts");
    let differ = if differ.is_empty() {
        String::new()
    } else {
        format!(", {}", differ.join(", "))
    };
    lines.push_str(&format!("{equal} equal{differ}\n"));
    lines
}

fn prompt_lines(prompt: &PromptSync) -> String {
    let style = if prompt.state == SyncState::Conflict {
        WARNING
    } else {
        PLAIN
    };
    let mut lines = format!(
        "{} {} {}\n",
        paint(style, format!("{:8}", prompt.state.to_string())),
        paint(NAME, text::name(prompt.name.as_str())),
        paint(DIM, prompt.id.as_str()),
    );
    for line in &prompt.conflicts {
        lines.push_str(&format!("         - {}\n", text::line(line)));
    }
    if prompt.state != SyncState::Conflict {
        for (what, parts) in [("push", &prompt.ahead), ("pull", &prompt.behind)] {
            let parts: Vec<String> = parts.iter().map(|part| text::line(part)).collect();
            if !parts.is_empty() {
                lines.push_str(&format!("         {what}: {}\n", parts.join(", ")));
            }
        }
    }
    lines
}
