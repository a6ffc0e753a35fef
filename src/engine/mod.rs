//! The versioning engine: the store's rules, without SQL, files or HTTP.
//!
//! Every check that depends on a stored value runs in the write transaction that uses the value.
//! [`Writer`] is such a transaction together with the rules; each kind of change that it makes has
//! a file here.

pub(crate) mod bundle;
pub(crate) mod cache;
pub mod contract;
pub(crate) mod history;
pub(crate) mod maintenance;
pub(crate) mod read;
pub(crate) mod search;
pub(crate) mod verify;
pub(crate) mod write;

pub use bundle::{BundleSummary, Imported};
pub use cache::resolved::Resolved;
pub use history::watch::{Cursor, Event};
pub use history::{Holding, Moment, OperationRef};
pub use maintenance::checkpoint::Settled;
pub use maintenance::gc::Collected;
pub use maintenance::repack::Packed;
pub use read::blame::{Blame, BlameEntry, Origin};
pub use read::compare::{Difference, EnvironmentDifference, Side, VariableChange, Verdict};
pub use search::{Matched, SearchHit, Snippet};
pub use verify::{Report, Violation};
pub use write::commit::{Created, NewPrompt, NewVersion};
pub use write::environment::{Move, Moved};

pub(crate) use bundle::{Bundle, export_bundle};
pub(crate) use cache::contracts::KeptContracts;
pub(crate) use cache::resolved::ResolvedSpecs;
pub(crate) use maintenance::gc::{collect, collectable};
pub(crate) use maintenance::repack::{oldest_waiting, repack};
pub(crate) use maintenance::repair::repair;
pub(crate) use maintenance::retention::Retention;
pub(crate) use maintenance::worker::Settler;
pub(crate) use read::blame::blame;
pub(crate) use read::bodies::Bodies;
pub(crate) use read::compare::{compare_body, compare_environments, compare_versions};
#[cfg(feature = "server")]
pub(crate) use read::export::export;
pub(crate) use read::freeze::{FrozenText, freeze};
pub(crate) use read::lookup::{find_prompt, find_prompt_ever, find_version};
pub(crate) use read::partials::gather_partials;
#[cfg(test)]
pub(crate) use search::catch_up;
pub(crate) use search::{dependents, search, tail_is_long};
pub(crate) use verify::{Depth, verify, verify_bodies, verify_damaged};
pub(crate) use write::heads::KeptLines;
#[cfg(feature = "server")]
pub(crate) use write::import::{ImportedPrompt, objects};
pub(crate) use write::judge::{Attempt, Judgement};
pub(crate) use write::queue::{Transactions, WriteQueue, error_of};
pub(crate) use write::writer::{Context, Writer};
