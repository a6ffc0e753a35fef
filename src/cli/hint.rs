//! Hints: what a user can do about an error of the library.

use super::text;
use super::typed_command;
use crate::Error;
use crate::error::{
    ConflictSubject, EnvironmentUse, FileError, FreezeProblem, OpenError, PromptLabel,
};
use crate::storage::StorageErrorKind;
use crate::template::Problem;

/// Returns the remedy for an error, if there is one.
pub(super) fn hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::Open(OpenError::NotAStore { .. }) => {
            "create a store with promptbook init, or name another one with --store DIR or PROMPTBOOK_STORE".into()
        }
        Error::MismatchedCopy { .. } => {
            "copy to a place without a store, or bring both histories together with promptbook export --bundle and import".into()
        }
        Error::MismatchedBackup { .. } => "back up to another directory, and check what this one contains".into(),
        Error::Open(OpenError::StoreExists { .. }) => "use the existing store; promptbook stats shows what it contains".into(),
        Error::Open(OpenError::IndexMissing { .. }) => "restore index.db from a copy, or move the other files away".into(),
        Error::Open(OpenError::UnreleasedFormat { .. }) => {
            "export a bundle with the older build (promptbook export --bundle FILE), \
             then run promptbook --store NEW init and promptbook --store NEW import FILE"
                .into()
        }
        Error::Open(OpenError::NewerFormat { .. }) => "install the newest release of promptbook".into(),
        Error::Open(OpenError::NetworkFilesystem { .. }) => {
            "move the store to a local disk, or pass --allow-network if no other machine uses the store".into()
        }
        Error::Open(OpenError::NotWritable { .. }) | Error::ReadOnly => {
            "the store can be read; changing it requires write permission for its directory and files".into()
        }
        Error::Open(OpenError::SqliteTooOld { .. }) => "build promptbook with the feature `bundled`".into(),
        Error::PromptNotFound { .. } => "promptbook ls lists the prompts".into(),
        Error::AmbiguousPrompt { .. } => "name one of them by its id: id:ID".into(),
        Error::VersionNotFound { prompt: Some(prompt), .. } => {
            format!("promptbook log {} lists its versions", argument(prompt))
        }
        Error::VersionNotFound { .. } => "promptbook log --ids lists versions with their ids".into(),
        Error::EnvironmentNotFound { prompt, .. } => {
            format!("promptbook env list {} lists its environments", argument(prompt))
        }
        Error::MismatchedVersion { version, .. } => {
            format!("name it only by its id: {}", version.version.id)
        }
        Error::ClockInDoubt { .. } => {
            "nothing was removed; if the clock is right, run promptbook gc --yes".into()
        }
        Error::NameTaken { name, .. } => format!(
            "promptbook commit {} commits a new version of it; --allow-duplicate-name allows a second prompt of this name",
            text::shell_word(name.as_str())
        ),
        Error::PromptIdTaken { .. } => {
            "choose another id, or none; the id of a deleted prompt is never reused".into()
        }
        Error::OperationNotFound { .. } => "promptbook ops lists the operations".into(),
        Error::UndoBlocked { operation, .. } => {
            format!("promptbook undo {operation} --also-later undoes them too")
        }
        Error::AlreadyUndone { by, .. } => format!("promptbook undo {by} redoes it"),
        Error::Conflict { prompt, subject, .. } => conflict(prompt, subject),
        Error::BundleGap { .. } => {
            "import the bundles of the operations before it first, or a bundle of the whole history".into()
        }
        Error::MergeConflict { .. } if cfg!(feature = "remote") => "if both sides gave a number to a \
            version, import --renumber gives the own versions the next free ones; otherwise import \
            the bundle into a new store, and copy what is missing from there"
            .into(),
        Error::MergeConflict { .. } => "both sides changed the same thing; \
            import the bundle into a new store, and copy what is missing from there"
            .into(),
        Error::File(FileError::Converted { .. }) => {
            "copy the file again as binary; in git, the line FILE -text of .gitattributes prevents it".into()
        }
        Error::File(FileError::Unsealed { .. } | FileError::Altered { .. }) => {
            "copy the file again from its source, or write it again".into()
        }
        Error::Breaking { .. } => "commit it as a major version (--major), \
            or force a minor version (--force)"
            .into(),
        Error::BreakingMove { to, .. } => {
            breaking(if to.is_some() { "moves it" } else { "commits and moves it" })
        }
        Error::EnvironmentNotListed { environment, .. } => format!(
            "promptbook environments add {} adds it to the list",
            text::shell_word(environment.as_str())
        ),
        Error::EnvironmentInUse { uses } => in_use(uses),
        Error::NoBase { .. } => "commit it as a major version (--major)".into(),
        Error::InvalidBody { .. } => "a body is one JSON object, such as {\"model\": …, \"messages\": […]}".into(),
        Error::Render { problems } => of_problems(problems.iter()),
        Error::Freeze { problems } => {
            of_problems(problems.iter().map(|FreezeProblem { problem, .. }| problem))
        }
        Error::HeliconeRender(_) => "use --mode strict, which renders bodies of any shape".into(),
        Error::CorruptBody { .. } => "promptbook verify lists all damage; \
            restore the store, or that body, from a backup"
            .into(),
        Error::BodyCollected { .. } => {
            "the version is in the history, but its text is not; a backup or bundle may contain it".into()
        }
        Error::OutcomeUnknown { .. } => "promptbook ops shows whether the change took place; \
            check the disk before you continue"
            .into(),
        Error::Storage(error) => match error.kind() {
            StorageErrorKind::Full => "free some space and repeat the command; nothing was changed".into(),
            StorageErrorKind::Busy => "repeat the command, or wait longer with --wait SECONDS; nothing was changed".into(),
            StorageErrorKind::Replaced => "check what is there now, and repeat the command".into(),
            StorageErrorKind::Corrupt => "promptbook verify lists all damage".into(),
            _ => return None,
        },
        _ => return None,
    };
    Some(hint)
}

/// Returns the remedy for a list that would not contain these environments.
fn in_use(uses: &[EnvironmentUse]) -> String {
    let names = uses
        .iter()
        .map(|one| text::shell_word(one.environment.as_str()));
    let names: Vec<String> = names.collect();
    let names = names.join(" ");
    format!(
        "keep them in the list ({names}), or promptbook help env remove explains how a prompt loses one"
    )
}

/// Returns the command that does what was refused because it breaks callers.
pub(super) fn breaking(what: &str) -> String {
    let command = typed_command::with_option("--breaking");
    format!("{command} {what} nevertheless")
}

fn conflict(prompt: &PromptLabel, subject: &ConflictSubject) -> String {
    let prompt = argument(prompt);
    match subject {
        ConflictSubject::Head => format!("promptbook log {prompt} lists its versions"),
        ConflictSubject::Environment(name) => format!(
            "promptbook log {prompt} --env {} shows what changed it",
            text::shell_word(name.as_str())
        ),
    }
}

/// Returns the remedy for a body that cannot be filled.
fn of_problems<'a>(mut problems: impl Iterator<Item = &'a Problem>) -> String {
    let missing = problems.find_map(|problem| match problem {
        Problem::PartialNotFound {
            prompt,
            environment,
            ..
        } => Some((prompt, environment)),
        _ => None,
    });
    match missing {
        Some((prompt, environment)) => format!(
            "a partial names its prompt by id: promptbook ls lists the ids, and \
             promptbook env set {prompt} {} VERSION points that environment to a version",
            text::shell_word(environment.as_str())
        ),
        None => {
            "promptbook vars SPEC lists its variables and partials, and where they are used".into()
        }
    }
}

/// Returns a prompt as an argument of a command.
fn argument(prompt: &PromptLabel) -> String {
    match &prompt.name {
        // A name with characters that a terminal interprets cannot be copied from there.
        Some(name) if text::line(name.as_str()) == name.as_str() && !name.as_str().is_empty() => {
            text::shell_word(name.as_str())
        }
        _ => format!("id:{}", prompt.id),
    }
}
