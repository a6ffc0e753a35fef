//! The store: the handle that users of the crate work with, and how it is opened and created.

mod backup;
mod batch;
mod bundle;
mod changes;
mod compare;
mod damaged;
#[cfg(test)]
mod growth;
mod handle;
mod location;
mod maintenance;
mod options;
mod search;
#[cfg(feature = "server")]
pub(crate) mod secrets;
mod source;
mod versions;
mod view;
mod watch;

pub use self::backup::BackupSummary;
pub use self::batch::Batch;
#[cfg(feature = "server")]
pub(crate) use self::handle::Image;
pub use self::handle::Store;
pub use self::maintenance::{GcOptions, RepairSummary, StoreStats};
pub use self::options::StoreOptions;
pub use self::source::PromptSource;
pub use self::view::{Rendered, View};
