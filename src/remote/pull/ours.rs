//! The store's side of a prompt.

use std::collections::BTreeMap;

use crate::history::Change;
use crate::list::{OperationFilter, VersionFilter};
use crate::remote::plan::PromptSide;
use crate::storage::Snapshot;
use crate::{PromptId, Result, VersionId, VersionNumber};

/// Reads the store's side of a prompt; none if it does not exist, or not any more.
///
/// `theirs` are the versions that the remote has. Of the deleted versions, the side contains those,
/// and those that used a number of a version that is new here.
pub(in crate::remote) fn ours(
    snapshot: &dyn Snapshot,
    id: PromptId,
    theirs: &BTreeMap<VersionId, VersionNumber>,
) -> Result<Option<PromptSide>> {
    let Some(prompt) = snapshot.prompt(id)? else {
        return Ok(None);
    };
    let live = snapshot.versions(id, &VersionFilter::default(), None, usize::MAX)?;
    let environments = prompt.environments.into_iter();
    let mut side = PromptSide {
        name: prompt.name,
        tags: prompt.tags,
        versions: live
            .iter()
            .map(|version| (version.id, version.number))
            .collect(),
        environments: environments.map(|one| (one.name, one.version_id)).collect(),
        deleted: BTreeMap::new(),
    };
    let mut may_be_used = false;
    for (version, number) in theirs {
        if side.versions.contains_key(version) {
            continue;
        }
        match snapshot.version_even_deleted(*version)? {
            Some(row) if row.version.prompt_id == id => {
                side.deleted.insert(*version, row.version.number);
            }
            _ => {
                let highest = snapshot.numbering(id, number.major)?.highest_minor;
                may_be_used |= highest.is_some_and(|highest| number.minor <= highest);
            }
        }
    }
    if may_be_used {
        add_all_deleted(snapshot, id, &mut side)?;
    }
    Ok(Some(side))
}

/// Adds all deleted versions of a prompt, which only its history contains.
fn add_all_deleted(snapshot: &dyn Snapshot, id: PromptId, side: &mut PromptSide) -> Result<()> {
    for (version, number) in all_versions(snapshot, id)? {
        if !side.versions.contains_key(&version) {
            side.deleted.insert(version, number);
        }
    }
    Ok(())
}

/// Returns all versions that a prompt ever had, even if it is deleted.
pub(in crate::remote) fn all_versions(
    snapshot: &dyn Snapshot,
    id: PromptId,
) -> Result<BTreeMap<VersionId, VersionNumber>> {
    let mut all = BTreeMap::new();
    let filter = OperationFilter::default().prompt(id);
    for operation in snapshot.operations(&filter, None, usize::MAX)? {
        for change in operation.content.changes {
            if let Change::VersionCreated(version) = change
                && version.prompt_id == id
            {
                all.insert(version.id, version.number);
            }
        }
    }
    Ok(all)
}
