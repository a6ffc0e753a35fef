//! The count of the versions that an operation creates, deletes and restores.

use crate::model::version_number::VersionNumber;

/// What an operation changes in the number of a prompt's live versions.
#[derive(Default)]
pub(super) struct VersionCount {
    /// The number of created and restored versions, minus that of deleted ones.
    pub(super) more: i64,
    /// The highest number of a created or restored version, and the key of that version.
    pub(super) highest_added: Option<(VersionNumber, i64)>,
    /// Whether a version was deleted, which may have been the latest one.
    pub(super) lost_some: bool,
}

impl VersionCount {
    pub(super) fn delete(&mut self) {
        self.more -= 1;
        self.lost_some = true;
    }

    pub(super) fn add(&mut self, number: VersionNumber, key: i64) {
        self.more += 1;
        self.highest_added = self.highest_added.max(Some((number, key)));
    }
}
