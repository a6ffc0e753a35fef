//! The command `export`.

use std::path::Path;

use serde_json::{Value, json};

use super::bundle;
use crate::cli::args::ExportArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{NAME, NUMBER, PLAIN};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::files::{ExportedFile, FolderExport, FolderExportOptions};

pub(super) fn export(args: &ExportArgs, session: &Session) -> CommandResult {
    let folder = match (&args.bundle.file, &args.folder) {
        (Some(file), _) => return bundle::export(file, args.force, session),
        (None, folder) => folder.as_deref().unwrap_or(Path::new(".")),
    };
    let store = session.reader()?;
    let progress = ProgressDisplay::of(session, "exporting", 0);
    let mut options = FolderExportOptions::new()
        .format(args.format)
        .unsupported(args.unsupported.unsupported())
        .overwrite(args.force)
        .progress(|now| progress.at(now));
    if let Some(name) = &args.env {
        options = options.environment(name);
    }
    let exported = store.export_folder(folder, options)?;
    drop(progress);
    if exported.files.is_empty() {
        session.note("no prompts to export");
    }
    for file in &exported.files {
        let path = text::line(&file.file.to_string_lossy());
        for finding in &file.findings {
            session.note(&format!("{path}: {finding}"));
        }
    }
    let (json, text_output) = (|| report_json(&exported), || report_text(&exported));
    match counts(&exported) {
        (0, _) => session.write_output(json, text_output),
        _ => session.report(
            CompletedChange::Other("the files were written"),
            json,
            text_output,
        ),
    }
}

fn effect(file: &ExportedFile) -> &'static str {
    if file.is_written {
        "written"
    } else {
        "unchanged"
    }
}

/// Returns the numbers of files that were written, and that were not.
fn counts(exported: &FolderExport) -> (usize, usize) {
    let written = exported.files.iter().filter(|file| file.is_written).count();
    (written, exported.files.len() - written)
}

fn report_json(exported: &FolderExport) -> Value {
    let files = exported.files.iter().map(|file| {
        json!({
            "file": file.file.to_string_lossy(),
            "format": file.format,
            "prompt": file.name,
            "prompt_id": file.prompt_id,
            "number": file.number,
            "effect": effect(file),
            "findings": file.findings,
        })
    });
    let (written, unchanged) = counts(exported);
    json!({"written": written, "unchanged": unchanged, "files": files.collect::<Vec<_>>()})
}

/// Returns a table of the written files, and the number of unchanged files.
fn report_text(exported: &FolderExport) -> String {
    let mut table = TextTable::new(&["FILE", "PROMPT", "VERSION"]);
    for file in exported.files.iter().filter(|file| file.is_written) {
        table.row([
            (text::line(&file.file.to_string_lossy()), PLAIN),
            (text::name(file.name.as_str()), NAME),
            (file.number.to_string(), NUMBER),
        ]);
    }
    let (written, unchanged) = counts(exported);
    format!("{}{written} written, {unchanged} unchanged\n", table.text())
}
