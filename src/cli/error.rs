//! Errors of the command: a message, a hint, and an exit code for programs.

use std::error::Error as StdError;
use std::io;

use serde_json::{Map, Value, json};

use super::exit::Exit;
use super::folder_failure::{FolderFailure, of_folder};
use super::hint::hint;
use super::text::shell_word;
use crate::error::{ConflictSubject, FileError, InvalidArgument, OpenError, PromptLabel};
use crate::model::error::breaking_move;
use crate::storage::StorageErrorKind;
use crate::{Breakage, EnvironmentName, Error, Store, VersionSpec};

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
    pub(super) hint: Option<Box<str>>,
    pub(super) facts: Box<ErrorFacts>,
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
            facts: Box::default(),
        }
    }

    /// Creates an error for a malformed command line, or for a malformed value in it.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    /// Creates an error for a store that is not as expected.
    pub(crate) fn conflict(message: impl Into<String>) -> Self {
        Self::new(Exit::Conflict, "conflict", message)
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
        failure.hint("do not repeat the command: the change took place")
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into().into_boxed_str());
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

    /// Adds an error and its sources as causes, except those whose text was already given.
    pub(crate) fn with_causes(mut self, cause: &dyn StdError) -> Self {
        let mut next = Some(cause);
        let mut last = self.message.clone();
        while let Some(error) = next {
            let text = error.to_string();
            if !last.contains(&text) && !text.contains(&last) && !self.message.contains(&text) {
                self.causes.push(text.clone());
            }
            last = text;
            next = error.source();
        }
        self
    }

    /// Puts the spec that the caller typed into the hint, which has `SPEC` in its place.
    pub(crate) fn for_spec(mut self, spec: &VersionSpec) -> Self {
        let spec = shell_word(&spec.to_string());
        self.hint = self.hint.map(|hint| hint.replace("SPEC", &spec).into());
        self
    }

    /// Adds the sources of an error as causes.
    pub(crate) fn with_sources(self, error: &dyn StdError) -> Self {
        match error.source() {
            Some(cause) => self.with_causes(cause),
            None => self,
        }
    }

    /// Returns the name of the error for programs.
    #[cfg(feature = "remote")]
    pub(crate) fn kind(&self) -> &'static str {
        self.kind
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }
}

/// The values of an error, apart from its text.
#[derive(Debug, Default)]
pub(super) struct ErrorFacts {
    /// The values for programs.
    pub(super) fields: Map<String, Value>,
    /// What was not found, if similar names may exist.
    pub(super) missing: Option<MissingName>,
}

/// A name that does not exist, which similar names may be suggested for.
#[derive(Clone, Debug)]
pub(crate) enum MissingName {
    Prompt(String),
    Environment {
        prompt: PromptLabel,
        name: String,
    },
    /// An environment that is not in the environment list.
    Unlisted {
        name: String,
        list: Vec<EnvironmentName>,
    },
}

impl MissingName {
    /// Returns the name as it was typed.
    pub(super) fn typed(&self) -> &str {
        match self {
            Self::Prompt(typed)
            | Self::Environment { name: typed, .. }
            | Self::Unlisted { name: typed, .. } => typed,
        }
    }

    fn of(error: &Error) -> Option<Self> {
        match error {
            Error::PromptNotFound { prompt } => Some(Self::Prompt(prompt.clone())),
            Error::EnvironmentNotFound {
                prompt,
                environment,
            } => Some(Self::Environment {
                prompt: prompt.clone(),
                name: environment.to_string(),
            }),
            Error::EnvironmentNotListed { environment, list } => Some(Self::Unlisted {
                name: environment.to_string(),
                list: list.clone(),
            }),
            _ => None,
        }
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

impl From<FolderFailure<'_>> for Failure {
    fn from(parts: FolderFailure<'_>) -> Self {
        let mut failure = Self::new(parts.exit, parts.kind, parts.message).details(parts.details);
        failure.hint = parts.hint.map(Into::into);
        match parts.cause {
            Some(cause) => failure.with_causes(cause),
            None => failure,
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Error::from(error).into()
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        if let Error::Folder(error) = &error {
            return of_folder(error).into();
        }
        let mut failure = Self::new(error.kind().into(), name(&error), error.to_string());
        match &error {
            // The texts of these errors have all reasons in one line. A list is easier to read.
            Error::Breaking { base, reasons } => {
                failure.message = format!("not a minor version of {base}: it would break callers");
                let detail = |one: &Breakage| format!("{}: {}", one.place, one.reason);
                failure.details = reasons.iter().map(detail).collect();
            }
            Error::BreakingMove {
                prompt,
                environment,
                from,
                to,
                reasons,
                ..
            } => {
                failure.message = breaking_move(prompt, environment, *from, *to);
                let detail = |one: &Breakage| format!("{}: {}", one.place, one.reason);
                failure.details = reasons.iter().map(detail).collect();
            }
            Error::EnvironmentInUse { uses } => {
                failure.message =
                    "the environment list must contain every environment in use".into();
                failure.details = uses.iter().map(ToString::to_string).collect();
            }
            Error::Render { problems } => {
                failure.message = "not rendered".into();
                failure.details = problems.iter().map(ToString::to_string).collect();
            }
            Error::Freeze { problems } => {
                failure.message = "not frozen: partials cannot be filled in".into();
                failure.details = problems.iter().map(ToString::to_string).collect();
            }
            _ => {}
        }
        failure.hint = hint(&error).map(Into::into);
        failure.facts.missing = MissingName::of(&error);
        failure.facts.fields = fields(&error);
        failure.with_sources(&error)
    }
}

/// Returns the name of an error for programs.
fn name(error: &Error) -> &'static str {
    match error {
        Error::Open(error) => name_at_opening(error),
        Error::MismatchedBackup { .. } => "mismatched_backup",
        Error::MismatchedCopy { .. } => "mismatched_copy",
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
        Error::BundleGap { .. } => "bundle_gap",
        Error::BundleDiverged { .. } => "bundle_diverged",
        Error::Breaking { .. } => "breaking",
        Error::BreakingMove { .. } => "breaking_move",
        Error::EnvironmentNotListed { .. } => "environment_not_listed",
        Error::EnvironmentInUse { .. } => "environment_in_use",
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
            FileError::Unsealed { .. }
            | FileError::Altered { .. }
            | FileError::Converted { .. } => "altered_file",
            FileError::Malformed { .. } => "malformed_file",
        },
        Error::Folder(_) => "folder",
        Error::HeliconeRender(_) => "helicone_render",
        Error::CorruptBody { .. } => "corrupt_body",
        Error::OutcomeUnknown { .. } => "outcome_unknown",
        Error::WithinBatch => "within_batch",
        Error::Cancelled => "cancelled",
        Error::Poisoned => "poisoned",
        Error::Storage(error) => name_of_storage(error.kind()),
    }
}

fn name_at_opening(error: &OpenError) -> &'static str {
    match error {
        OpenError::NotAStore { .. } => "not_a_store",
        OpenError::StoreExists { .. } => "store_exists",
        OpenError::IndexMissing { .. } => "index_missing",
        OpenError::NewerFormat { .. } => "newer_format",
        OpenError::UnreleasedFormat { .. } => "unreleased_format",
        OpenError::NetworkFilesystem { .. } => "network_filesystem",
        OpenError::NotWritable { .. } => "not_writable",
        OpenError::InvalidArgument(_) => "invalid",
        OpenError::SqliteTooOld { .. } => "sqlite_too_old",
        OpenError::Storage(error) => name_of_storage(error.kind()),
    }
}

fn name_of_storage(kind: StorageErrorKind) -> &'static str {
    match kind {
        StorageErrorKind::Full => "full",
        StorageErrorKind::Busy => "busy",
        StorageErrorKind::Corrupt => "corrupt",
        StorageErrorKind::OutcomeUnknown => "outcome_unknown",
        StorageErrorKind::Io => "io",
        StorageErrorKind::Replaced => "replaced",
        _ => "storage",
    }
}

/// Returns the values of an error for programs, for the errors that programs act on.
fn fields(error: &Error) -> Map<String, Value> {
    let prompt = |prompt: &PromptLabel| json!({"id": prompt.id, "name": prompt.name});
    let fields = match error {
        Error::Conflict {
            prompt: label,
            subject,
            expected,
            expected_number,
            found,
        } => json!({
            "prompt": prompt(label),
            "environment": match subject {
                ConflictSubject::Head => Value::Null,
                ConflictSubject::Environment(name) => json!(name),
            },
            "expected": expected.map(|id| json!({"id": id, "number": expected_number})),
            "found": found.map(|found| json!({"id": found.id, "number": found.number})),
        }),
        Error::AmbiguousPrompt { name, ids } => json!({"name": name, "ids": ids}),
        Error::NameTaken { name, id } => json!({"prompt": {"id": id, "name": name}}),
        Error::VersionNotFound {
            prompt: Some(label),
            selector,
        } => json!({"prompt": prompt(label), "selector": selector.to_string()}),
        Error::EnvironmentNotFound {
            prompt: label,
            environment,
        } => json!({"prompt": prompt(label), "environment": environment}),
        Error::Breaking { base, reasons } => json!({"base": base, "breaking": reasons}),
        Error::BreakingMove {
            prompt: label,
            environment,
            from,
            to,
            reasons,
        } => json!({
            "prompt": prompt(label),
            "environment": environment,
            "from": from,
            "to": to,
            "breaking": reasons,
        }),
        Error::EnvironmentNotListed { environment, list } => {
            json!({"environment": environment, "environments": list})
        }
        Error::EnvironmentInUse { uses } => {
            let uses = uses.iter().map(|one| {
                let prompts: Vec<Value> = one.prompts.iter().map(prompt).collect();
                json!({"environment": one.environment, "prompts": prompts, "count": one.count})
            });
            json!({"in_use": uses.collect::<Vec<_>>()})
        }
        Error::OutcomeUnknown { number, id, .. } => json!({"operation": number, "id": id}),
        _ => Value::Null,
    };
    match fields {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}
