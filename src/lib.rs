//! An embedded, file-backed, git-like version store for LLM prompts.
//!
//! In a theatre, the promptbook is the one book that contains every cue of a play and every
//! revision of it. This crate is that book for LLM prompts. A prompt service keeps its data in a
//! database and an object store; a promptbook keeps it in one directory on disk:
//!
//! - a SQLite index of prompts, versions, environments and history,
//! - a directory of bodies, stored by content address.
//!
//! The engine on top numbers the versions, checks that a minor version does not break the callers
//! of its base, and moves environments in transactions.
//!
//! ```
//! use promptbook::{NewPrompt, NewVersion, Store};
//! use serde_json::json;
//!
//! # fn main() -> promptbook::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path().join("prompts");
//! let store = Store::open_or_create(directory)?;
//!
//! let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]});
//! let created = store.create_prompt(NewPrompt::new("greeting", body))?; // 1.0, in production
//!
//! let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet {{hc:name:string}} warmly."}]});
//! let new = NewVersion::new("greeting", body).message("Be warm");
//! let version = store.commit(new)?; // 1.1: callers need not change
//! assert_eq!(version.number.to_string(), "1.1");
//!
//! let rendered = store.render("greeting@production", [("name", "Ada")])?; // still 1.0
//! assert_eq!(rendered.body["messages"][0]["content"], "Greet Ada.");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - [`Store`] is the handle that an app uses. [`StoreOptions`] opens a store with other than the
//!   default options. [`Batch`] makes several changes in one transaction.
//! - [`Selector`] and [`VersionSpec`] select versions: `2.1`, `^2`, `latest`, `production`,
//!   `greeting@production`.
//! - [`Contract`] describes what a body requires of its callers. [`contract::breakages`] are the
//!   bump rules.
//! - [`diff`] compares any two bodies. [`View::diff`] says how two versions differ, and
//!   [`View::blame`] which version introduced each part of a body.
//! - [`list`] contains the lists of prompts, versions and operations, and their filters.
//! - [`template`] fills the tags of bodies, either strictly or exactly as the reference client
//!   does.
//! - [`Frozen`](frozen::Frozen) contains the resolved bodies of one environment as one file, for
//!   programs that have no store.
//! - [`history`] contains the operations: every change of a store, and the views of earlier
//!   moments. [`maintenance`] contains the options and results of verification, garbage collection,
//!   backups and repairs. [`Store::export_bundle`] writes the whole history and all bodies to one
//!   file; [`Store::import_bundle`] reads such a file into a store.
//! - [`files`] contains folders of prompts as files: [`Store::import_folder`],
//!   [`Store::export_folder`] and [`View::folder_status`]. [`formats`] contains the formats of the
//!   files.
//! - `server` provides Helicone's HTTP API, for its clients and for tests of apps that use it.
//! - [`storage`] contains the two seams, the index and the blob store, for those who want to
//!   replace the database or the object store.
//!
//! # What it promises
//!
//! 1. An acknowledged change survives the end of the process. It also survives power loss, unless
//!    [`Durability::Relaxed`] was requested.
//! 2. A change is visible entirely or not at all, to every thread and every process.
//! 3. A visible version always has its body. If the bytes of a body do not match its address, the
//!    store reports an error and never returns them.
//! 4. A version never changes. Its number is never used again, even after it is deleted.
//! 5. An environment points to exactly one live version of its prompt, or does not exist.
//! 6. Once a change is acknowledged, every later read on the machine sees it.
//! 7. Readers never wait for writers, and writers never wait for readers.
//! 8. Every change appends an [`Operation`](history::Operation) to a hash chain. [`Store::verify`]
//!    replays the chain and compares the result with the store.
//!
//! A store does not survive a disk that lies about flushes, and network file systems are refused.
//! [`docs::reliability`] describes how each promise was tested, and what the tests found.
//!
//! # Features
//!
//! | feature | default | contents |
//! |---|---|---|
//! | `bundled` | yes | compiles SQLite in; without it, a system SQLite of 3.51.3 or newer is linked |
//! | `cli` | no | the `promptbook` command |
//! | `formats` | no | files of prompts in formats that are YAML; `cli` includes it |
//! | `server` | no | `server`: Helicone's HTTP API on a store, and a fake of it for tests |
//! | `remote` | no | `remote`: pull from Helicone organisations and push to them |
//! | `tracing` | no | spans of commits, checkpoints, maintenance and waits: [`docs::tracing`] |
//! | `testing` | no | `storage::testing`, the suite that every storage implementation must pass |

// On docs.rs an item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(feature = "cli")]
pub mod cli;
pub mod diff;
pub mod docs;
mod engine;
mod file_name;
pub mod files;
pub mod formats;
pub mod frozen;
mod fs;
mod json;
pub mod lint;
mod model;
#[cfg(feature = "remote")]
pub mod remote;
#[cfg(feature = "server")]
pub mod server;
pub mod storage;
mod store;
pub mod template;
mod trace;

/// Lists of prompts, versions and operations, and their filters.
///
/// [`View::prompts`], [`View::versions`] and [`View::operations`] return them.
pub mod list {
    pub use crate::model::record::{
        OperationFilter, PromptFilter, PromptOrder, VersionCounts, VersionFilter,
    };
    pub use crate::store::{Operations, Prompts, Rows, Versions};
}

/// The history: operations, earlier moments, the log of an environment, and watching for changes.
pub mod history {
    pub use crate::engine::{EnvironmentLogEntry, Event, Moment, OperationRef};
    pub use crate::model::id::GroupId;
    pub use crate::model::log_position::LogPosition;
    pub use crate::model::record::{
        Change, Operation, OperationContent, OperationKind, PromptState, RecordedInputs,
    };
    pub use crate::store::StopSignal;
}

/// The options and the answers of changes.
pub mod changes {
    pub use crate::engine::{EnsuredPrompt, EnsuredVersion, EnvironmentChange, RenameOptions};
}

/// Maintenance of a store: verification, repair, garbage collection, backups and statistics.
///
/// Each long call has options, such as [`VerifyOptions`](maintenance::VerifyOptions) for [`Store::verify_with`]. A closure in
/// them gets the [`Progress`](maintenance::Progress), and can cancel the call.
pub mod maintenance {
    pub use crate::engine::{CheckpointSummary, RepackSummary, VerifyReport, Violation};
    pub use crate::fs::lock::holders::LockHolder;
    pub use crate::fs::lock::policy::LockWait;
    pub use crate::model::gc_summary::GcSummary;
    pub use crate::model::progress::{Progress, ProgressAnswer};
    pub use crate::storage::{BlobFailure, BlobUsage};
    pub use crate::store::{
        BackupOptions, BackupSummary, CheckpointOptions, CopyOptions, CopySummary, Diagnostics,
        GcOptions, MaintenanceFailure, RepackOptions, RepairOptions, RepairSummary, Secrets,
        SecretsResult, StoreImage, StoreStats, VerifyOptions,
    };
}

/// Bundles, which are a store's history and bodies as one file, and prompts to be imported into another store.
///
/// [`Store::export_bundle`] describes the file.
pub mod bundle {
    pub use crate::engine::{
        BundleSummary, ImportSummary, PortableChanges, PortableInputs, PortablePrompt,
        PortableVersion,
    };
    pub use crate::model::id::Seal;
    pub use crate::store::{ExportOptions, ImportOptions};
}

/// Full text search; see [`View::search`].
pub mod search {
    pub use crate::engine::{MatchedIn, SearchHit, Snippet, has_word};
}

/// The parts of errors. [`Error`] itself is at the crate's root.
pub mod error {
    pub use crate::fs::checksummed_file::FileError;
    pub use crate::model::body::InvalidBody;
    pub use crate::model::error::{
        ConflictSubject, EnvironmentUse, FileProblem, FolderError, FreezeProblem, OpenError,
        PromptLabel, PromptVersionLabel, VersionLabel,
    };
    pub use crate::model::invalid_argument::InvalidArgument;
}

pub use engine::contract::{self, Breakage, Contract};
pub use engine::{CreatedPrompt, EnvironmentUpdate, NewPrompt, NewVersion, Resolved};
pub use json::Json;
pub use model::arguments;
pub use model::body::Body;
pub use model::error::{Error, ErrorKind, Result};
pub use model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, VersionId};
pub use model::inputs::Inputs;
pub use model::record::{BumpPolicy, Durability, Environment, Expected, Prompt, Settings, Version};
pub use model::selector::Selector;
pub use model::version_number::{Bump, VersionNumber};
pub use model::version_spec::{PromptRef, VersionSpec};
pub use store::{Batch, PromptSource, RenderedVersion, Store, StoreOptions, View};
pub use template::RenderMode;

/// Compiles and runs the examples of the README as tests.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
