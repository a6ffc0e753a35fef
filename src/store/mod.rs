//! The store: the handle that users of the crate work with, and how it is opened and created.

mod admission;
mod backup;
mod batch;
mod bundle;
mod changes;
mod checkpoint;
mod compare;
mod damaged;
mod diagnostics;
mod gc;
#[cfg(test)]
mod growth;
mod handle;
#[cfg(feature = "server")]
mod image;
mod location;
mod opening;
mod options;
mod repack;
mod repair;
mod search;
#[cfg(feature = "server")]
pub(crate) mod secrets;
mod shared;
mod source;
mod stats;
mod verify;
mod versions;
mod view;
mod watch;

pub use self::backup::{BackupOptions, BackupSummary};
pub use self::batch::Batch;
pub use self::bundle::{ExportOptions, ImportOptions};
pub use self::checkpoint::CheckpointOptions;
pub use self::diagnostics::{Diagnostics, MaintenanceFailure};
pub use self::gc::GcOptions;
pub use self::handle::Store;
#[cfg(feature = "server")]
pub(crate) use self::image::Image;
pub use self::options::StoreOptions;
pub use self::repack::RepackOptions;
pub use self::repair::{RepairOptions, RepairSummary};
pub use self::source::PromptSource;
pub use self::stats::StoreStats;
pub use self::verify::VerifyOptions;
pub use self::view::{Operations, Prompts, Rendered, Rows, Versions, View};
