//! The command `copy`.

use std::path::Path;

use serde_json::json;

use super::maintenance::{refuse_damaged, report_json, report_text};
use crate::Store;
use crate::cli::args::CopyArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{NAME, paint};
use crate::cli::place::{ignore_in_git, is_empty, shown};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::text;
use crate::error::OpenError;
use crate::maintenance::CopyOptions;

pub(super) fn copy(args: &CopyArgs, session: &Session) -> CommandResult {
    let store = session.options().read_only(true).open_place(&args.from)?;
    let (target, is_new) = target(&store, &args.to, session)?;
    let (own, theirs) = (store.settings(), target.settings());
    if own != theirs {
        session.warn(
            "the settings of the target differ from those of the source: they are kept, so new \
             prompts or versions may get other numbers there",
        );
    }
    let progress = ProgressDisplay::open_ended(session, "operations copied and bodies checked:");
    let made = store.copy_to_with(
        &target,
        CopyOptions::new().progress(|steps| progress.at(steps)),
    )?;
    drop(progress);
    let place = shown(&args.to);
    let written = session.report(
        CompletedChange::Other("the store was copied"),
        || {
            json!({
                "path": place,
                "created": is_new,
                "copied": made.copied,
                "present": made.present,
                "bodies": made.bodies,
                "position": made.position,
                "report": report_json(&made.report),
            })
        },
        || {
            format!(
                "Copied to {}\n  {} and {} copied, {} already there\n{}",
                paint(NAME, text::line(&place)),
                text::count(made.copied, "operation", "operations"),
                text::count(made.bodies, "body", "bodies"),
                text::count(made.present, "operation", "operations"),
                report_text(&made.report, false),
            )
        },
    );
    refuse_damaged(&made.report).and(written)
}

/// Opens the target, or creates it with the settings of the source. Returns whether it is new.
fn target(source: &Store, to: &Path, session: &Session) -> CommandResult<(Store, bool)> {
    match session.options().open_place(to) {
        Err(OpenError::NotAStore { .. }) => {}
        opened => return Ok((opened?, false)),
    }
    let was_empty = is_empty(to);
    let settings = source.settings();
    let options = session.options().policy(settings.policy);
    let first = settings.first_version;
    let options = options.first_version(first.major, first.minor);
    let created = options.create_place(to)?;
    ignore_in_git(to, was_empty);
    Ok((created, true))
}
