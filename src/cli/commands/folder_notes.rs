//! Notes of the commands that read folders: entries that are skipped, and prompts without a file.

use std::path::Path;

use crate::EnvironmentName;
use crate::cli::session::Session;
use crate::cli::text;
use crate::files::{FolderImport, ImportEffect, SkippedEntry};
use crate::formats::FormatFinding;

/// The maximum number of names in a note.
const MAX_NAMED: usize = 10;

/// Notes the first entries that were skipped, if there are any.
pub(super) fn note_skipped(skipped: &[SkippedEntry], session: &Session) {
    let named = skipped.iter().map(|entry| {
        let file = text::line(&entry.file.to_string_lossy());
        format!("{file} ({})", entry.reason)
    });
    note_list(&format!("{} skipped", skipped.len()), named, session);
}

/// Notes the first prompts that have no file in an imported folder, if there are any.
pub(super) fn note_kept(imported: &FolderImport, session: &Session) {
    let prompts = text::count(imported.kept.len() as u64, "prompt", "prompts");
    let named = imported.kept.iter().map(|(prompt, same_body_as)| {
        let name = text::name(prompt.name.as_str());
        match same_body_as {
            Some(new) => {
                let new = text::name(new.as_str());
                format!("{name} (the new prompt {new} has its body)")
            }
            None => name,
        }
    });
    let heading = format!("{prompts} not in the folder, and unchanged");
    note_list(&heading, named, session);
}

/// Returns what each file contains and its prompt does not get, in one line for each file.
pub(super) fn not_carried<'a>(
    files: impl Iterator<Item = (&'a Path, &'a [FormatFinding])>,
) -> Vec<String> {
    let files = files.filter(|(_, findings)| !findings.is_empty());
    let lines = files.map(|(file, findings)| {
        let findings: Vec<String> = findings.iter().map(FormatFinding::to_string).collect();
        let file = text::line(&file.to_string_lossy());
        format!("{file}: {}", text::line(&findings.join("; ")))
    });
    let mut lines: Vec<String> = lines.collect();
    if lines.len() > MAX_NAMED {
        let more = lines.len() - MAX_NAMED;
        lines.truncate(MAX_NAMED);
        lines.push(format!("and {more} more files; --json names all"));
    }
    lines
}

/// Notes what the files that made a change contain and the prompts do not get.
pub(super) fn note_findings(imported: &FolderImport, session: &Session) {
    let files = imported.files.iter();
    let files = files.filter(|file| file.effect != ImportEffect::Unchanged);
    let files = files.map(|file| (file.file.as_path(), &file.findings[..]));
    for line in not_carried(files) {
        session.note(&line);
    }
}

/// Notes the labels of files that move nothing, because the store does not have their versions.
pub(super) fn note_unplaced<'a>(
    files: impl Iterator<Item = (&'a Path, &'a [EnvironmentName])>,
    session: &Session,
) {
    for (file, labels) in files.filter(|(_, labels)| !labels.is_empty()) {
        let file = text::line(&file.to_string_lossy());
        let labels: Vec<String> = labels.iter().map(|one| text::line(one.as_str())).collect();
        session.note(&format!(
            "{file}: the store has no version with the body of the one that is labelled {}, so the \
             environment is not moved",
            labels.join(", ")
        ));
    }
}

/// Notes a heading and the first names after it, if there are names.
fn note_list(heading: &str, mut names: impl ExactSizeIterator<Item = String>, session: &Session) {
    let more = names.len().saturating_sub(MAX_NAMED);
    let named: Vec<String> = names.by_ref().take(MAX_NAMED).collect();
    if named.is_empty() {
        return;
    }
    let more = match more {
        0 => String::new(),
        more => format!(" and {more} more; --json names all"),
    };
    session.note(&format!("{heading}: {}{more}", named.join(", ")));
}
