//! Files with a history: which of their versions the store has, and which environments their labels
//! move.

use super::prompt_file::PromptFile;
use crate::formats::PromptFileVersion;
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{EnvironmentName, VersionId};
use crate::model::record::{Prompt, Version};
use crate::model::version_number::VersionNumber;
use crate::store::View;

/// A move of an environment that an import of a file makes, because the file says so.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LabelMove {
    /// The environment.
    pub environment: EnvironmentName,
    /// The number of the version that it pointed to before; none if it is new.
    pub from: Option<VersionNumber>,
    /// The number of the version that it points to then; none if the import has yet to commit the
    /// version.
    pub to: Option<VersionNumber>,
}

/// What the versions of a file, and their labels, change in a prompt that exists.
#[derive(Debug, Default)]
pub(super) struct FileHistory {
    /// The position of the first version that an import commits.
    pub(super) first_new: usize,
    /// The environments that an import moves.
    pub(super) moves: Vec<PlannedMove>,
    /// The labels of versions that the store does not have. They move nothing.
    pub(super) unplaced: Vec<EnvironmentName>,
}

/// A move of an environment.
#[derive(Debug)]
pub(super) struct PlannedMove {
    pub(super) environment: EnvironmentName,
    /// The number of the version that it points to.
    pub(super) from: Option<VersionNumber>,
    pub(super) to: MoveTarget,
}

/// The version that an environment is moved to.
#[derive(Debug)]
pub(super) enum MoveTarget {
    /// A version of the store.
    Stored(VersionId, VersionNumber),
    /// The version at this position of the file, which is committed first.
    New(usize),
}

impl PlannedMove {
    /// Returns the move before the import.
    pub(super) fn announced(&self) -> LabelMove {
        LabelMove {
            environment: self.environment.clone(),
            from: self.from,
            to: match self.to {
                MoveTarget::Stored(_, number) => Some(number),
                MoveTarget::New(_) => None,
            },
        }
    }
}

impl FileHistory {
    /// Compares the versions of a file with those of its prompt.
    ///
    /// `latest` is the prompt's highest version. The file has its body if `is_same_body` is set.
    pub(super) fn of(
        view: &View,
        file: &PromptFile,
        prompt: &Prompt,
        latest: Option<&Version>,
        is_same_body: bool,
    ) -> Result<Self> {
        let content = &file.content;
        let first_new = match latest {
            None => 0,
            Some(_) if is_same_body => content.versions.len(),
            Some(latest) => first_new(view, file, latest)?,
        };
        let mut history = Self {
            first_new,
            ..Self::default()
        };
        let mut stored = StoredVersions::of(view, prompt);
        for (position, version) in content.versions.iter().enumerate() {
            for name in version.environments.iter().flatten() {
                let now = prompt.environments.iter().find(|one| one.name == *name);
                let to = if position >= history.first_new {
                    MoveTarget::New(position)
                } else {
                    match stored.find(version, |body, other| content.is_same(body, other))? {
                        Some(found) => MoveTarget::Stored(found.id, found.number),
                        None => {
                            history.unplaced.push(name.clone());
                            continue;
                        }
                    }
                };
                let is_there = matches!(&to, MoveTarget::Stored(id, _)
                    if now.is_some_and(|now| now.version_id == *id));
                if !is_there {
                    history.moves.push(PlannedMove {
                        environment: name.clone(),
                        from: now.map(|now| now.number),
                        to,
                    });
                }
            }
        }
        Ok(history)
    }
}

/// Returns the position of the first version of a file that an import commits.
///
/// These are the versions after the one that has the body of `latest`, the prompt's highest version,
/// or the newest one if none has it.
fn first_new(view: &View, file: &PromptFile, latest: &Version) -> Result<usize> {
    let content = &file.content;
    let stored = view.resolve(latest.id)?;
    let is_stored = |version: &PromptFileVersion| content.is_same(&version.body, &stored.body);
    let found = content.versions.iter().rposition(is_stored);
    Ok(
        found.map_or(content.versions.len().saturating_sub(1), |position| {
            position + 1
        }),
    )
}

/// The versions of a prompt, which are read when the first label needs them.
struct StoredVersions<'a> {
    view: &'a View,
    prompt: &'a Prompt,
    /// Highest number first.
    versions: Option<Vec<Version>>,
}

impl<'a> StoredVersions<'a> {
    fn of(view: &'a View, prompt: &'a Prompt) -> Self {
        Self {
            view,
            prompt,
            versions: None,
        }
    }

    fn all(&mut self) -> Result<&[Version]> {
        if self.versions.is_none() {
            let mut versions = self.view.versions(self.prompt.id).page(None, usize::MAX)?;
            versions.sort_by_key(|version| std::cmp::Reverse(version.number));
            self.versions = Some(versions);
        }
        Ok(self.versions.as_deref().unwrap_or_default())
    }

    /// Finds the version that has the body of a version of the file.
    ///
    /// Of several, it is the one with the number of the file, or the highest one.
    fn find(
        &mut self,
        wanted: &PromptFileVersion,
        is_same: impl Fn(&Body, &Body) -> bool,
    ) -> Result<Option<Version>> {
        let view = self.view;
        let versions = self.all()?;
        let blob = wanted.body.id();
        let mut same: Vec<&Version> = versions.iter().filter(|one| one.blob == blob).collect();
        if same.is_empty() {
            for version in versions {
                if is_same(&wanted.body, &view.resolve(version.id)?.body) {
                    same.push(version);
                }
            }
        }
        let numbered = same.iter().find(|one| Some(one.number) == wanted.number);
        Ok(numbered.or(same.first()).map(|one| (*one).clone()))
    }
}
