//! The store: the handle that users of the crate work with, and how it is opened and created.

mod admission;
mod backup;
mod batch;
mod bundle;
mod changes;
mod checkpoint;
mod compare;
mod copy;
mod damaged;
mod diagnostics;
mod gc;
#[cfg(test)]
mod growth;
mod handle;
mod image;
mod location;
mod opening;
#[cfg(any(feature = "cli", feature = "postgres"))]
mod opening_url;
mod options;
mod present;
#[cfg(feature = "remote")]
mod rebase;
mod remote_files;
mod repack;
mod repair;
mod search;
mod secrets;
mod shared;
mod source;
mod stats;
mod store_url;
mod verify;
mod versions;
mod view;
mod waiting;
mod watch;

pub use self::backup::{BackupOptions, BackupSummary};
pub use self::batch::Batch;
pub use self::bundle::{ExportOptions, ImportOptions};
pub use self::checkpoint::CheckpointOptions;
pub use self::copy::{CopyOptions, CopySummary};
pub use self::diagnostics::{Diagnostics, MaintenanceFailure};
pub use self::gc::GcOptions;
pub use self::handle::Store;
pub use self::image::StoreImage;
pub use self::options::StoreOptions;
#[cfg(feature = "remote")]
pub(crate) use self::remote_files::FOLDER as REMOTES_FOLDER;
pub use self::repack::RepackOptions;
pub use self::repair::{RepairOptions, RepairSummary};
pub use self::secrets::{Secrets, SecretsResult};
pub use self::source::PromptSource;
pub use self::stats::StoreStats;
#[cfg(feature = "cli")]
pub(crate) use self::store_url::{url_in, without_credentials};
pub use self::verify::VerifyOptions;
pub use self::view::{Operations, Prompts, RenderedVersion, Rows, Versions, View};
pub use self::waiting::StopSignal;
