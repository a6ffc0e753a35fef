//! The command `import`.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::bundle;
use super::import_notes::{AbsentPrompt, absent, absent_note, left_out_note, list};
use super::new_environment::NewEnvironment;
use crate::cli::args::ImportArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{NAME, NUMBER, PLAIN};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{input, text};
use crate::file_name::{self, Name};
use crate::fs::text_file::equal_but_for_line_ends;
use crate::json_files::LeftOut;
use crate::{
    Batch, Body, Error, NewPrompt, NewVersion, PromptId, PromptName, PromptRef, Selector, Store,
    Version, VersionSpec,
};

pub(super) fn import(args: &ImportArgs, session: &Session) -> CommandResult {
    let folder = match (&args.bundle.file, &args.folder) {
        (Some(file), _) => return bundle::import(file, session),
        (None, Some(file)) if is_bundle(file) => {
            if args.message.is_some() || args.env.is_some() || args.no_env {
                let message = format!("{} is a bundle, not a folder", input::name_of(file));
                return Err(Failure::usage(message)
                    .hint("a bundle contains its own messages and environments"));
            }
            return bundle::import(file, session);
        }
        (None, folder) => folder.as_deref().unwrap_or(Path::new(".")),
    };
    let (folder, listed) = list(folder)?;
    // Opened before the files are read, which would be useless without a store.
    let store = session.store()?.grouped();
    let entries = read(folder, &listed.files, session)?;
    let new_environment = NewEnvironment::of(&store, args.env.as_ref())?;
    let progress = ProgressDisplay::of(session, "importing", entries.len());
    let (mut imported, mut invalid) = (Vec::new(), Vec::new());
    let done = store.batch(|batch| {
        let mut first = None;
        for entry in &entries {
            match import_file(&store, batch, entry, args) {
                Ok((outcome, version)) => imported.push((entry, outcome, version)),
                Err(error) if is_of_one_file(&error) => {
                    invalid.push(format!("{}: {error}", entry.file));
                    first.get_or_insert(error);
                }
                Err(error) => return Err(error),
            }
            progress.step();
        }
        // An error rolls the whole batch back.
        first.map_or(Ok(()), Err)
    });
    drop(progress);
    if !invalid.is_empty() {
        let is_breaking = matches!(done, Err(Error::BreakingMove { .. }));
        let failure = refused(invalid, entries.len());
        return Err(if is_breaking {
            failure.breaking()
        } else {
            failure
        });
    }
    done?;
    if listed.files.is_empty() {
        session.note("no .json files in the folder");
    }
    if let Some(note) = left_out_note(&listed.left_out) {
        session.note(&note);
    }
    let completed = CompletedChange::Operations(&store);
    let absent = if listed.is_whole {
        absent(
            &store,
            imported.iter().map(|(entry, effect, version)| {
                let created = *effect == ImportEffect::Created;
                (version, created.then(|| entry.name.as_str()))
            }),
        )
        .map_err(|error| Failure::from(error).for_completed_change(completed))?
    } else {
        Vec::new()
    };
    if let Some(note) = absent_note(&absent) {
        session.note(&note);
    }
    session.report(
        completed,
        || report_json(&imported, &listed.left_out, &absent),
        || report_text(&imported),
    )?;
    if let Some(new) = new_environment {
        new.note(session);
    }
    Ok(())
}

/// Returns whether a path names a bundle: standard input, or a file that is not named as a body is.
fn is_bundle(path: &Path) -> bool {
    let is_body = path.extension().is_some_and(|ending| ending == "json");
    input::is_stdin(path) || path.exists() && !path.is_dir() && !is_body
}

/// A file to import.
struct ImportEntry {
    /// The path below the folder.
    file: String,
    name: PromptName,
    id: Option<PromptId>,
    body: Body,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ImportEffect {
    Created,
    Committed,
    Unchanged,
}

impl ImportEffect {
    fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Committed => "committed",
            Self::Unchanged => "unchanged",
        }
    }
}

type ImportedFile<'a> = (&'a ImportEntry, ImportEffect, Version);

/// Reads all files. Fails with a list of all invalid files.
fn read(folder: &Path, files: &[PathBuf], session: &Session) -> CommandResult<Vec<ImportEntry>> {
    let progress = ProgressDisplay::of(session, "reading", files.len());
    let mut entries: Vec<ImportEntry> = Vec::with_capacity(files.len());
    let mut seen = HashMap::new();
    let mut invalid = Vec::new();
    for file in files {
        match read_one(folder, file) {
            Ok(entry) => match seen.insert((entry.name.clone(), entry.id), entry.file.clone()) {
                Some(other) => {
                    invalid.push(format!("{}: it is the same prompt as {other}", entry.file))
                }
                None => entries.push(entry),
            },
            Err(reason) => invalid.push(format!("{}: {reason}", file.display())),
        }
        progress.step();
    }
    if invalid.is_empty() {
        Ok(entries)
    } else {
        Err(refused(invalid, files.len()))
    }
}

fn read_one(folder: &Path, file: &Path) -> Result<ImportEntry, String> {
    let (name, id) = file_name::decode(file).ok_or("its name is not UTF-8")?;
    let name = match name {
        Name::InPath(name) => name,
        Name::Beside(file) => read_name(&folder.join(&file))
            .map_err(|error| format!("its prompt's name is in {}, {error}", file.display()))?,
    };
    let bytes = input::bytes(&folder.join(file)).map_err(|error| error.to_string())?;
    Ok(ImportEntry {
        file: file.display().to_string(),
        name: name
            .parse()
            .map_err(|error: crate::error::InvalidArgument| error.to_string())?,
        id,
        body: Body::try_from(bytes).map_err(|error| error.to_string())?,
    })
}

/// Reads a prompt's name from a file.
fn read_name(path: &Path) -> Result<String, String> {
    let bytes = input::bytes(path).map_err(|error| format!("which cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "which is not UTF-8".into())
}

fn refused(invalid: Vec<String>, of: usize) -> Failure {
    let files = text::count(of as u64, "file", "files");
    Failure::new(
        Exit::Usage,
        "bad_files",
        format!(
            "{} of {files} cannot be imported, so nothing was imported",
            invalid.len()
        ),
    )
    .details(invalid)
    .hint("fix these files, or remove them from the folder")
}

/// Returns whether the error concerns a single file, so that the check continues with the others.
fn is_of_one_file(error: &Error) -> bool {
    matches!(
        error,
        Error::AmbiguousPrompt { .. }
            | Error::PromptIdTaken { .. }
            | Error::NumbersExhausted { .. }
            | Error::BreakingMove { .. }
            | Error::InvalidArgument(_)
    )
}

/// Imports one file, unless the prompt's latest version has the same body.
///
/// Other line ends do not count: git may have converted those of the file.
fn import_file(
    store: &Store,
    batch: &mut Batch<'_>,
    entry: &ImportEntry,
    args: &ImportArgs,
) -> crate::Result<(ImportEffect, Version)> {
    let prompt = match entry.id {
        Some(id) => PromptRef::Id(id),
        None => PromptRef::Name(entry.name.clone()),
    };
    let message = || {
        args.message
            .clone()
            .unwrap_or_else(|| format!("Import {}", entry.file))
    };
    match batch.version(VersionSpec::new(prompt.clone(), Selector::Latest)) {
        Ok(latest) if is_body_of(store, &latest, &entry.body)? => {
            Ok((ImportEffect::Unchanged, latest))
        }
        Ok(_) | Err(Error::VersionNotFound { .. }) => {
            let mut new = NewVersion::new(prompt, entry.body.clone()).message(message());
            if let Some(name) = &args.env {
                new = new.environment(name);
            }
            if args.breaking {
                new = new.allow_breaking();
            }
            Ok((ImportEffect::Committed, batch.commit(new)?))
        }
        Err(Error::PromptNotFound { .. }) => {
            let mut new = NewPrompt::new(entry.name.clone(), entry.body.clone()).message(message());
            // A file that names its prompt's id may bring in a name that is taken.
            if let Some(id) = entry.id {
                new = new.id(id).allow_duplicate_name();
            }
            if args.no_env {
                new = new.without_environment();
            } else if let Some(name) = &args.env {
                new = new.environment(name);
            }
            Ok((ImportEffect::Created, batch.create_prompt(new)?.version))
        }
        Err(error) => Err(error),
    }
}

/// Returns whether a version has this body, or the same body with other line ends.
fn is_body_of(store: &Store, version: &Version, body: &Body) -> crate::Result<bool> {
    if version.blob == body.id() {
        return Ok(true);
    }
    let stored = store.resolve(version.id)?;
    Ok(equal_but_for_line_ends(
        stored.body.as_bytes(),
        body.as_bytes(),
    ))
}

fn counted(imported: &[ImportedFile<'_>], effect: ImportEffect) -> usize {
    imported
        .iter()
        .filter(|(_, found, _)| *found == effect)
        .count()
}

fn report_json(
    imported: &[ImportedFile<'_>],
    left_out: &[LeftOut],
    absent: &[AbsentPrompt],
) -> Value {
    let files = imported.iter().map(|(entry, effect, version)| {
        json!({
            "file": entry.file,
            "prompt": entry.name,
            "prompt_id": version.prompt_id,
            "number": version.number,
            "effect": effect.as_str(),
        })
    });
    json!({
        "created": counted(imported, ImportEffect::Created),
        "committed": counted(imported, ImportEffect::Committed),
        "unchanged": counted(imported, ImportEffect::Unchanged),
        "files": files.collect::<Vec<_>>(),
        "left_out": left_out
            .iter()
            .map(|left| json!({"file": left.file.to_string_lossy(), "reason": left.reason}))
            .collect::<Vec<_>>(),
        "not_in_folder": absent
            .iter()
            .map(|absent| json!({
                "prompt": absent.prompt.name,
                "prompt_id": absent.prompt.id,
                "same_body_as": absent.same_body_as,
            }))
            .collect::<Vec<_>>(),
    })
}

/// Returns a table of the changed prompts, and the number of unchanged files.
fn report_text(imported: &[ImportedFile<'_>]) -> String {
    let mut table = TextTable::new(&["FILE", "PROMPT", "VERSION", "EFFECT"]);
    for (entry, effect, version) in imported {
        if *effect != ImportEffect::Unchanged {
            table.row([
                (text::line(&entry.file), PLAIN),
                (text::name(entry.name.as_str()), NAME),
                (version.number.to_string(), NUMBER),
                (effect.as_str().to_owned(), PLAIN),
            ]);
        }
    }
    let [created, committed, unchanged] = [
        ImportEffect::Created,
        ImportEffect::Committed,
        ImportEffect::Unchanged,
    ]
    .map(|effect| counted(imported, effect));
    format!(
        "{}{created} created, {committed} committed, {unchanged} unchanged\n",
        table.text()
    )
}
