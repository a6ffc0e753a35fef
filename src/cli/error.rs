//! Errors of the command: a message, a hint, and an exit code for programs.

use std::error::Error as StdError;
use std::io;

use super::exit::Exit;
use crate::error::{FileError, InvalidArgument};
use crate::storage::StorageErrorKind;
use crate::{Error, Store};

/// The result of a command, which has written its output.
pub(crate) type CommandResult<T = ()> = Result<T, Failure>;

/// An error of a command.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The name of the error for programs, such as `prompt_not_found`.
    pub(super) kind: &'static str,
    pub(super) exit: Exit,
    pub(super) message: String,
    /// The causes, outermost first.
    pub(super) causes: Vec<String>,
    /// The single problems, if there are several.
    pub(super) details: Vec<String>,
    pub(super) hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            exit,
            message: message.into(),
            causes: Vec::new(),
            details: Vec::new(),
            hint: None,
        }
    }

    /// Creates an error for a malformed command line, or for a malformed value in it.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Creates an error for a failed read or write.
    pub(crate) fn io(message: impl Into<String>, cause: &io::Error) -> Self {
        Self::new(Exit::Failure, "io", message).with_causes(cause)
    }

    /// Creates the error for an output that its reader closed. It ends the command with success.
    pub(crate) fn closed() -> Self {
        Self::new(Exit::Success, "closed", "the output was closed")
    }

    /// Converts a failure to report a change into one that says that the change took place.
    ///
    /// Returns the failure unchanged if the reader closed the output, or if no change took place.
    pub(crate) fn for_completed_change(self, done: CompletedChange<'_>) -> Self {
        let (false, Some(done)) = (self.exit == Exit::Success, done.sentence()) else {
            return self;
        };
        let message = format!("{done}, but its report could not be written");
        let mut failure = Self::new(Exit::Unreported, "unreported", message);
        failure.causes = vec![self.message];
        failure.causes.extend(self.causes);
        failure.hint("don't repeat the command: the change took place")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Puts the subject before the message.
    pub(crate) fn with_subject(mut self, subject: &str) -> Self {
        self.message = format!("{subject}: {}", self.message);
        self
    }

    /// Adds an error and its sources as causes.
    pub(crate) fn with_causes(mut self, cause: &dyn StdError) -> Self {
        let mut next = Some(cause);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            next = error.source();
        }
        self
    }

    /// Adds the sources of an error as causes.
    pub(crate) fn with_sources(self, error: &dyn StdError) -> Self {
        match error.source() {
            Some(cause) => self.with_causes(cause),
            None => self,
        }
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

/// A change that took place.
#[derive(Clone, Copy, Debug)]
pub(crate) enum CompletedChange<'a> {
    /// The operations that this handle committed last. If it committed none, no change took place.
    Operations(&'a Store),
    /// Another change, described as a sentence.
    Other(&'a str),
}

impl CompletedChange<'_> {
    fn sentence(self) -> Option<String> {
        let operations = match self {
            Self::Other(done) => return Some(done.to_owned()),
            Self::Operations(store) => store.operations_made()?,
        };
        Some(match (operations.start(), operations.end()) {
            (first, last) if first == last => format!("operation {first} was committed"),
            (first, last) => format!("operations {first} to {last} were committed"),
        })
    }
}

impl From<InvalidArgument> for Failure {
    fn from(invalid: InvalidArgument) -> Self {
        Self::new(Exit::Usage, "invalid", invalid.to_string())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut failure = Self::new(error.kind().into(), name(&error), error.to_string());
        match &error {
            // The texts of these errors have all reasons in one line. A list is easier to read.
            Error::Breaking { base, reasons } => {
                failure.message = format!("not a minor version of {base}: it would break callers");
                failure.details = reasons.iter().map(ToString::to_string).collect();
            }
            Error::Render { problems } => {
                failure.message = "not rendered".into();
                failure.details = problems.iter().map(ToString::to_string).collect();
            }
            Error::Freeze { problems } => {
                failure.message = "not frozen: partials can't be filled in".into();
                failure.details = problems.iter().map(ToString::to_string).collect();
            }
            _ => {}
        }
        failure.hint = hint(&error);
        failure.with_sources(&error)
    }
}

/// Returns the name of an error for programs.
fn name(error: &Error) -> &'static str {
    match error {
        Error::NotAStore { .. } => "not_a_store",
        Error::StoreExists { .. } => "store_exists",
        Error::MismatchedBackup { .. } => "mismatched_backup",
        Error::IndexMissing { .. } => "index_missing",
        Error::NewerFormat { .. } => "newer_format",
        Error::UnreleasedFormat { .. } => "unreleased_format",
        Error::NetworkFilesystem { .. } => "network_filesystem",
        Error::NotWritable { .. } => "not_writable",
        Error::SqliteTooOld { .. } => "sqlite_too_old",
        Error::ReadOnly => "read_only",
        Error::PromptNotFound { .. } => "prompt_not_found",
        Error::AmbiguousPrompt { .. } => "ambiguous_prompt",
        Error::VersionNotFound { .. } => "version_not_found",
        Error::EnvironmentNotFound { .. } => "environment_not_found",
        Error::MismatchedVersion { .. } => "mismatched_version",
        Error::BodyNotFound { .. } => "body_not_found",
        Error::InputsNotFound { .. } => "inputs_not_found",
        Error::OperationNotFound { .. } => "operation_not_found",
        Error::PositionNotFound { .. } => "position_not_found",
        Error::UndoBlocked { .. } => "undo_blocked",
        Error::AlreadyUndone { .. } => "already_undone",
        Error::BodyCollected { .. } => "body_collected",
        Error::ClockInDoubt { .. } => "clock_in_doubt",
        Error::NameTaken { .. } => "name_taken",
        Error::PromptIdTaken { .. } => "prompt_id_taken",
        Error::VersionIdTaken { .. } => "version_id_taken",
        Error::Conflict { .. } => "conflict",
        Error::MergeConflict { .. } => "merge_conflict",
        Error::Breaking { .. } => "breaking",
        Error::NoBase { .. } => "no_base",
        Error::NumbersExhausted { .. } => "numbers_exhausted",
        Error::InvalidArgument(_) => "invalid",
        Error::InvalidBody { .. } => "invalid_body",
        Error::Render { .. } => "render",
        Error::Freeze { .. } => "freeze",
        Error::File(error) => match error {
            FileError::Unreadable { .. }
            | FileError::Reading { .. }
            | FileError::Writing { .. } => "io",
            FileError::Foreign { .. } => "foreign_file",
            FileError::NewerFormat { .. } => "newer_format",
            FileError::Unsealed { .. } | FileError::Altered { .. } => "altered_file",
            FileError::Malformed { .. } => "malformed_file",
        },
        Error::Unrenderable(_) => "unrenderable",
        Error::CorruptBody { .. } => "damaged",
        Error::OutcomeUnknown { .. } => "outcome_unknown",
        Error::WithinBatch => "within_batch",
        Error::Cancelled => "cancelled",
        Error::Poisoned => "poisoned",
        Error::Storage(error) => match error.kind() {
            StorageErrorKind::Full => "full",
            StorageErrorKind::Busy => "busy",
            StorageErrorKind::Corrupt => "corrupt",
            StorageErrorKind::OutcomeUnknown => "outcome_unknown",
            StorageErrorKind::Io => "io",
            StorageErrorKind::Replaced => "replaced",
            _ => "storage",
        },
    }
}

fn hint(error: &Error) -> Option<String> {
    let hint = match error {
        Error::NotAStore { .. } => {
            "create a store with promptbook init, or name another one with --store DIR or PROMPTBOOK_STORE".into()
        }
        Error::MismatchedBackup { .. } => "back up to another directory, and check what this one contains".into(),
        Error::StoreExists { .. } => "use the existing store; promptbook stats shows what it contains".into(),
        Error::IndexMissing { .. } => "restore index.db from a copy, or move the other files away".into(),
        Error::UnreleasedFormat { .. } => {
            "export a bundle with the older build (promptbook export --bundle FILE), \
             then run promptbook --store NEW init and promptbook --store NEW import FILE"
                .into()
        }
        Error::NewerFormat { .. } => "install the newest release of promptbook".into(),
        Error::NetworkFilesystem { .. } => {
            "move the store to a local disk, or pass --allow-network if no other machine uses the store".into()
        }
        Error::NotWritable { .. } | Error::ReadOnly => {
            "the store can be read; changing it requires write permission for its directory and files".into()
        }
        Error::SqliteTooOld { .. } => "build promptbook with the feature `bundled`".into(),
        Error::PromptNotFound { .. } => "promptbook ls lists the prompts".into(),
        Error::AmbiguousPrompt { .. } => "name one of them by its id: id:ID".into(),
        Error::VersionNotFound { prompt: Some(id), .. } => {
            format!("promptbook log {id} lists its versions")
        }
        Error::VersionNotFound { .. } => "promptbook log --ids lists versions with their ids".into(),
        Error::EnvironmentNotFound { prompt, .. } => {
            format!("promptbook env list {prompt} lists its environments")
        }
        Error::MismatchedVersion { version, .. } => format!("name it only by its id: {version}"),
        Error::ClockInDoubt { .. } => {
            "nothing was removed; if the clock is right, run promptbook gc --yes".into()
        }
        Error::NameTaken { id, .. } => {
            format!("commit to the existing prompt, id:{id}, or pass --allow-duplicate-name")
        }
        Error::PromptIdTaken { .. } => {
            "choose another id, or none; the id of a deleted prompt is never reused".into()
        }
        Error::OperationNotFound { .. } => "promptbook ops lists the operations".into(),
        Error::UndoBlocked { operation, .. } => {
            format!("promptbook undo {operation} --also-later undoes them too")
        }
        Error::AlreadyUndone { by, .. } => format!("promptbook undo {by} redoes it"),
        Error::Conflict { .. } => "another writer changed it; check the new state before you repeat the command".into(),
        Error::MergeConflict { .. } => "both sides changed the same thing; \
            import the bundle into a new store, and copy what is missing from there"
            .into(),
        Error::File(FileError::Unsealed { .. } | FileError::Altered { .. }) => {
            "copy the file again from its source, or write it again".into()
        }
        Error::Breaking { .. } => "commit it as a major version (--major), \
            or force a minor version (--minor --force)"
            .into(),
        Error::NoBase { .. } => "commit it as a major version (--major)".into(),
        Error::InvalidBody { .. } => "a body is one JSON object, such as {\"model\": …, \"messages\": […]}".into(),
        Error::Render { .. } => "promptbook vars SPEC lists the inputs that it requires".into(),
        Error::Freeze { .. } => "promptbook vars SPEC lists the partials of a prompt and where they are used".into(),
        Error::Unrenderable(_) => "use --mode strict, which renders bodies of any shape".into(),
        Error::CorruptBody { .. } => "promptbook verify lists all damage; \
            restore the store, or that body, from a backup"
            .into(),
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
