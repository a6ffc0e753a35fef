//! The report of `import`, as JSON and as text.

use serde_json::{Value, json};

use crate::cli::output::{NAME, NUMBER, PLAIN};
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::files::{FolderImport, ImportEffect, ImportedFile, LabelMove};

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
            "moved": moves_json(&file.moves),
            "unplaced": file.unplaced,
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
    let moves: usize = imported.files.iter().map(|file| file.moves.len()).sum();
    if moves > 0 {
        let moves = text::count(moves as u64, "environment", "environments");
        summary.push_str(&format!(", {moves} moved"));
    }
    if dry_run {
        summary.push_str(" (dry run: nothing was changed)");
    }
    format!("{}{summary}\n", table.text())
}

/// The documented shape of moves of environments.
pub(super) fn moves_json(moves: &[LabelMove]) -> Value {
    let moves = moves.iter();
    let moves =
        moves.map(|one| json!({"environment": one.environment, "from": one.from, "to": one.to}));
    moves.collect()
}

/// Returns moves of environments as text, one each, such as `production 1.0 → 2.0`.
pub(super) fn move_texts(moves: &[LabelMove]) -> Vec<String> {
    let number = |number: Option<crate::VersionNumber>, absent: &str| {
        number.map_or_else(|| absent.to_owned(), |number| number.to_string())
    };
    let moves = moves.iter().map(|one| {
        let name = text::line(one.environment.as_str());
        let (from, to) = (number(one.from, "new"), number(one.to, "the new version"));
        format!("{name} {from} → {to}")
    });
    moves.collect()
}

/// Returns what happened to a file's prompt, if anything did.
fn effect(file: &ImportedFile) -> Option<String> {
    let renamed = file.renamed_from.as_ref().map(|name| {
        let name = text::name(name.as_str());
        format!("renamed from {name}")
    });
    let is_changed = file.effect != ImportEffect::Unchanged;
    let changed = is_changed.then(|| file.effect.as_str().to_owned());
    let parts = renamed.into_iter().chain(changed);
    let parts: Vec<String> = parts.chain(move_texts(&file.moves)).collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn counted(imported: &FolderImport, effect: ImportEffect) -> usize {
    let files = imported.files.iter();
    files.filter(|file| file.effect == effect).count()
}

fn renamed(imported: &FolderImport) -> usize {
    let files = imported.files.iter();
    files.filter(|file| file.renamed_from.is_some()).count()
}
