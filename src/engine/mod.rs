//! The versioning engine: the store's rules, without SQL, files or HTTP.
//!
//! Every check that depends on a stored value runs in the write transaction that uses the value.
//! [`WriteTransaction`] is such a transaction together with the rules; each kind of change that it makes has
//! a file here.

pub(crate) mod bundle;
pub(crate) mod cache;
pub mod contract;
pub(crate) mod history;
pub(crate) mod maintenance;
pub(crate) mod read;
pub(crate) mod search;
pub(crate) mod verify;
pub(crate) mod visit;
pub(crate) mod write;

pub use bundle::{BundleSummary, ImportSummary};
pub use cache::resolved::Resolved;
pub use history::watch::Event;
pub use history::{EnvironmentLogEntry, Moment, OperationRef};
pub use maintenance::checkpoint::CheckpointSummary;
pub use maintenance::repack::RepackSummary;
pub use read::blame::{Blame, BlameEntry, BlameOrigin};
pub(crate) use read::blame_lines::blame_lines;
pub use read::blame_lines::{BlamedLine, BlamedText, LineBlame};
pub use read::compare::{DiffSide, Difference, EnvironmentDifference, VariableChange, Verdict};
pub use search::{MatchedIn, SearchHit, Snippet, has_word};
pub use verify::{VerifyReport, Violation};
pub use write::environment::{EnvironmentChange, EnvironmentUpdate};
pub use write::new_prompt::{CreatedPrompt, EnsuredPrompt, NewPrompt};
pub use write::new_version::{EnsuredVersion, NewVersion};
pub use write::prompt::RenameOptions;

pub(crate) use bundle::{Bundle, BundleRules, CopySource, ExportRange, export_bundle};
pub(crate) use cache::contracts::ContractCache;
pub(crate) use cache::resolved::ResolvedSpecs;
pub(crate) use maintenance::gc::{collect, unreferenced};
pub(crate) use maintenance::repack::{oldest_journaled, repack};
pub(crate) use maintenance::repair::repair;
pub(crate) use maintenance::retention::{DEFAULT_RETENTION, Retention};
pub(crate) use maintenance::worker::MaintenanceWorker;
pub(crate) use read::blame::blame;
pub(crate) use read::bodies::BodyReader;
pub(crate) use read::compare::{compare_body, compare_environments, compare_versions};
pub(crate) use read::export::export;
pub(crate) use read::freeze::{FrozenText, freeze};
pub(crate) use read::lookup::{
    find_prompt, find_prompt_or_deleted, find_version, prompt_label, prompt_named, resolve,
    version_label,
};
pub(crate) use read::partials::gather_partials;
#[cfg(test)]
pub(crate) use search::catch_up;
pub(crate) use search::{dependents, search, tail_is_long};
pub(crate) use verify::{Depth, verify, verify_bodies, verify_damaged};
pub(crate) use write::context::WriteContext;
pub(crate) use write::heads::HeadCache;
pub use write::import::{PortableChanges, PortableInputs, PortablePrompt, PortableVersion};
pub(crate) use write::judge::{CommitAttempt, Judgement};
pub(crate) use write::new_version::VersionDraft;
pub(crate) use write::queue::{Transactions, WriteQueue, error_of};
pub(crate) use write::writer::WriteTransaction;
