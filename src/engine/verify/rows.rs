//! Verification of the rows of prompts against their operations.

use super::replay::{PromptReplay, ReplayError};
use super::report::{VerifyReport, Violation, damage};
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::progress::Reporter;
use crate::model::record::PromptState;
use crate::storage::{PromptTable, Snapshot};

/// Checks that the rows of each prompt are the result of its operations.
///
/// Passes all that is stored of each prompt to `add`.
pub(super) fn check_prompts(
    snapshot: &dyn Snapshot,
    replay: &mut dyn PromptReplay,
    add: &mut dyn FnMut(&PromptTable),
    report: &mut VerifyReport,
    progress: &mut Reporter<'_>,
) -> Result<()> {
    visit::prompts(snapshot, |found| {
        progress.pulse()?;
        report.prompts += 1;
        report.versions += found.versions.len() as u64;
        add(&found);
        let details = match replay.take(snapshot, &found, progress) {
            Ok(replayed) => differences(&replayed.to_table(), &found),
            Err(ReplayError::Contradiction(detail)) => vec![detail],
            Err(ReplayError::Storage(error)) => return Err(error),
        };
        let mut details = details;
        let counted = match snapshot.prompt(found.id) {
            Ok(prompt) => prompt.map_or((0, None), |prompt| (prompt.versions, prompt.latest)),
            Err(error) => {
                details.push(damage(error.into())?);
                (found.live().count() as u64, found.latest())
            }
        };
        if counted != (found.live().count() as u64, found.latest()) {
            details.push(format!(
                "{} versions are counted, the latest {:?}; there are {}, the latest {:?}",
                counted.0,
                counted.1,
                found.live().count(),
                found.latest()
            ));
        }
        report
            .violations
            .extend(details.into_iter().map(|detail| Violation::Rows {
                prompt: found.id,
                detail,
            }));
        Ok(())
    })
}

fn described(state: Option<&PromptState>) -> String {
    state.map_or_else(|| "none, as it is deleted".into(), PromptState::described)
}

fn differences(replayed: &PromptTable, found: &PromptTable) -> Vec<String> {
    let mut details = Vec::new();
    if replayed.created_at != found.created_at {
        details.push(format!(
            "it was created at {}, but its operations say {}",
            found.created_at, replayed.created_at
        ));
    }
    if replayed.updated_at != found.updated_at {
        details.push(format!(
            "it was changed last at {}, but its operations say {}",
            found.updated_at, replayed.updated_at
        ));
    }
    // A deleted prompt has no name and tags to compare.
    if replayed.state != found.state {
        details.push(format!(
            "its name and tags are {}, but its operations say {}",
            described(found.state.as_ref()),
            described(replayed.state.as_ref()),
        ));
    }
    if replayed.environments != found.environments {
        details.push(format!(
            "its environments are {:?}, but its operations say {:?}",
            found.environments, replayed.environments
        ));
    }
    if replayed.versions.len() != found.versions.len() {
        let (found, replayed) = (found.versions.len(), replayed.versions.len());
        details.push(format!(
            "it has {found} versions, but its operations say {replayed}"
        ));
    }
    let pairs = replayed.versions.iter().zip(&found.versions);
    for (replayed, found) in pairs.filter(|(replayed, found)| replayed != found) {
        details.push(format!(
            "a version is {found:?}, but its operations say {replayed:?}"
        ));
    }
    details
}
