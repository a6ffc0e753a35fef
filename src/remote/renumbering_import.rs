//! The import of a bundle that gives own versions other numbers if the bundle has used theirs.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::RemoteError;
use super::exchange::{IncomingBundle, ReassignedNumber, RenumberingPlan, position_at};
use super::state::RemoteFolder;
use crate::bundle::{ImportOptions, ImportSummary};
use crate::{Error, Store, StoreOptions};

/// The result of an import that may give own versions other numbers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenumberingSummary {
    /// What was imported.
    pub import: ImportSummary,
    /// The own versions that got other numbers, because those are used in the bundle.
    pub reassigned: Vec<ReassignedNumber>,
    /// The index as it was before, if the bundle's operations were put before the own ones.
    pub previous_index: Option<PathBuf>,
}

/// Opens the store in a directory, and imports a bundle, even if both gave a number to a version.
///
/// It does what [`import_bundle`](Store::import_bundle) does, if that is possible. If both sides
/// gave one number to two versions, the own versions get the next free numbers, as in
/// [`pull_store`](super::pull_store()): a new index, in which the bundle's operations come before the
/// store's own, takes the place of the old one, which is kept as `index.previous.db`. No process,
/// this one included, may have the store open then. The bundle is the whole file.
///
/// # Errors
///
/// - [`RemoteError::Store`] with the errors of [`import_bundle`](Store::import_bundle), such as
///   [`MergeConflict`](Error::MergeConflict) if both sides changed something else; of the kind
///   [`Busy`](crate::ErrorKind::Busy) if the index would be replaced and a process has the store open.
/// - [`RemoteError::AlreadyPushed`] if a version that needs another number was pushed to a remote;
///   [`RemoteError::Busy`], [`RemoteError::State`] if it is unknown what was pushed.
///
/// The store is then as it was. A crash leaves the old index or the new one.
pub fn import_renumbering(
    path: impl AsRef<Path>,
    store: &StoreOptions,
    bundle: File,
) -> Result<(Store, RenumberingSummary), RemoteError> {
    let path = path.as_ref();
    let opened = store.open(path)?;
    let folder = RemoteFolder::of(opened.path().unwrap_or(path));
    let mut bundle = IncomingBundle::of_file(bundle);
    let conflict = match opened.import_bundle(bundle.file()?) {
        Err(conflict @ Error::MergeConflict { .. }) => conflict,
        imported => {
            let summary = RenumberingSummary {
                import: imported?,
                reassigned: Vec::new(),
                previous_index: None,
            };
            return Ok((opened, summary));
        }
    };
    let options = ImportOptions::new().refuse_merges(true).dry_run(true);
    let common = match opened.import_bundle_with(bundle.file()?, options) {
        Err(Error::BundleDiverged { common }) => position_at(&opened, common)?,
        _ => None,
    };
    let Some(common) = common else {
        return Err(conflict.into());
    };
    // Held until the end, so that no version is pushed while it gets another number.
    let _lock = folder.lock()?;
    let plan = RenumberingPlan::of(&opened, &mut bundle, common)?;
    if plan.is_empty() {
        return Err(conflict.into());
    }
    plan.refuse_pushed(&opened, &folder, common)?;
    let options = ImportOptions::new().dry_run(true);
    let options = options.numbers(plan.aside.clone());
    let mut import = opened.import_bundle_with(bundle.file()?, options)?;
    let reassigned = plan.named(&opened)?;
    let rebased = opened.rebase(bundle.file()?, common, plan.numbers())?;
    let store = store.open(path)?;
    // The store's history continues the bundle's now.
    import.merged = false;
    import.head = Some(store.position()?.id);
    let summary = RenumberingSummary {
        import,
        reassigned,
        previous_index: Some(rebased.previous),
    };
    Ok((store, summary))
}
