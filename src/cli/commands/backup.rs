//! The commands `backup` and `restore`.

use std::path::Path;

use serde_json::json;

use super::maintenance::{refuse_damaged, report_json, report_text};
use crate::cli::args::{BackupArgs, RestoreArgs};
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::output::{NAME, paint};
use crate::cli::place::{self, ignore_in_git};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::{STORE, Session, here};
use crate::cli::text;
use crate::error::OpenError;
use crate::maintenance::{BackupOptions, BackupSummary};
use crate::{Error, Store};

pub(super) fn backup(args: &BackupArgs, session: &Session) -> CommandResult {
    let store = session.reader()?;
    let progress = ProgressDisplay::open_ended(session, "files copied and bodies checked:");
    let made = store.backup_with(
        &args.dir,
        BackupOptions::new().progress(|steps| progress.at(steps)),
    )?;
    drop(progress);
    let done = CompletedChange::Other("the backup was written");
    answer(done, "Backed up to", &args.dir, &made, session)
}

pub(super) fn restore(args: &RestoreArgs, session: &Session) -> CommandResult {
    let to = match session.named() {
        Some(named) => named,
        None => here()?.join(STORE),
    };
    let was_empty = place::is_empty(&to);
    let progress = ProgressDisplay::open_ended(session, "files copied and bodies checked:");
    let made = Store::restore_with(
        &args.backup,
        &to,
        BackupOptions::new().progress(|steps| progress.at(steps)),
    )
    .map_err(|error| restore_failure(error, &args.backup))?;
    drop(progress);
    ignore_in_git(&to, was_empty);
    let done = CompletedChange::Other("the store was created");
    answer(done, "Created a store in", &to, &made, session)
}

/// Replaces the hints that are for an existing store by those for a restore.
fn restore_failure(error: Error, backup: &Path) -> Failure {
    let hint = match &error {
        Error::Open(OpenError::NotAStore { path }) if path == backup => {
            Some("name a directory that promptbook backup wrote")
        }
        Error::Open(OpenError::StoreExists { .. }) => {
            Some("restore to another directory with --store DIR, or move the existing store away")
        }
        _ => None,
    };
    let failure = Failure::from(error);
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

/// Reports the copy and its verification. Fails if the copy is damaged.
fn answer(
    done: CompletedChange<'_>,
    words: &str,
    path: &Path,
    made: &BackupSummary,
    session: &Session,
) -> CommandResult {
    let written = session.report(
        done,
        || {
            json!({
                "path": path.to_string_lossy(),
                "copied": made.copied,
                "bytes": made.bytes,
                "kept": made.kept,
                "report": report_json(&made.report),
            })
        },
        || {
            format!(
                "{words} {}\n  {} of {} copied, {} already there\n{}",
                paint(NAME, text::line(&path.to_string_lossy())),
                text::count(made.copied, "file", "files"),
                text::count(made.bytes, "byte", "bytes"),
                made.kept,
                report_text(&made.report, false),
            )
        },
    );
    refuse_damaged(&made.report).and(written)
}
