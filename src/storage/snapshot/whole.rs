//! [`Snapshot`], all reads of one state of an index.

use super::{LookupReads, SearchReads};
use crate::model::id::{BlobId, EnvironmentName, VersionId};
use crate::model::record::Settings;
use crate::storage::StorageResult;

/// Consistent reads of one state of the index.
///
/// The reads are in six groups, each a trait of its own. Deleted prompts and versions are not found, unless a method says otherwise.
///
/// # Errors
///
/// A failed read changes nothing. A visitor that stops a visit is no failure: the method visits
/// nothing more and succeeds, and the snapshot remains usable.
pub trait Snapshot: LookupReads + SearchReads {
    /// Returns whether everything that was read so far belongs to one committed state.
    ///
    /// If not, the caller must discard all answers, errors included, and read again from a new
    /// snapshot.
    ///
    /// Only an index that this process reads without locks, because it may not write, can return
    /// `false`. The provided method returns `true`.
    fn is_consistent(&self) -> bool {
        true
    }

    /// Returns the settings that the store was created with.
    fn settings(&self) -> StorageResult<Settings>;

    /// Returns the names that environments can have, as the last
    /// [change](crate::history::Change::EnvironmentList) of this list set them.
    ///
    /// The answer is `None` if they can have any name, as in a new store.
    fn environment_list(&self) -> StorageResult<Option<Vec<EnvironmentName>>>;

    /// Returns the address of a version's body if that body is not stored.
    ///
    /// The version may be deleted. The answer is `None` if the body is stored, or if the version
    /// never existed.
    fn missing_body_of(&self, version: VersionId) -> StorageResult<Option<BlobId>> {
        let Some(row) = self.version_even_deleted(version)? else {
            return Ok(None);
        };
        let blob = row.version.blob;
        Ok(self.blob(blob)?.is_none().then_some(blob))
    }

    /// Checks the backend's own files, and returns one line for each problem.
    fn self_check(&self) -> StorageResult<Vec<String>>;
}
