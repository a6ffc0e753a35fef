//! The command `status`.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::folder_notes::{not_carried, note_skipped, note_unplaced};
use super::import_report::{move_texts, moves_json};
use crate::cli::args::files::StatusArgs;
use crate::cli::error::CommandResult;
use crate::cli::output::{ADDED, DIM, ERROR, NAME, NUMBER, REMOVED, WARNING, paint};
use crate::cli::session::Session;
use crate::cli::{json, text};
use crate::diff::Verdict;
use crate::files::{FileChange, FileStatus, FolderReadOptions, FolderStatus};

/// The maximum number of prompts without a file that are listed.
const MAX_GONE: usize = 20;

pub(super) fn status(args: &StatusArgs, session: &Session) -> CommandResult {
    let folder = args.folder.as_deref().unwrap_or(Path::new("."));
    let options = FolderReadOptions::new()
        .format(args.format)
        .unsupported(args.unsupported.unsupported());
    let status = session.reader()?.folder_status(folder, options)?;
    session.write_output(|| status_json(&status), || status_text(&status))?;
    if status.files.is_empty() && status.unreadable.is_empty() {
        session.note("no files of prompts in the folder");
    }
    note_skipped(&status.skipped, session);
    let files = status.files.iter();
    note_unplaced(
        files.map(|one| (one.file.as_path(), &one.unplaced[..])),
        session,
    );
    Ok(())
}

fn status_json(status: &FolderStatus) -> Value {
    let mut shape = json!({"files": status.files.iter().map(file_json).collect::<Vec<_>>()});
    if let Some(members) = shape.as_object_mut() {
        members.extend(others_json(status));
    }
    shape
}

/// The documented shape of a file.
pub(super) fn file_json(file: &FileStatus) -> Value {
    let is_renamed = file.change == FileChange::Renamed;
    let prompt = file.prompt.as_ref();
    let difference = file.difference.as_ref();
    json!({
        "file": file.file.to_string_lossy(),
        "format": file.format,
        "prompt": file.name,
        "prompt_id": prompt.map(|prompt| prompt.id),
        "state": file.change.as_str(),
        "renamed_from": prompt.filter(|_| is_renamed).map(|prompt| &prompt.name),
        "number": file.latest.as_ref().map(|latest| latest.number),
        "bump": difference.map(|difference| bump(difference.verdict)),
        "moved": moves_json(&file.moves),
        "unplaced": file.unplaced,
        "breaking": difference.map(|difference| json::breakages(&difference.breakages)),
        "findings": file.findings,
    })
}

/// The documented members of a status besides its files.
pub(super) fn others_json(status: &FolderStatus) -> Map<String, Value> {
    let gone = status.gone.iter();
    let gone = gone.map(|prompt| json!({"prompt": prompt.name, "prompt_id": prompt.id}));
    Map::from_iter([
        ("gone".to_owned(), gone.collect()),
        ("unreadable".to_owned(), json!(status.unreadable)),
        ("skipped".to_owned(), json!(status.skipped)),
    ])
}

/// Returns the bump of a commit: another layout of the same values is a minor version.
fn bump(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Major => "major",
        Verdict::Minor | Verdict::Unchanged => "minor",
    }
}

fn status_text(status: &FolderStatus) -> String {
    let of = |change| {
        let files = status.files.iter();
        files.filter(move |file| file.change == change)
    };
    let file = |file: &FileStatus| text::line(&file.file.to_string_lossy());
    let mut out = String::new();
    let mut section = |title: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
            out.push_str(&format!("{title}:\n{lines}\n"));
        }
    };
    let new = of(FileChange::New).map(|one| paint(ADDED, file(one)));
    section("New", new.collect());
    let changed = of(FileChange::Changed).map(|one| {
        let path = paint(NAME, file(one));
        format!("{path}  {}", change_text(one))
    });
    section("Changed", changed.collect());
    let renamed = of(FileChange::Renamed).map(|one| {
        let before = one
            .prompt
            .as_ref()
            .map_or("", |prompt| prompt.name.as_str());
        let names = [before, one.name.as_str()].map(text::name);
        let path = paint(DIM, format!("({})", file(one)));
        let more = if one.difference.is_some() {
            format!("  {}", change_text(one))
        } else {
            String::new()
        };
        format!("{} → {} {path}{more}", names[0], paint(NAME, &names[1]))
    });
    section("Renamed", renamed.collect());
    let moved = status.files.iter().filter(|one| !one.moves.is_empty());
    let moved = moved.map(|one| {
        let path = paint(NAME, file(one));
        format!("{path}  {}", move_texts(&one.moves).join(", "))
    });
    section("Environments that labels move", moved.collect());
    section("Gone, in the store only", gone_lines(status));
    let unreadable = status.unreadable.iter();
    let unreadable = unreadable.map(|problem| paint(ERROR, text::line(&problem.to_string())));
    section("Unreadable", unreadable.collect());
    let files = status.files.iter();
    let files = files.filter(|one| one.change != FileChange::Unchanged);
    let files = files.map(|one| (one.file.as_path(), &one.findings[..]));
    let findings = not_carried(files);
    section(
        "Not carried",
        findings.iter().map(|one| paint(WARNING, one)).collect(),
    );
    let unchanged = of(FileChange::Unchanged).count() as u64;
    out.push_str(&format!(
        "{} unchanged\n",
        text::count(unchanged, "file", "files")
    ));
    out
}

/// Returns a line for each prompt without a file. The folder may be one of a few prompts only, so the
/// list is cut.
fn gone_lines(status: &FolderStatus) -> Vec<String> {
    let gone = status.gone.iter().take(MAX_GONE).map(|prompt| {
        let versions = text::count(prompt.versions, "version", "versions");
        let name = paint(REMOVED, text::name(prompt.name.as_str()));
        format!("{name}  {}", paint(DIM, versions))
    });
    let mut lines: Vec<String> = gone.collect();
    if let Some(more @ 1..) = status.gone.len().checked_sub(MAX_GONE) {
        lines.push(format!("and {more} more; --json names all"));
    }
    lines
}

/// Returns the number of the latest version, and the bump that a commit would be.
fn change_text(file: &FileStatus) -> String {
    let Some(latest) = &file.latest else {
        return "first version".to_owned();
    };
    let what = match file.difference.as_ref().map(|one| one.verdict) {
        Some(Verdict::Major) => "major: it breaks callers",
        Some(Verdict::Unchanged) => "minor: only the layout differs",
        _ => "minor",
    };
    format!("{} → {what}", paint(NUMBER, latest.number))
}
