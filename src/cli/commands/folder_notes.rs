//! Notes of the commands that read folders: entries that are skipped, and prompts without a file.

use crate::cli::session::Session;
use crate::cli::text;
use crate::files::{FolderImport, SkippedEntry};

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

/// Notes what the files contain and the prompts do not get.
pub(super) fn note_findings(imported: &FolderImport, session: &Session) {
    let findings = imported.files.iter().flat_map(|file| {
        let findings = file.findings.iter();
        findings.map(|finding| format!("{}: {finding}", text::line(&file.file.to_string_lossy())))
    });
    for finding in findings {
        session.note(&finding);
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
