//! `diff` of a folder: the changes that an import of its files would make.

use std::path::Path;

use serde::Serialize;
use serde_json::{Map, Value};

use super::render::{title, whole_or_stat};
use crate::cli::args::diff::DiffArgs;
use crate::cli::commands::folder_notes::{note_skipped, note_unplaced};
use crate::cli::commands::import_report::move_texts;
use crate::cli::commands::status::file_json;
use crate::cli::error::CommandResult;
use crate::cli::json::{self, DifferenceShape};
use crate::cli::output::{ADDED, DIM, ERROR, NAME, REMOVED, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::files::{FileChange, FileStatus, FolderReadOptions, FolderStatus};

/// Compares a folder, or one file, with the store.
pub(super) fn folder(path: &Path, args: &DiffArgs, session: &Session) -> CommandResult {
    let view = session.view(&args.as_of)?;
    let options = FolderReadOptions::new()
        .format(args.format)
        .unsupported(args.unsupported.unsupported());
    let status = view.folder_status(path, options)?;
    session.write_output(|| shape(&status), || words(&status, args))?;
    let is_unchanged = |file: &FileStatus| file.change == FileChange::Unchanged;
    let is_clean = status.files.iter().all(is_unchanged)
        && status.gone.is_empty()
        && status.unreadable.is_empty();
    if is_clean {
        session.note("the folder and the store are equal");
    }
    note_skipped(&status.skipped, session);
    let files = status.files.iter();
    note_unplaced(
        files.map(|one| (one.file.as_path(), &one.unplaced[..])),
        session,
    );
    Ok(())
}

#[derive(Serialize)]
struct FolderShape<'a> {
    files: Vec<FileShape<'a>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

#[derive(Serialize)]
struct FileShape<'a> {
    #[serde(flatten)]
    file: Value,
    difference: Option<DifferenceShape<'a>>,
}

fn shape(status: &FolderStatus) -> FolderShape<'_> {
    let files = status.files.iter().map(|file| FileShape {
        file: file_json(file),
        difference: file.difference.as_deref().map(json::difference),
    });
    FolderShape {
        files: files.collect(),
        others: crate::cli::commands::status::others_json(status),
    }
}

fn words(status: &FolderStatus, args: &DiffArgs) -> String {
    let files = status.files.iter();
    let mut parts: Vec<String> = files.filter_map(|file| file_words(file, args)).collect();
    let mut lines = String::new();
    for prompt in &status.gone {
        let line = format!("- {} in the store only", text::name(prompt.name.as_str()));
        lines.push_str(&format!("{}\n", paint(REMOVED, line)));
    }
    for problem in &status.unreadable {
        let line = text::line(&problem.to_string());
        lines.push_str(&format!("{}\n", paint(ERROR, line)));
    }
    if !lines.is_empty() {
        parts.push(lines);
    }
    parts.join("\n")
}

fn file_words(file: &FileStatus, args: &DiffArgs) -> Option<String> {
    let path = text::line(&file.file.to_string_lossy());
    let name = paint(NAME, text::name(file.name.as_str()));
    let moves = move_texts(&file.moves).join(", ");
    let before = match (&file.prompt, file.change) {
        (Some(prompt), FileChange::Renamed) => {
            format!("{} → ", paint(NAME, text::name(prompt.name.as_str())))
        }
        _ => String::new(),
    };
    match (&file.difference, file.change) {
        (Some(difference), _) => {
            let title = title(&difference.from, &difference.to, &path);
            let words = whole_or_stat(difference, args.stat);
            let moves = if moves.is_empty() {
                moves
            } else {
                paint(DIM, format!(" ({moves})"))
            };
            Some(format!("{before}{name} {title}{moves}\n{words}"))
        }
        (None, FileChange::New) => {
            let line = format!("+ {} in the folder only ({path})", file.name.as_str());
            Some(format!("{}\n", paint(ADDED, text::line(&line))))
        }
        (None, FileChange::Renamed) => Some(format!("{before}{name} ({path})\n")),
        (None, FileChange::Moved) => Some(format!("{name} {moves} ({path})\n")),
        (None, _) => None,
    }
}
