//! Bundles: export and import of a store's history and bodies as one file.
//!
//! [`Store::export_bundle`](crate::Store::export_bundle) describes the file. Prompts, versions and
//! environments result from replaying the operations, so the file contains nothing else of the
//! index. Export and import both stream. In memory are only the hashes of a bundle, and the store's
//! own changes to the prompts that the bundle changes.

mod append;
pub(crate) mod check;
mod conflict_reason;
pub(crate) mod copy;
mod format;
pub(crate) mod local_changes;
pub(crate) mod manifest;
pub(crate) mod merge;
pub(crate) mod read;
pub(crate) mod shared_history;
mod summary;
pub(crate) mod write;

pub(crate) use self::copy::CopySource;
pub(crate) use self::manifest::Bundle;
pub(crate) use self::merge::BundleRules;
pub use self::summary::{BundleSummary, ImportSummary};
pub(crate) use self::write::{ExportRange, export_bundle};
