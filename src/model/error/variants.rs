//! [`Error`], the error type of the public API.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use super::folder_error::FolderError;
use super::labels::{
    ConflictSubject, EnvironmentUse, FreezeProblem, PromptLabel, PromptVersionLabel, VersionLabel,
};
use super::open_error::OpenError;
use super::wording::{
    body, breaking_move, counted, expectation, list, operations_that_depend, state_of_pointer,
    version_not_found,
};
use crate::fs::checksummed_file::FileError;
use crate::model::body::InvalidBody;
use crate::model::breakage::Breakage;
use crate::model::environment_list::joined;
use crate::model::gc_summary::GcSummary;
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::invalid_argument::InvalidArgument;
use crate::model::log_position::LogPosition;
use crate::model::selector::Selector;
use crate::model::shown::Quoted;
use crate::model::version_number::VersionNumber;
use crate::storage;
use crate::template::{MergeError, Problem};

/// The result of the store's methods.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The error of a store's methods.
///
/// Unless a variant says otherwise, the call changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store could not be opened or created.
    #[error(transparent)]
    Open(OpenError),

    /// The directory contains the backup of another store.
    ///
    /// It may also be a backup of this store, if the store has lost some of its history since.
    #[error("{path} has the backup of another store: its operation {operation} is not in this one")]
    MismatchedBackup {
        /// The directory.
        path: PathBuf,
        /// The number of the last operation in the backup.
        operation: u64,
    },

    /// The store that a copy is written to has a history of its own.
    ///
    /// It may also be a copy of the store, if the store has lost some of its history since.
    #[error(
        "the target has a history of its own: its operation {operation} is not in the store that is copied"
    )]
    MismatchedCopy {
        /// The number of the last operation in the target.
        operation: u64,
    },

    /// The store was opened for reading only.
    #[error("the store was opened for reading only")]
    ReadOnly,

    /// No live prompt has this id or name.
    #[error("no prompt {}", Quoted(prompt))]
    PromptNotFound {
        /// The id or name that the caller gave.
        prompt: String,
    },

    /// Several prompts match this text.
    ///
    /// An id, or `id:` followed by an id, names exactly one prompt.
    #[error("{} names {} prompts: {}", Quoted(name), ids.len(), list(ids))]
    AmbiguousPrompt {
        /// The name that the caller gave.
        name: String,
        /// The ids of the prompts, newest first.
        ids: Vec<PromptId>,
    },

    /// No body with this address is stored.
    ///
    /// Either none ever was, or it was removed by garbage collection.
    #[error("no body {blob}")]
    BodyNotFound {
        /// The address.
        blob: BlobId,
    },

    /// No live version matches this selector.
    #[error("{}", version_not_found(prompt.as_ref(), selector))]
    VersionNotFound {
        /// The prompt that was searched, if the selector depends on one.
        prompt: Option<PromptLabel>,
        /// The selector.
        selector: Selector,
    },

    /// The prompt has no version in this environment.
    #[error("prompt {prompt} has no version in environment {environment:?}", environment = environment.as_str())]
    EnvironmentNotFound {
        /// The prompt.
        prompt: PromptLabel,
        /// The environment that the caller gave.
        environment: EnvironmentName,
    },

    /// The version belongs to another prompt than the one that the caller named.
    #[error("{version} (id {}) does not belong to prompt {prompt}", version.version.id)]
    MismatchedVersion {
        /// The version, with the prompt that it belongs to.
        version: Box<PromptVersionLabel>,
        /// The prompt that the caller named.
        prompt: PromptLabel,
    },

    /// No inputs are recorded for this version and request.
    #[error("no inputs of request {request:?} are recorded for {version}")]
    InputsNotFound {
        /// The version.
        version: Box<PromptVersionLabel>,
        /// The request's id.
        request: String,
    },

    /// A live prompt has the name already.
    ///
    /// [`NewPrompt::allow_duplicate_name`](crate::NewPrompt::allow_duplicate_name) and
    /// [`RenameOptions::allow_duplicate_name`](crate::changes::RenameOptions::allow_duplicate_name) use the
    /// name nevertheless.
    #[error("the name {} is taken by prompt {id}", Quoted(name.as_str()))]
    NameTaken {
        /// The name.
        name: PromptName,
        /// The prompt that has it: the newest one, if there are several.
        id: PromptId,
    },

    /// The requested id is, or was, the id of another prompt.
    #[error("prompt id {id} is taken")]
    PromptIdTaken {
        /// The id.
        id: PromptId,
    },

    /// The requested id is, or was, the id of another version.
    #[error("version id {id} is taken")]
    VersionIdTaken {
        /// The id.
        id: VersionId,
    },

    /// The current value is not the [`Expected`](crate::Expected) one.
    #[error(
        "{subject} of prompt {prompt} {}, expected {}",
        state_of_pointer(found.as_ref()),
        expectation(*expected, *expected_number)
    )]
    Conflict {
        /// The prompt.
        prompt: Box<PromptLabel>,
        /// The pointer that was compared.
        subject: ConflictSubject,
        /// The version that the caller expected; none if it expected that there is none.
        expected: Option<VersionId>,
        /// The number of the expected version; none if there is no such version.
        expected_number: Option<VersionNumber>,
        /// The version that the pointer names now, if there is one.
        found: Option<VersionLabel>,
    },

    /// The bump rules refuse a minor version. Commit it as a major version, or force it.
    #[error("not a minor version of {base}: {}", list(reasons))]
    Breaking {
        /// The number of the base.
        base: VersionNumber,
        /// Each way in which the version would break callers of the base.
        reasons: Vec<Breakage>,
    },

    /// The environment would move to a version that breaks callers of the one it points to.
    ///
    /// [`EnvironmentUpdate::allow_breaking`](crate::EnvironmentUpdate::allow_breaking) and
    /// [`NewVersion::allow_breaking`](crate::NewVersion::allow_breaking()) move it nevertheless. A
    /// refused commit made no version.
    #[error("{}: {}", breaking_move(prompt, environment, *from, *to), list(reasons))]
    BreakingMove {
        /// The prompt.
        prompt: PromptLabel,
        /// The environment, which was not moved.
        environment: EnvironmentName,
        /// The number of the version that it points to.
        from: VersionNumber,
        /// The number of the version that it would move to; none if that was to be committed.
        to: Option<VersionNumber>,
        /// Each way in which the version would break callers.
        reasons: Vec<Breakage>,
    },

    /// The environment is not in the store's environment list.
    ///
    /// [`Store::add_to_environment_list`](crate::Store::add_to_environment_list) adds it.
    #[error(
        "environment {} is not in the environment list of the store: {}",
        Quoted(environment.as_str()), joined(list)
    )]
    EnvironmentNotListed {
        /// The environment.
        environment: EnvironmentName,
        /// The names that environments can have.
        list: Vec<EnvironmentName>,
    },

    /// The new environment list would not contain an environment that prompts have.
    #[error(
        "the environment list must contain every environment in use: {}",
        list(uses)
    )]
    EnvironmentInUse {
        /// The environments that the list does not contain, with their prompts.
        uses: Vec<EnvironmentUse>,
    },

    /// A minor version was requested, but the prompt has no live version that could be its base.
    #[error("prompt {prompt} has no live version that a minor version could be based on")]
    NoBase {
        /// The prompt.
        prompt: PromptLabel,
    },

    /// The prompt has used its last version number. Numbers are 32 bits wide.
    #[error("prompt {prompt} has no version number left")]
    NumbersExhausted {
        /// The prompt.
        prompt: PromptLabel,
    },

    /// An id, name, number, selector or other argument is malformed.
    #[error(transparent)]
    InvalidArgument(#[from] InvalidArgument),

    /// A body is not a JSON object, or exceeds the limits of [`Body`](crate::Body).
    #[error(transparent)]
    InvalidBody(#[from] InvalidBody),

    /// A body could not be rendered. The error lists all problems.
    #[error("not rendered: {}", list(problems))]
    Render {
        /// The problems, each with its place.
        problems: Vec<Problem>,
    },

    /// An environment could not be frozen, because partials cannot be filled.
    ///
    /// The error lists all problems of all prompts.
    #[error("not frozen: {}", list(problems))]
    Freeze {
        /// The problems, each with its prompt and place.
        problems: Vec<FreezeProblem>,
    },

    /// A bundle or another file cannot be read or written, is malformed, or was altered.
    #[error(transparent)]
    File(#[from] FileError),

    /// A folder of prompts cannot be imported or exported.
    #[error(transparent)]
    Folder(#[from] FolderError),

    /// The histories of a bundle and of the store cannot be merged.
    ///
    /// Nothing of the bundle was imported.
    #[error("operation {operation} of the bundle contradicts the store: {reason}")]
    MergeConflict {
        /// The number in the bundle of the first operation that contradicts the store.
        ///
        /// Later contradictions may only follow from it.
        operation: u64,
        /// The operation's id.
        id: OperationId,
        /// What contradicts the operation.
        reason: String,
    },

    /// The bundle begins after an operation that the store does not have.
    ///
    /// Nothing of the bundle was imported.
    #[error("the bundle continues operation {}, which the store does not have", after.number)]
    BundleGap {
        /// The position after which the bundle begins.
        after: LogPosition,
    },

    /// The store has operations that the bundle does not continue, and a merge was not allowed.
    ///
    /// Nothing of the bundle was imported.
    #[error("the store and the bundle have only the first {common} operations in common")]
    BundleDiverged {
        /// The number of operations that both have.
        common: u64,
    },

    /// A body cannot be rendered in Helicone mode, because the reference client refuses it too.
    #[error("the body cannot be rendered as Helicone's client does: {0}")]
    HeliconeRender(#[source] MergeError),

    /// No operation has this number or id.
    #[error("no operation {operation}")]
    OperationNotFound {
        /// The number or id that the caller gave.
        operation: String,
    },

    /// The log position is not in this store's history.
    ///
    /// It belongs to another store, or this store was restored from an older copy.
    #[error("{position} is not a position in this store's history")]
    PositionNotFound {
        /// The log position that the caller gave.
        position: LogPosition,
    },

    /// The operation cannot be undone alone, because later operations depend on it.
    ///
    /// [`Store::undo_with_later`](crate::Store::undo_with_later) undoes them together.
    #[error(
        "operation {operation} cannot be undone alone: {} on it",
        operations_that_depend(later)
    )]
    UndoBlocked {
        /// The operation.
        operation: u64,
        /// The operations that depend on it, oldest first.
        later: Vec<u64>,
    },

    /// The operation was undone before. To redo it, undo the operation that undid it.
    #[error("operation {operation} was already undone by operation {by}")]
    AlreadyUndone {
        /// The operation.
        operation: u64,
        /// The latest operation that undid it.
        by: u64,
    },

    /// The body of a deleted version was removed by garbage collection and cannot be restored.
    ///
    /// It had been unused for longer than the retention.
    #[error("{} was removed by garbage collection", body(version.as_deref(), *blob))]
    BodyCollected {
        /// The body's address.
        blob: BlobId,
        /// A version that has the body; none if the call was for the body alone.
        version: Option<Box<PromptVersionLabel>>,
    },

    /// Garbage collection would remove something, but the clock may be ahead.
    ///
    /// By the clock, nothing was created in the store within the retention. Either the store was
    /// idle, or the clock is ahead. Nothing was removed.
    /// [`GcOptions::trust_clock`](crate::maintenance::GcOptions::trust_clock) trusts the clock.
    #[error(
        "the clock says {now}, and nothing was created in the store since {cutoff}: if the clock is ahead, {} and {} \
         would be removed too early",
        counted(removable.bodies, "body", "bodies"),
        counted(removable.leftovers, "leftover file", "leftover files")
    )]
    ClockInDoubt {
        /// The time that the clock shows.
        now: DateTime<Utc>,
        /// Everything created after this moment is retained.
        cutoff: DateTime<Utc>,
        /// What would be removed.
        removable: GcSummary,
    },

    /// A body is missing, or its bytes do not match its address.
    ///
    /// The store returns this error and never the wrong bytes.
    /// [`Store::verify`](crate::Store::verify) lists everything that is damaged.
    #[error("{} is damaged: {reason}", body(version.as_deref(), *blob))]
    CorruptBody {
        /// The body's address.
        blob: BlobId,
        /// A version that has the body; none if the call was for the body alone.
        version: Option<Box<PromptVersionLabel>>,
        /// What was found.
        reason: String,
    },

    /// Whether the operation took place is unknown.
    ///
    /// A flush failed while the operation was committed, or the store's files were replaced.
    ///
    /// Open the store again and check: if the operation took place, operation `number` has this
    /// `id`.
    #[error("operation {number} ({id}) may or may not have taken place: {source}")]
    OutcomeUnknown {
        /// The operation's number.
        number: u64,
        /// The operation's id.
        id: OperationId,
        /// The error of the backend.
        source: storage::StorageError,
    },

    /// The call was made inside a [batch](crate::Store::batch) of the same store.
    ///
    /// It would wait for the batch to end. Nothing was changed.
    #[error(
        "a batch of this store is open on this thread, and the call would wait for its end; make it after the batch, or use the batch itself"
    )]
    WithinBatch,

    /// The caller's progress closure cancelled the call.
    ///
    /// The documentation of each call that can be cancelled says what it leaves. Each of them can
    /// be repeated.
    #[error("the call was cancelled")]
    Cancelled,

    /// An earlier flush through this handle failed, and the handle retries nothing.
    ///
    /// Open the store again.
    #[error("an earlier flush failed; open the store again")]
    Poisoned,

    /// The index or the blob store failed.
    ///
    /// Causes are a full disk, missing permissions, or an I/O error, for example.
    ///
    /// [`kind`](Error::kind) says what a caller can do about it.
    #[error(transparent)]
    Storage(storage::StorageError),
}
