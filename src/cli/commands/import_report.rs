//! The report of `import`, as JSON and as text.

use serde_json::{Value, json};

use crate::cli::output::{NAME, NUMBER, PLAIN};
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::files::{FolderImport, ImportEffect, ImportedFile};

pub(super) fn report_json(imported: &FolderImport, dry_run: bool) -> Value {
    let files = imported.files.iter().map(|file| {
        json!({
            "file": file.file.to_string_lossy(),
            "format": file.format,
            "prompt": file.name,
            "prompt_id": file.version.prompt_id,
            "number": file.version.number,
            "effect": file.effect.as_str(),
            "renamed_from": file.renamed_from,
            "findings": file.findings,
        })
    });
    let deleted = imported.deleted.iter();
    let kept = imported.kept.iter();
    json!({
        "dry_run": dry_run,
        "created": counted(imported, ImportEffect::Created),
        "committed": counted(imported, ImportEffect::Committed),
        "unchanged": counted(imported, ImportEffect::Unchanged),
        "renamed": renamed(imported),
        "files": files.collect::<Vec<_>>(),
        "skipped": imported.skipped,
        "deleted": deleted
            .map(|prompt| json!({"prompt": prompt.name, "prompt_id": prompt.id}))
            .collect::<Vec<_>>(),
        "not_in_folder": kept
            .map(|(prompt, same_body_as)| json!({
                "prompt": prompt.name,
                "prompt_id": prompt.id,
                "same_body_as": same_body_as,
            }))
            .collect::<Vec<_>>(),
    })
}

/// Returns a table of the changed prompts, and the number of unchanged files.
pub(super) fn report_text(imported: &FolderImport, dry_run: bool) -> String {
    let mut table = TextTable::new(&["FILE", "PROMPT", "VERSION", "EFFECT"]);
    for file in &imported.files {
        if let Some(effect) = effect(file) {
            table.row([
                (text::line(&file.file.to_string_lossy()), PLAIN),
                (text::name(file.name.as_str()), NAME),
                (file.version.number.to_string(), NUMBER),
                (effect, PLAIN),
            ]);
        }
    }
    for prompt in &imported.deleted {
        table.row([
            ("-".to_owned(), PLAIN),
            (text::name(prompt.name.as_str()), NAME),
            ("-".to_owned(), PLAIN),
            ("deleted".to_owned(), PLAIN),
        ]);
    }
    let [created, committed, unchanged] = [
        ImportEffect::Created,
        ImportEffect::Committed,
        ImportEffect::Unchanged,
    ]
    .map(|effect| counted(imported, effect));
    let mut summary = format!("{created} created, {committed} committed, {unchanged} unchanged");
    for (count, what) in [
        (renamed(imported), "renamed"),
        (imported.deleted.len(), "deleted"),
    ] {
        if count > 0 {
            summary.push_str(&format!(", {count} {what}"));
        }
    }
    if dry_run {
        summary.push_str(" (dry run: nothing was changed)");
    }
    format!("{}{summary}\n", table.text())
}

/// Returns what happened to a file's prompt, if anything did.
fn effect(file: &ImportedFile) -> Option<String> {
    let renamed = file.renamed_from.as_ref().map(|name| {
        let name = text::name(name.as_str());
        format!("renamed from {name}")
    });
    match (renamed, file.effect) {
        (None, ImportEffect::Unchanged) => None,
        (Some(renamed), ImportEffect::Unchanged) => Some(renamed),
        (None, effect) => Some(effect.as_str().to_owned()),
        (Some(renamed), effect) => Some(format!("{renamed}, {}", effect.as_str())),
    }
}

fn counted(imported: &FolderImport, effect: ImportEffect) -> usize {
    let files = imported.files.iter();
    files.filter(|file| file.effect == effect).count()
}

fn renamed(imported: &FolderImport) -> usize {
    let files = imported.files.iter();
    files.filter(|file| file.renamed_from.is_some()).count()
}
