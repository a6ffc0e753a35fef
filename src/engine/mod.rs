//! The versioning engine: the store's rules, without SQL, files or HTTP.
//!
//! Every check that depends on a stored value runs in the write transaction that uses the value.
//! [`Writer`] is such a transaction together with the rules; each kind of change that it makes has
//! a file here.

mod blame;
mod bodies;
mod bulk;
mod bundle;
mod collect;
mod commit;
mod compare;
pub mod contract;
mod contracts;
mod environment;
#[cfg(feature = "server")]
mod export;
mod freeze;
pub(crate) mod history;
#[cfg(feature = "server")]
mod import;
mod judge;
mod lines;
mod lookup;
mod numbering;
mod operation_text;
mod pack;
mod partials;
mod prompt;
mod queue;
mod repair;
mod resolved;
mod retention;
mod search;
mod settle;
mod settler;
mod verify;
pub(crate) mod watch;
mod writer;

pub use blame::{Blame, BlameEntry, Origin};
pub use bundle::{BundleSummary, Imported};
pub use collect::Collected;
pub use commit::{Created, NewPrompt, NewVersion};
pub use compare::{Difference, EnvironmentDifference, Side, VariableChange, Verdict};
pub use environment::{Move, Moved};
pub use history::{Holding, Moment, OperationRef};
pub use pack::Packed;
pub use resolved::Resolved;
pub use search::{Matched, SearchHit, Snippet};
pub use settle::Settled;
pub use verify::{Report, Violation};
pub use watch::{Cursor, Event};

pub(crate) use blame::blame;
pub(crate) use bodies::Bodies;
pub(crate) use bundle::{Bundle, export_bundle};
pub(crate) use collect::{collect, collectable};
pub(crate) use compare::{compare_body, compare_environments, compare_versions};
pub(crate) use contracts::KeptContracts;
#[cfg(feature = "server")]
pub(crate) use export::export;
pub(crate) use freeze::{FrozenText, freeze};
#[cfg(feature = "server")]
pub(crate) use import::{ImportedPrompt, objects};
pub(crate) use judge::{Attempt, Judgement};
pub(crate) use lines::KeptLines;
pub(crate) use lookup::{find_prompt, find_prompt_ever, find_version};
pub(crate) use pack::{oldest_waiting, repack};
pub(crate) use partials::gather_partials;
pub(crate) use queue::{Transactions, WriteQueue, error_of};
pub(crate) use repair::repair;
pub(crate) use resolved::ResolvedSpecs;
pub(crate) use retention::Retention;
#[cfg(test)]
pub(crate) use search::catch_up;
pub(crate) use search::{dependents, search, tail_is_long};
pub(crate) use settler::Settler;
pub(crate) use verify::{Depth, verify, verify_bodies, verify_damaged};
pub(crate) use writer::{Context, Writer};
