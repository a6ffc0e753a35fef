//! The reads of versions and of the inputs recorded for them.

use semver::VersionReq;

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::{RecordedInputs, Version, VersionFilter};
use crate::model::version_number::VersionNumber;
use crate::storage::{StorageResult, VersionRow};

/// Reads of versions and of the inputs recorded for them.
///
/// # Errors
///
/// As those of a [`Snapshot`](crate::storage::Snapshot), which has these methods too.
pub trait VersionReads {
    /// Returns the version with this id.
    fn version(&self, id: VersionId) -> StorageResult<Option<Version>>;

    /// Returns the version with this id, even if it or its prompt is deleted.
    fn version_even_deleted(&self, id: VersionId) -> StorageResult<Option<VersionRow>>;

    /// Returns the version of a prompt with this number.
    fn version_numbered(
        &self,
        prompt: PromptId,
        number: VersionNumber,
    ) -> StorageResult<Option<Version>>;

    /// Returns the version with the highest number, or with the highest that meets a requirement.
    ///
    /// Numbers are compared with the requirement as `major.minor.0`.
    fn highest_version(
        &self,
        prompt: PromptId,
        requirement: Option<&VersionReq>,
    ) -> StorageResult<Option<Version>>;

    /// Returns the version that an environment points to.
    fn version_in(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
    ) -> StorageResult<Option<Version>>;

    /// Returns at most `limit` versions of a prompt that pass the filter, newest commit first.
    ///
    /// With `before`, only versions that were committed before that one are returned. It may be
    /// deleted; if it is no version of this prompt, the list is empty.
    fn versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> StorageResult<Vec<Version>>;

    /// Returns the highest numbers that a prompt has used, deleted versions included.
    ///
    /// The answer contains the highest major, and the highest minor within `major`.
    fn numbering(&self, prompt: PromptId, major: u32) -> StorageResult<Numbering>;

    /// Returns the inputs that a request recorded for a version.
    fn inputs(&self, version: VersionId, request: &str) -> StorageResult<Option<RecordedInputs>>;

    /// Returns the inputs that all requests recorded for a version, sorted by request id.
    fn inputs_of(&self, version: VersionId) -> StorageResult<Vec<RecordedInputs>>;

    /// Returns the versions that have recorded inputs but cannot be restored, in no order.
    ///
    /// These versions are deleted, and their bodies are not stored any more.
    fn lost_versions_with_inputs(&self) -> StorageResult<Vec<VersionId>>;
}

/// The highest numbers that a prompt has used, deleted versions included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbering {
    /// The highest major, or `None` if the prompt never had a version.
    pub highest_major: Option<u32>,
    /// The highest minor of the requested major, or `None` if no version ever had that major.
    pub highest_minor: Option<u32>,
}
