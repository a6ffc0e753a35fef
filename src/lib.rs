//! An embedded, file-backed, git-like version store for LLM prompts.
//!
//! A promptbook is the prompter's copy of a play: the one book that holds every cue and every revision of it. This
//! crate is that book for LLM prompts. It keeps on one disk what a prompt service keeps in a database and an object
//! store: a SQLite index and a directory of bodies by content address, with a versioning engine in front that numbers
//! versions, enforces what may be called a minor one, and moves environment pointers in transactions.
//!
//! ```
//! use promptbook::{Mode, NewPrompt, NewVersion, Store};
//! use serde_json::json;
//!
//! # fn main() -> promptbook::Result<()> {
//! # let directory = tempfile::tempdir().unwrap();
//! # let directory = directory.path().join("prompts");
//! let store = Store::open_or_create(directory)?;
//!
//! let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]});
//! let created = store.create_prompt(NewPrompt::new("greeting", body)?)?; // 1.0, in production
//!
//! let body = json!({"model": "gpt-4o", "messages": [{"role": "user", "content": "Greet {{hc:name:string}} warmly."}]});
//! let new = NewVersion::new("greeting", body)?.message("Be warm");
//! let version = store.commit(new)?; // callers need not change: 1.1
//! assert_eq!(version.number.to_string(), "1.1");
//!
//! let inputs = json!({"name": "Ada"}).as_object().cloned().unwrap_or_default();
//! let rendered = store.render("greeting@production", &inputs, Mode::Strict)?; // still 1.0
//! assert_eq!(rendered.body["messages"][0]["content"], "Greet Ada.");
//! # Ok(())
//! # }
//! ```
//!
//! # Where to look
//!
//! - [`Store`] is what an app holds; [`StoreOptions`] opens one otherwise than by default; [`Batch`] makes several
//!   changes at once.
//! - [`Selector`] and [`Spec`] name versions: `2.1`, `^2`, `latest`, `production`, `greeting@production`.
//! - [`Contract`] is what a body asks of its callers; [`contract::breakages`] are the bump rules.
//! - [`Difference`] is what two versions differ in, as [`View::diff`] answers it; [`diff`] compares any two bodies;
//!   [`Blame`] tells which version brought what.
//! - [`template`] fills bodies, exactly as the reference client does or strictly.
//! - [`Frozen`] is what one environment resolves to, as one file for programs that have no store.
//! - [`Operation`] is one entry of the history. [`Store::export_bundle`] writes all of it, and all bodies, as one file;
//!   [`Store::import_bundle`] brings such a file in.
//! - `server` speaks Helicone's HTTP API, for its clients and for tests of what is built on them.
//! - [`storage`] holds the two seams, for those who put another database or object store in.
//!
//! # What it promises
//!
//! 1. An acknowledged change survives the end of the process and, unless [`Durability::Relaxed`] was asked for, power loss.
//! 2. A change is visible wholly or not at all, to every thread and process.
//! 3. A visible version always has its body. A body whose bytes are not those of its address is an error, never an answer.
//! 4. A version never changes, and its number is never used again, also after a deletion.
//! 5. An environment points to exactly one live version of its prompt, or does not exist.
//! 6. Once a change is acknowledged, every later read on the machine sees it.
//! 7. Readers never wait for writers, nor writers for readers.
//! 8. Every change appends an [`Operation`] to a hash chain; [`Store::verify`] replays it and holds the store against it.
//!
//! It does not promise to survive a disk that lies about flushes, and it refuses network file systems. [`trust`] tells what
//! was tried against each promise, and what that found.
//!
//! # Features
//!
//! | feature | default | what |
//! |---|---|---|
//! | `bundled` | yes | compiles SQLite in; without it, a system SQLite of 3.51.3 or newer is linked |
//! | `cli` | no | the `promptbook` command |
//! | `server` | no | `server`: Helicone's HTTP API on a store, and a fake of it for tests |
//! | `testing` | no | `storage::testing`, the suite that every backend must pass |

#[cfg(feature = "cli")]
pub mod cli;
pub mod diff;
mod engine;
pub mod frozen;
mod fs;
mod json;
mod model;
#[cfg(feature = "server")]
pub mod server;
pub mod storage;
mod store;
pub mod template;
pub mod trust;

pub use engine::contract::{self, Breakage, Contract};
pub use engine::{
    Blame, BlameEntry, BundleSummary, Collected, Created, Cursor, Difference,
    EnvironmentDifference, Event, Holding, Imported, Matched, Moment, Move, Moved, NewPrompt,
    NewVersion, OperationRef, Origin, Packed, Report, Resolved, SearchHit, Settled, Side, Snippet,
    VariableChange, Verdict, Violation,
};
pub use frozen::{Frozen, Lock};
pub use fs::checksummed_file::FileError;
pub use fs::lock::holders::LockHolder;
pub use fs::lock::policy::LockWait;
pub use json::Json;
pub use model::body::Body;
pub use model::error::{Error, ErrorKind, Holder, Result, Unfrozen};
pub use model::id::{BlobId, EnvironmentName, OperationId, PromptId, PromptName, Seal, VersionId};
pub use model::invalid_argument::Invalid;
pub use model::record::{
    Change, Durability, Environment, Expected, Operation, OperationContent, OperationFilter,
    OperationKind, Policy, Prompt, PromptFilter, PromptState, RecordedInputs, Settings, Version,
    VersionCounts, VersionFilter,
};
pub use model::version_number::{Bump, PromptRef, Selector, Spec, VersionNumber};
pub use storage::BlobUsage;
pub use store::{Backup, Batch, GcOptions, Rendered, Repaired, Stats, Store, StoreOptions, View};
pub use template::{Filled, Mode};

/// The examples of the README are compiled and run as tests.
#[cfg(all(doctest, feature = "server"))]
#[doc = include_str!("../README.md")]
struct Readme;
