//! Dependents: the versions whose bodies contain a partial of a given prompt.

use std::collections::HashSet;

use super::current::{CurrentDocuments, partials_of};
use super::tail::UnindexedTail;
use crate::engine::read::bodies::BodyReader;
use crate::model::error::Result;
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::record::Version;
use crate::storage::Snapshot;

/// Returns the current versions whose bodies contain a partial of this prompt and environment.
///
/// They are sorted by prompt.
pub(crate) fn dependents(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    prompt: PromptId,
    environment: &EnvironmentName,
) -> Result<Vec<Version>> {
    Dependents::of(snapshot, bodies)?.of_partial(prompt, environment)
}

/// The users of partials: from the index, and for the tail from the bodies themselves.
pub(crate) struct Dependents<'a> {
    snapshot: &'a dyn Snapshot,
    tail: UnindexedTail,
    recent: Vec<(Version, Vec<(PromptId, EnvironmentName)>)>,
}

impl<'a> Dependents<'a> {
    pub(crate) fn of(snapshot: &'a dyn Snapshot, bodies: &BodyReader) -> Result<Self> {
        let tail = UnindexedTail::of(snapshot)?;
        let mut recent = Vec::new();
        for id in &tail.prompts {
            let current = CurrentDocuments::of(snapshot, *id)?;
            for version in current.into_iter().flat_map(|current| current.versions) {
                let partials = partials_of(snapshot, bodies, &version)?;
                recent.push((version, partials));
            }
        }
        Ok(Self {
            snapshot,
            tail,
            recent,
        })
    }

    fn of_partial(&self, prompt: PromptId, environment: &EnvironmentName) -> Result<Vec<Version>> {
        let mut users = Vec::new();
        for (owner, version) in self.snapshot.dependents(prompt, environment)? {
            if !self.tail.touched(owner) {
                users.extend(self.snapshot.version(version)?);
            }
        }
        let names = |partials: &[(PromptId, EnvironmentName)]| {
            let mut partials = partials.iter();
            partials.any(|(of, name)| *of == prompt && name == environment)
        };
        let recent = self.recent.iter().filter(|(_, partials)| names(partials));
        users.extend(recent.map(|(version, _)| version.clone()));
        users.sort_by_key(|version| (version.prompt_id, version.number));
        Ok(users)
    }

    /// Returns all current versions that render differently after these environments change.
    ///
    /// These are the versions whose bodies contain a partial of one of them, those that contain a
    /// partial of an environment that points to such a version, and so on. Each version is returned
    /// once, even if partials form a cycle.
    pub(crate) fn affected(&self, moved: Vec<(PromptId, EnvironmentName)>) -> Result<Vec<Version>> {
        let mut seen: HashSet<_> = moved.iter().cloned().collect();
        let mut found: HashSet<VersionId> = HashSet::new();
        let (mut wanted, mut all) = (moved, Vec::new());
        while let Some((prompt, environment)) = wanted.pop() {
            for version in self.of_partial(prompt, &environment)? {
                for name in &version.environments {
                    let pointer = (version.prompt_id, name.clone());
                    if seen.insert(pointer.clone()) {
                        wanted.push(pointer);
                    }
                }
                if found.insert(version.id) {
                    all.push(version);
                }
            }
        }
        Ok(all)
    }
}
