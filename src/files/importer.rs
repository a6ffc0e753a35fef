//! The changes of an import in its transaction.

use std::collections::HashMap;

use super::file_history::{LabelMove, MoveTarget};
use super::import_options::FolderImportOptions;
use super::import_result::{FolderImport, ImportEffect, ImportedFile};
use super::pairing::{FolderPairing, PairedFile};
use crate::engine::{
    EnvironmentUpdate, NewPrompt, NewVersion, PortablePrompt, PortableVersion, RenameOptions,
};
use crate::formats::PromptFileVersion;
use crate::model::body::Body;
use crate::model::error::{Error, FileProblem, FolderError, Result};
use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::invalid_argument::InvalidArgument;
use crate::model::record::{Prompt, Version};
use crate::model::selector::Selector;
use crate::store::{Batch, Store};

/// The import of files in a transaction.
pub(super) struct FolderImporter<'a, 'b, 'o> {
    pub(super) store: &'a Store,
    pub(super) batch: &'a mut Batch<'b>,
    pub(super) options: &'a mut FolderImportOptions<'o>,
    pub(super) environment: Option<&'a EnvironmentName>,
}

impl FolderImporter<'_, '_, '_> {
    pub(super) fn import(
        &mut self,
        pairing: FolderPairing,
        mut same_bodies: HashMap<PromptId, PromptName>,
        of: usize,
    ) -> Result<FolderImport> {
        let mut done = FolderImport::default();
        for prompt in pairing.gone {
            if self.options.prune {
                // Its name is then free for a new prompt.
                done.deleted.push(self.batch.delete_prompt(prompt.id)?);
            } else {
                let same_body_as = same_bodies.remove(&prompt.id);
                done.kept.push((prompt, same_body_as));
            }
        }
        let (mut problems, mut is_breaking) = (Vec::new(), false);
        for paired in &pairing.files {
            match self.import_file(paired) {
                Ok(file) => done.files.push(file),
                Err(error) if is_of_one_file(&error) => {
                    is_breaking |= matches!(error, Error::BreakingMove { .. });
                    let problem = FileProblem::new(&paired.file.path, None, error.to_string());
                    problems.push(problem);
                }
                Err(error) => return Err(error),
            }
            self.options.progress.advance(1)?;
        }
        if problems.is_empty() {
            Ok(done)
        } else {
            Err(refused(problems, of, is_breaking))
        }
    }

    fn import_file(&mut self, paired: &PairedFile) -> Result<ImportedFile> {
        let renamed_from = self.rename(paired)?;
        let mut committed = Vec::new();
        let (effect, version) = match (&paired.prompt, &paired.latest) {
            (Some(_), Some(latest)) if paired.is_same_body => {
                (ImportEffect::Unchanged, latest.clone())
            }
            (Some(prompt), _) => {
                committed = self.commit(paired, prompt)?;
                let newest = committed.last().cloned();
                (
                    ImportEffect::Committed,
                    newest.ok_or_else(|| no_version(paired))?,
                )
            }
            (None, _) => (ImportEffect::Created, self.create(paired)?),
        };
        let (mut moves, mut unplaced) = (Vec::new(), Vec::new());
        if self.uses_labels() {
            moves = self.move_labels(paired, &committed)?;
            unplaced.clone_from(&paired.history.unplaced);
        }
        Ok(ImportedFile {
            file: paired.file.path.clone(),
            format: paired.file.format,
            name: match (&renamed_from, &paired.prompt) {
                // A file that names an id may have another name.
                (None, Some(prompt)) => prompt.name.clone(),
                _ => paired.file.name.clone(),
            },
            renamed_from,
            effect,
            version,
            moves,
            unplaced,
            findings: paired.file.content.findings.clone(),
        })
    }

    /// Renames a prompt if its file has another name. Returns the name before.
    fn rename(&mut self, paired: &PairedFile) -> Result<Option<PromptName>> {
        let (true, true, Some(prompt)) = (self.options.rename, paired.is_renamed(), &paired.prompt)
        else {
            return Ok(None);
        };
        let mut options = RenameOptions::new();
        if paired.file.id.is_some() {
            // A file that names its prompt's id may have a name that is taken.
            options = options.allow_duplicate_name();
        }
        let name = paired.file.name.clone();
        self.batch.rename_with(prompt.id, name, options)?;
        Ok(Some(prompt.name.clone()))
    }

    /// Commits the newest version of a file, and in a format with a history, those since the version
    /// that the store has.
    fn commit(&mut self, paired: &PairedFile, prompt: &Prompt) -> Result<Vec<Version>> {
        let content = &paired.file.content;
        let stored = match &paired.latest {
            Some(latest) => Some(self.store.resolve(latest.id)?),
            None => None,
        };
        let mut committed = Vec::new();
        for version in content.versions.iter().skip(paired.history.first_new) {
            let body = match &stored {
                Some(stored) => content.in_layout_of(&version.body, &stored.body),
                None => version.body.clone(),
            };
            committed.push(self.commit_one(paired, prompt, version, body)?);
        }
        Ok(committed)
    }

    fn commit_one(
        &mut self,
        paired: &PairedFile,
        prompt: &Prompt,
        version: &PromptFileVersion,
        body: Body,
    ) -> Result<Version> {
        let mut environments = self.environments_of(paired, version).unwrap_or_default();
        let mut new = NewVersion::new(prompt.id, body).message(self.message(paired, version));
        if let Some(name) = environments.pop() {
            new = new.environment(name);
        }
        if self.options.allow_breaking {
            new = new.allow_breaking();
        }
        let committed = self.batch.commit(new)?;
        for name in environments {
            self.point(prompt, name, committed.id)?;
        }
        Ok(committed)
    }

    /// Returns whether the labels of a file determine environments.
    fn uses_labels(&self) -> bool {
        self.environment.is_none() && !self.options.without_environment
    }

    /// Moves environments to versions that the store had, as the labels of a file say.
    ///
    /// Returns all moves of the file, those of the versions that were `committed` included.
    fn move_labels(
        &mut self,
        paired: &PairedFile,
        committed: &[Version],
    ) -> Result<Vec<LabelMove>> {
        let Some(prompt) = &paired.prompt else {
            return Ok(Vec::new());
        };
        let mut moves = Vec::new();
        for planned in &paired.history.moves {
            let mut done = planned.announced();
            match planned.to {
                MoveTarget::Stored(id, _) => self.point(prompt, planned.environment.clone(), id)?,
                MoveTarget::New(position) => {
                    let new = position.checked_sub(paired.history.first_new);
                    let new = new.and_then(|position| committed.get(position));
                    done.to = new.map(|version| version.number);
                }
            }
            moves.push(done);
        }
        Ok(moves)
    }

    fn point(&mut self, prompt: &Prompt, name: EnvironmentName, to: VersionId) -> Result<()> {
        let mut update = EnvironmentUpdate::set(prompt.id, name, to);
        if self.options.allow_breaking {
            update = update.allow_breaking();
        }
        self.batch.update_environment(update).map(drop)
    }

    /// Returns the environments of a version, if the options or the file say which.
    fn environments_of(
        &self,
        paired: &PairedFile,
        version: &PromptFileVersion,
    ) -> Option<Vec<EnvironmentName>> {
        if self.options.without_environment {
            return Some(Vec::new());
        }
        match self.environment {
            Some(name) => {
                let newest = paired.file.content.versions.last();
                let is_newest = newest.is_some_and(|newest| std::ptr::eq(newest, version));
                let environments = is_newest.then(|| name.clone());
                Some(environments.into_iter().collect())
            }
            None => version.environments.clone(),
        }
    }

    fn create(&mut self, paired: &PairedFile) -> Result<Version> {
        if paired.file.format.has_history() {
            return self.create_with_history(paired);
        }
        let newest = paired.file.content.versions.last();
        let newest = newest.ok_or_else(|| no_version(paired))?;
        let mut new = NewPrompt::new(paired.file.name.clone(), newest.body.clone())
            .message(self.message(paired, newest))
            .tags(&paired.file.content.tags);
        if let Some(id) = paired.file.id {
            new = new.id(id).allow_duplicate_name();
        }
        if self.options.without_environment {
            new = new.without_environment();
        } else if let Some(name) = self.environment {
            new = new.environment(name);
        }
        Ok(self.batch.create_prompt(new)?.version)
    }

    /// Creates a prompt with all versions of a file, and their numbers.
    fn create_with_history(&mut self, paired: &PairedFile) -> Result<Version> {
        let content = &paired.file.content;
        let mut versions = Vec::with_capacity(content.versions.len());
        for version in &content.versions {
            let environments = self.environments_of(paired, version).unwrap_or_default();
            self.check_listed(&environments)?;
            versions.push(PortableVersion {
                id: None,
                number: version.number,
                message: self.message(paired, version),
                author: None,
                created_at: None,
                environments: Some(environments),
                inputs: Vec::new(),
                body: version.body.clone(),
            });
        }
        let id = self.batch.import(&PortablePrompt {
            id: paired.file.id,
            name: paired.file.name.clone(),
            tags: content.tags.clone(),
            created_at: None,
            versions,
        })?;
        self.batch.version((id, Selector::Latest))
    }

    /// Checks that the environment list contains environments, which an import of a prompt does not.
    fn check_listed(&self, environments: &[EnvironmentName]) -> Result<()> {
        let Some(list) = self.store.environment_list()? else {
            return Ok(());
        };
        match environments.iter().find(|name| !list.contains(name)) {
            Some(name) => {
                let reason = "it is not in the environment list of the store";
                Err(InvalidArgument::new("environment name", name.as_str(), reason).into())
            }
            None => Ok(()),
        }
    }

    fn message(&self, paired: &PairedFile, version: &PromptFileVersion) -> String {
        let given = self.options.message.clone();
        given
            .or_else(|| version.message.clone())
            .unwrap_or_else(|| format!("Import {}", paired.file.path.display()))
    }
}

fn no_version(paired: &PairedFile) -> Error {
    let problem = FileProblem::new(&paired.file.path, None, "it has no version");
    refused(vec![problem], 1, false)
}

pub(super) fn refused(problems: Vec<FileProblem>, of: usize, is_breaking: bool) -> Error {
    FolderError::Files {
        problems,
        of,
        is_breaking,
    }
    .into()
}

/// Returns whether the error concerns a single file, so that the check continues with the others.
fn is_of_one_file(error: &Error) -> bool {
    matches!(
        error,
        Error::AmbiguousPrompt { .. }
            | Error::NameTaken { .. }
            | Error::PromptIdTaken { .. }
            | Error::NumbersExhausted { .. }
            | Error::BreakingMove { .. }
            | Error::InvalidArgument(_)
    )
}
