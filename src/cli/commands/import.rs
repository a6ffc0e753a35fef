//! The command `import`.

use std::path::Path;

use super::bundle;
use super::folder_notes::{note_findings, note_kept, note_skipped, note_unplaced};
use super::import_report::{report_json, report_text};
use super::new_environment::NewEnvironment;
use crate::cli::args::ImportArgs;
use crate::cli::confirm::Question;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::{input, text};
use crate::files::{
    FileChange, FolderImport, FolderImportOptions, FolderReadOptions, FolderStatus,
};
use crate::{Error, Store};

pub(super) fn import(args: &ImportArgs, session: &Session) -> CommandResult {
    let folder = match (&args.bundle.file, &args.folder) {
        (Some(file), _) => return import_bundle(file, args, session),
        (None, Some(file)) if is_bundle(file, args) => {
            if args.has_folder_options() {
                let message = format!("{} is a bundle, not a folder", input::name_of(file));
                return Err(Failure::usage(message)
                    .hint("a bundle contains its own messages and environments"));
            }
            return import_bundle(file, args, session);
        }
        (None, folder) => folder.as_deref().unwrap_or(Path::new(".")),
    };
    #[cfg(feature = "remote")]
    if args.bundle.renumber {
        return Err(Failure::usage(
            "--renumber is for a bundle, not for a folder or a prompt",
        ));
    }
    let store = session.store()?.grouped();
    let new_environment = NewEnvironment::of(&store, args.env.as_ref())?;
    let Some(imported) = import_confirmed(&store, folder, args, session)? else {
        session.note("nothing was imported");
        return Ok(());
    };
    if imported.files.is_empty() {
        session.note("no files of prompts in the folder");
    }
    note_skipped(&imported.skipped, session);
    note_findings(&imported, session);
    note_kept(&imported, session);
    let files = imported.files.iter();
    note_unplaced(
        files.map(|one| (one.file.as_path(), &one.unplaced[..])),
        session,
    );
    let (json, text) = (
        || report_json(&imported, args.dry_run),
        || report_text(&imported, args.dry_run),
    );
    if args.dry_run {
        return session.write_output(json, text);
    }
    session.report(CompletedChange::Operations(&store), json, text)?;
    if let Some(new) = new_environment {
        new.note(session);
    }
    Ok(())
}

#[cfg_attr(
    not(feature = "remote"),
    expect(
        unused_variables,
        reason = "only --renumber changes the import of a bundle"
    )
)]
fn import_bundle(file: &Path, args: &ImportArgs, session: &Session) -> CommandResult {
    #[cfg(feature = "remote")]
    if args.bundle.renumber {
        return bundle::import_renumbering(file, session);
    }
    bundle::import(file, session)
}

/// Returns whether a path names a bundle: standard input, or a file that is not named as a prompt is.
fn is_bundle(path: &Path, args: &ImportArgs) -> bool {
    let is_prompt = args.format.is_some() || crate::formats::Format::of_file(path).is_some();
    input::is_stdin(path) || path.exists() && !path.is_dir() && !is_prompt
}

/// Imports a folder, and asks before prompts are renamed or deleted. Returns `None` if the answer is
/// no.
///
/// The transaction finds out what would be renamed or deleted. It is rolled back for the question,
/// and the second one is only for what the answer was about.
fn import_confirmed(
    store: &Store,
    folder: &Path,
    args: &ImportArgs,
    session: &Session,
) -> CommandResult<Option<FolderImport>> {
    let mut confirmed = Consequences::default();
    loop {
        let mut found = Consequences::default();
        let progress = ProgressDisplay::open_ended(session, "importing");
        let options = options(args)
            .progress(|now| progress.at(now))
            .approve(|status| {
                found = Consequences::of(status, args);
                args.yes || args.dry_run || found == confirmed
            });
        let outcome = store.import_folder(folder, options);
        drop(progress);
        match outcome {
            Err(Error::Cancelled) if found != confirmed => {
                if !found.ask()? {
                    return Ok(None);
                }
                confirmed = found;
            }
            outcome => return Ok(Some(outcome?)),
        }
    }
}

fn options(args: &ImportArgs) -> FolderImportOptions<'_> {
    let mut options = FolderImportOptions::new()
        .read(
            FolderReadOptions::new()
                .format(args.format)
                .unsupported(args.unsupported.unsupported()),
        )
        .rename(!args.no_renames)
        .prune(args.prune)
        .dry_run(args.dry_run);
    if let Some(message) = &args.message {
        options = options.message(message);
    }
    if let Some(name) = &args.env {
        options = options.environment(name);
    }
    if args.no_env {
        options = options.without_environment();
    }
    if args.breaking {
        options = options.allow_breaking();
    }
    options
}

/// What an import renames and deletes, which it asks about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Consequences {
    renamed: Vec<String>,
    deleted: Vec<String>,
}

impl Consequences {
    fn of(status: &FolderStatus, args: &ImportArgs) -> Self {
        let renamed = status.files.iter().filter_map(|file| {
            let prompt = file.prompt.as_ref()?;
            (file.change == FileChange::Renamed && !args.no_renames).then(|| {
                let names = [&prompt.name, &file.name].map(|name| text::name(name.as_str()));
                format!("rename {} to {}", names[0], names[1])
            })
        });
        let deleted = status.gone.iter().map(|prompt| {
            let versions = text::count(prompt.versions, "version", "versions");
            let name = text::name(prompt.name.as_str());
            let names = prompt.environments.iter();
            let names: Vec<String> = names.map(|one| text::line(one.name.as_str())).collect();
            let places = if names.is_empty() {
                String::new()
            } else {
                format!(", in {}", names.join(", "))
            };
            format!("delete {name} ({versions}{places})")
        });
        Self {
            renamed: renamed.collect(),
            deleted: deleted.filter(|_| args.prune).collect(),
        }
    }

    fn ask(&self) -> CommandResult<bool> {
        let (renamed, deleted) = (self.renamed.len() as u64, self.deleted.len() as u64);
        let prompts = |count| text::count(count, "prompt", "prompts");
        let action = match (renamed, deleted) {
            (0, deleted) => format!("delete {}", prompts(deleted)),
            (renamed, 0) => format!("rename {}", prompts(renamed)),
            (renamed, deleted) => format!("rename {} and delete {deleted}", prompts(renamed)),
        };
        let question =
            Question::new(action).consequences(self.renamed.iter().chain(&self.deleted).cloned());
        if renamed > 0 {
            question.alternative("--no-renames imports the files as new prompts")
        } else {
            question.alternative("import without --prune deletes nothing")
        }
        .ask()
    }
}
