//! TODO

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use crate::engine::contract::Breakage;
use crate::engine::{Collected, Cursor};
use crate::fs::checksummed_file::FileError;
use crate::model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
use crate::model::invalid_argument::Invalid;
use crate::model::record::Version;
use crate::model::shown::{Quoted, Shown};
use crate::model::version_number::{Selector, VersionNumber};
use crate::storage;
use crate::template::{MergeError, Problem};

/// What the store's methods return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a store did not do what it was asked.
///
/// Unless a variant says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The directory is missing or holds no store. [`Store::create`](crate::Store::create) makes one.
    #[error("{path} is no promptbook store")]
    NotAStore {
        /// The directory that was to be opened.
        path: PathBuf,
    },

    /// A store is there already.
    #[error("{path} is a promptbook store already")]
    StoreExists {
        /// The directory in which a store was to be made.
        path: PathBuf,
    },

    /// The directory that was to have a backup has that of another store, or of one that lost some of its history since.
    #[error("{path} has the backup of another store: this one has no such operation {operation}")]
    ForeignBackup {
        /// The directory.
        path: PathBuf,
        /// The number of the last operation in it.
        operation: u64,
    },

    /// The index is missing or empty, and bodies or a log that belong to one are there. Nothing is made over them: put the
    /// index back, or move the rest away.
    #[error("{path} has no index, but {left} is left of a store")]
    IndexLost {
        /// The directory in which a store was to be made.
        path: PathBuf,
        /// What is there.
        left: &'static str,
    },

    /// The store was written by a newer release of this crate.
    #[error("{path} is of format {found}; this release reads up to {supported}")]
    NewerFormat {
        /// The store's directory.
        path: PathBuf,
        /// The format of the store.
        found: u32,
        /// The newest format that this release knows.
        supported: u32,
    },

    /// The store was written by a build that was never released, in a format that this release does not read. That build
    /// exports a bundle of it (`promptbook export --bundle FILE`), which this release imports into a new store.
    #[error(
        "{path} has the unreleased format {found}; export a bundle with the build that made it, and import that into a new store"
    )]
    UnreleasedFormat {
        /// The store's directory.
        path: PathBuf,
        /// The number that the build gave to its format.
        found: u32,
    },

    /// The directory is on a network file system, on which SQLite's shared memory does not work and
    /// its locks may not either. [`StoreOptions::allow_network`](crate::StoreOptions::allow_network)
    /// opens it all the same.
    #[error("{path} is on a network file system ({filesystem}), where a store is not safe")]
    NetworkFilesystem {
        /// The store's directory.
        path: PathBuf,
        /// The kind of file system.
        filesystem: String,
    },

    /// The store's files can't be written by this process.
    /// [`StoreOptions::read_only`](crate::StoreOptions::read_only) opens it for reading.
    #[error("{path} can't be written")]
    NotWritable {
        /// The directory or file.
        path: PathBuf,
        /// What the system answered.
        source: std::io::Error,
    },

    /// The SQLite that is linked in can lose an acknowledged commit (the WAL-reset bug, mended in 3.51.3).
    #[error("SQLite {found} can lose commits; {needed} or newer is needed")]
    SqliteTooOld {
        /// The version that is linked in.
        found: String,
        /// The oldest version that is accepted.
        needed: &'static str,
    },

    /// The store was opened for reading only.
    #[error("the store was opened for reading only")]
    ReadOnly,

    /// No live prompt has this id or name.
    #[error("no prompt {}", Quoted(prompt))]
    PromptNotFound {
        /// The id or name as asked for.
        prompt: String,
    },

    /// Several prompts answer to this text; an id, or `id:` and an id, names one of them.
    #[error("{} names {} prompts: {}", Quoted(name), ids.len(), list(ids))]
    AmbiguousPrompt {
        /// The name as asked for.
        name: String,
        /// Their ids, newest first.
        ids: Vec<PromptId>,
    },

    /// No body of this address is stored: none ever was, or it was collected.
    #[error("no body {blob}")]
    BodyNotFound {
        /// The address.
        blob: BlobId,
    },

    /// No live version answers to this selector.
    #[error("{}", version_not_found(*prompt, selector))]
    VersionNotFound {
        /// The prompt that was searched, where the selector needs one.
        prompt: Option<PromptId>,
        /// What was asked for.
        selector: Selector,
    },

    /// The prompt has no version in this environment.
    #[error("prompt {prompt} has no version in environment {environment:?}", environment = environment.as_str())]
    EnvironmentNotFound {
        /// The prompt.
        prompt: PromptId,
        /// The environment as asked for.
        environment: EnvironmentName,
    },

    /// The version belongs to another prompt than the one it was named with.
    #[error("version {version} belongs to prompt {owner}, not to {prompt}")]
    ForeignVersion {
        /// The version.
        version: VersionId,
        /// The prompt it was named with.
        prompt: PromptId,
        /// The prompt it belongs to.
        owner: PromptId,
    },

    /// No inputs are recorded for this version and request.
    #[error("no inputs of request {request:?} are recorded for version {version}")]
    InputsNotFound {
        /// The version.
        version: VersionId,
        /// The request's id.
        request: String,
    },

    /// The id that was asked for is, or was, another prompt's.
    #[error("prompt id {id} is taken")]
    PromptIdTaken {
        /// The id.
        id: PromptId,
    },

    /// The id that a version was to have is, or was, another version's.
    #[error("version id {id} is taken")]
    VersionIdTaken {
        /// The id.
        id: VersionId,
    },

    /// An expected value (see [`Expected`](crate::Expected)) was not what was there.
    #[error("{subject} is {}, expected {expected}", found_or_nothing(found.as_ref()))]
    Conflict {
        /// What was compared, such as `production of prompt abc123`.
        subject: String,
        /// What the caller expected, in words.
        expected: String,
        /// The version that was there, if any.
        found: Option<Holder>,
    },

    /// The bump rules refuse a minor version. Commit it as a major, or force it.
    #[error("not a minor version of {base}: {}", list(reasons))]
    Breaking {
        /// The number of the base version.
        base: VersionNumber,
        /// Each way in which a caller of the base would break.
        reasons: Vec<Breakage>,
    },

    /// A minor version needs a base, and the prompt has no live version.
    #[error("prompt {prompt} has no live version to make a minor version of")]
    NoBase {
        /// The prompt.
        prompt: PromptId,
    },

    /// Numbers are 32 bits wide, and this prompt has used the last one.
    #[error("prompt {prompt} has no version number left")]
    NumbersExhausted {
        /// The prompt.
        prompt: PromptId,
    },

    /// An id, name, number, selector or other argument is malformed.
    #[error(transparent)]
    Invalid(#[from] Invalid),

    /// A body is no JSON object, or beyond the limits of [`Body`](crate::Body).
    #[error("the body is not accepted: {reason}")]
    InvalidBody {
        /// What is wrong, with line and column where it is a matter of syntax.
        reason: String,
    },

    /// A body could not be rendered. All problems are named at once.
    #[error("not rendered: {}", list(problems))]
    Render {
        /// What is wrong, each with its place.
        problems: Vec<Problem>,
    },

    /// An environment could not be frozen, as partials can't be filled. All problems of all prompts are named at once.
    #[error("not frozen: {}", list(problems))]
    Freeze {
        /// What is wrong, each with its prompt and place.
        problems: Vec<Unfrozen>,
    },

    /// A file can't be read, or is not what it was when it was written.
    #[error(transparent)]
    File(#[from] FileError),

    /// A bundle and the store have different histories that can't be made one: nothing of the bundle was taken.
    #[error("operation {operation} of the bundle contradicts the store: {reason}")]
    Contradiction {
        /// The operation's number in the bundle; the first that contradicts, as others may only follow from it.
        operation: u64,
        /// The operation's id.
        id: OperationId,
        /// What contradicts what.
        reason: String,
    },

    /// A body can't be rendered as the reference client does: it refuses the body too.
    #[error("the body can't be rendered as the reference client does")]
    Unrenderable(#[source] MergeError),

    /// No operation has this number or id.
    #[error("no operation {operation}")]
    OperationNotFound {
        /// The operation as asked for.
        operation: String,
    },

    /// The place is not in this store's history: it is of another store, or this one was put back from an older copy.
    #[error("{cursor} is no place in this store's history")]
    CursorNotFound {
        /// The place as asked for.
        cursor: Cursor,
    },

    /// The operation can't be taken back alone: later ones stand on what it did. They can be taken back with it, see
    /// [`Store::undo_with_later`](crate::Store::undo_with_later).
    #[error(
        "operation {operation} can't be taken back alone: {} on it",
        standing(later)
    )]
    StoodOn {
        /// The operation.
        operation: u64,
        /// Those that stand on it, oldest first.
        later: Vec<u64>,
    },

    /// The operation was taken back before. To bring it again, take that back.
    #[error("operation {operation} was taken back by operation {by}")]
    AlreadyUndone {
        /// The operation.
        operation: u64,
        /// The latest one that took it back.
        by: u64,
    },

    /// The body of a deleted version is gone for good: nobody had needed it for the retention time, and it was collected.
    #[error("the body {blob} was collected")]
    BodyCollected {
        /// The body's address.
        blob: BlobId,
    },

    /// A collection would remove something, and by the clock nothing was made in the store for as long as it keeps what is not
    /// used: either the store was idle, or the clock is ahead. Nothing was removed.
    /// [`GcOptions::trust_clock`](crate::GcOptions::trust_clock) takes the clock for right.
    #[error(
        "the clock says {now}, and nothing was made in the store since {cutoff}: if it is ahead, {} and {} would be \
         removed too early",
        counted(removable.bodies, "body", "bodies"),
        counted(removable.leftovers, "leftover file", "leftover files")
    )]
    ClockInDoubt {
        /// What the clock says.
        now: DateTime<Utc>,
        /// What was made after this is kept.
        cutoff: DateTime<Utc>,
        /// What would be removed.
        removable: Collected,
    },

    /// A body's bytes are not what its address says, or are gone. The store answers with this and
    /// never with other bytes; `verify` names all that is damaged.
    #[error("the body {blob} is damaged: {reason}")]
    Damaged {
        /// The body's address.
        blob: BlobId,
        /// What was found.
        reason: String,
    },

    /// A flush failed while this operation was committed, or the store's files were replaced: whether it took place is unknown.
    /// Open the store again and look: operation `number` has this `id` if it did.
    #[error("operation {number} ({id}) may or may not have taken place")]
    OutcomeUnknown {
        /// The operation's number.
        number: u64,
        /// The operation's id.
        id: OperationId,
        /// What the backend answered.
        source: storage::Error,
    },

    /// A call through a store from inside one of its own [batches](crate::Store::batch), that would wait for the batch to end.
    /// Nothing was changed.
    #[error(
        "a batch of this store is open on this thread, and the call would wait for its end; make it after the batch, or use the batch itself"
    )]
    WithinBatch,

    /// An earlier flush through this handle failed, and nothing is retried on it. Open the store anew.
    #[error("an earlier flush failed; the store must be opened anew")]
    Poisoned,

    /// The index or the blob directory failed: a full disk, missing rights, an I/O error.
    #[error(transparent)]
    Backend(storage::Error),
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error.kind() {
            storage::ErrorKind::ReadOnly => Self::ReadOnly,
            storage::ErrorKind::Poisoned => Self::Poisoned,
            _ => Self::Backend(error),
        }
    }
}

/// A version as a conflict names it: by id and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holder {
    /// The version's id.
    pub id: VersionId,
    /// The version's number.
    pub number: VersionNumber,
}

impl From<&Version> for Holder {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id,
            number: version.number,
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.number, self.id)
    }
}

/// One reason why a prompt can't be frozen. As text: the prompt's name and id, and the problem with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unfrozen {
    /// The prompt's id.
    pub prompt: PromptId,
    /// The prompt's name.
    pub name: PromptName,
    /// What is wrong with its body, or with what its partials name.
    pub problem: Problem,
}

impl std::fmt::Display for Unfrozen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Shown(self.name.as_str());
        write!(f, "{name} ({}): {}", self.prompt, self.problem)
    }
}

fn found_or_nothing(found: Option<&Holder>) -> String {
    found.map_or_else(|| "unset".into(), Holder::to_string)
}

fn version_not_found(prompt: Option<PromptId>, selector: &Selector) -> String {
    match prompt {
        Some(prompt) => format!("prompt {prompt} has no version {selector}"),
        None => format!("no version {selector}"),
    }
}

fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

fn standing(later: &[u64]) -> String {
    match later {
        [one] => format!("operation {one} stands"),
        more => format!(
            "operations {} stand",
            more.iter()
                .map(u64::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

fn list<T: std::fmt::Display>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    texts.join("; ")
}
