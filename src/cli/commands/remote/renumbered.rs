//! Notes on versions that a pull or an import renumbered, and on the lockfiles that name them.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cli::output::{NAME, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::frozen::Lockfile;
use crate::remote::ReassignedNumber;

/// Says what the renumbering of own versions changes for others.
///
/// `other` is what has used the numbers: the remote, or the bundle.
pub(in crate::cli::commands) fn notes(
    reassigned: &[ReassignedNumber],
    previous_index: Option<&Path>,
    other: &str,
    is_dry_run: bool,
    session: &Session,
) {
    if !reassigned.is_empty() {
        let lead = if is_dry_run {
            "would then lead"
        } else {
            "now lead"
        };
        session.warn(&format!(
            "pins and lockfiles with the old numbers {lead} to the {other}'s versions: {}",
            numbers(reassigned, is_dry_run)
        ));
    }
    for (path, named) in lockfiles(reassigned, is_dry_run) {
        let path = text::line(&path.to_string_lossy());
        let change = if is_dry_run {
            "would change"
        } else {
            "has changed"
        };
        session.warn(&format!(
            "the lockfile {path} records a number that {change}: {named}; freeze again after that"
        ));
    }
    if let Some(previous) = previous_index {
        session.note(&format!(
            "the {other}'s operations come first now; the index as it was is {}",
            text::line(&previous.to_string_lossy())
        ));
    }
}

/// Lists the old and the new numbers, one version a line.
pub(in crate::cli::commands) fn lines(reassigned: &[ReassignedNumber]) -> String {
    let line = |one: &ReassignedNumber| {
        let name = paint(NAME, text::name(one.name.as_str()));
        format!("renumbered {name} {} → {}\n", one.from, one.to)
    };
    reassigned.iter().map(line).collect()
}

fn numbers(reassigned: &[ReassignedNumber], is_dry_run: bool) -> String {
    let becomes = if is_dry_run { "would be" } else { "is now" };
    let each = reassigned.iter().map(|one| {
        let name = text::name(one.name.as_str());
        format!("{name} {} {becomes} {}", one.from, one.to)
    });
    each.collect::<Vec<_>>().join(", ")
}

/// Returns the lockfiles in the current directory that record a renumbered version.
fn lockfiles(reassigned: &[ReassignedNumber], is_dry_run: bool) -> Vec<(PathBuf, String)> {
    let Some(entries) = fs::read_dir(".").ok().filter(|_| !reassigned.is_empty()) else {
        return Vec::new();
    };
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let locks = paths.filter(|path| path.extension().is_some_and(|end| end == "lock"));
    let mut found: Vec<(PathBuf, String)> = locks
        .filter_map(|path| {
            let lock = Lockfile::open(&path).ok()?;
            let records = |one: &&ReassignedNumber| {
                let mut prompts = lock.prompts().iter();
                prompts.any(|locked| locked.version == one.version)
            };
            let named: Vec<ReassignedNumber> = reassigned.iter().filter(records).cloned().collect();
            (!named.is_empty()).then(|| (path, numbers(&named, is_dry_run)))
        })
        .collect();
    found.sort();
    found
}
