//! Import of a folder: its files become prompts and versions, in one transaction.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::import_options::FolderImportOptions;
use super::listing::list;
use super::pairing::{FolderPairing, PairedFile, pair};
use super::prompt_file::read_all;
use super::status::FolderStatus;
use super::walk::SkippedEntry;
use crate::engine::{NewPrompt, NewVersion, RenameOptions};
use crate::formats::{Format, FormatFinding, PromptFileVersion};
use crate::model::error::{Error, FileProblem, FolderError, Result};
use crate::model::id::{EnvironmentName, PromptId, PromptName};
use crate::model::record::{Prompt, Version};
use crate::store::{Batch, Store};

/// What an import of a folder did, or with [`dry_run`](FolderImportOptions::dry_run) would do.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct FolderImport {
    /// The files, in the order of their paths.
    pub files: Vec<ImportedFile>,
    /// The prompts that were deleted because they have no file.
    pub deleted: Vec<Prompt>,
    /// The other prompts without a file, each with the new prompt that has its body, if there is one.
    pub kept: Vec<(Prompt, Option<PromptName>)>,
    /// The entries of the folder that are no files of prompts, sorted by path.
    pub skipped: Vec<SkippedEntry>,
}

/// A file that was imported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ImportedFile {
    /// The path below the folder.
    pub file: PathBuf,
    /// The format of the file.
    pub format: Format,
    /// The name of the prompt.
    pub name: PromptName,
    /// The name of the prompt before, if it was renamed.
    pub renamed_from: Option<PromptName>,
    /// What became of the body.
    pub effect: ImportEffect,
    /// The version that has the body.
    pub version: Version,
    /// What the file contains and the prompt does not get.
    pub findings: Vec<FormatFinding>,
}

/// What became of the body of an imported file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ImportEffect {
    /// A prompt was created.
    Created,
    /// A version was committed.
    Committed,
    /// The prompt's highest version has the same body.
    Unchanged,
}

impl ImportEffect {
    /// Returns the effect as a word, such as `created`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Committed => "committed",
            Self::Unchanged => "unchanged",
        }
    }
}

impl Store {
    /// Imports a folder of files, one prompt each, entirely or not at all.
    ///
    /// A file becomes a new prompt, or a new version of the prompt whose name or id is that of the
    /// file. A file that equals the prompt's highest version changes nothing.
    /// [`View::folder_status`](crate::View::folder_status) says in advance what an import changes.
    /// Each change is an operation of its own. `path` may also be that of one file.
    ///
    /// ```
    /// use promptbook::Store;
    /// use promptbook::files::FolderImportOptions;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let folder = directory.path();
    /// let store = Store::in_memory()?;
    /// std::fs::create_dir(folder.join("team"))?;
    /// std::fs::write(folder.join("team/greeting.json"), r#"{"messages": []}"#)?;
    ///
    /// store.import_folder(folder, FolderImportOptions::new())?;
    /// assert_eq!(store.version("team/greeting@production")?.number.to_string(), "1.0");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Folder`](Error::Folder) if the folder cannot be listed, or if files cannot be imported; it
    ///   lists the problems of all files.
    /// - [`Cancelled`](Error::Cancelled) if the closure of the progress cancelled the call, or that of
    ///   [`approve`](FolderImportOptions::approve) returned false.
    /// - Those of the transaction: see "Outcomes" of [`commit`](Self::commit).
    ///
    /// A failure changes nothing, unless its outcome is unknown.
    pub fn import_folder(
        &self,
        path: impl AsRef<Path>,
        mut options: FolderImportOptions<'_>,
    ) -> Result<FolderImport> {
        let environment = options.environment.take().transpose()?;
        let listing = list(path.as_ref(), options.read)?;
        let of = listing.files.len();
        options.progress.expect(2 * of as u64);
        let (files, problems) =
            read_all(&listing, options.read.unsupported, &mut options.progress)?;
        let (mut imported, mut is_tried) = (FolderImport::default(), false);
        let outcome = self.batch(|batch| {
            // The transaction is open, so this is the state that it changes.
            let mut pairing = pair(self.as_view(), files, listing.is_whole)?;
            let mut problems = problems;
            problems.append(&mut pairing.problems);
            if !problems.is_empty() {
                problems.sort_by(|one, other| one.file.cmp(&other.file));
                return Err(refused(problems, of, false));
            }
            let same_bodies = if options.rename {
                HashMap::new()
            } else {
                pairing.without_renames()
            };
            if let Some(approve) = options.approve.take()
                && !approve(&FolderStatus::of(&pairing, Vec::new()))
            {
                return Err(Error::Cancelled);
            }
            imported = FolderImporter {
                store: self,
                batch,
                options: &mut options,
                environment: environment.as_ref(),
            }
            .import(pairing, same_bodies, of)?;
            if options.dry_run {
                is_tried = true;
                // An error rolls the batch back.
                return Err(Error::Cancelled);
            }
            Ok(())
        });
        match outcome {
            Ok(()) => {}
            Err(Error::Cancelled) if is_tried => {}
            Err(error) => return Err(error),
        }
        imported.skipped = listing.skipped;
        Ok(imported)
    }
}

/// The import of files in a transaction.
struct FolderImporter<'a, 'b, 'o> {
    store: &'a Store,
    batch: &'a mut Batch<'b>,
    options: &'a mut FolderImportOptions<'o>,
    environment: Option<&'a EnvironmentName>,
}

impl FolderImporter<'_, '_, '_> {
    fn import(
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
        let (effect, version) = match (&paired.prompt, &paired.latest) {
            (Some(_), Some(latest)) if paired.is_same_body => {
                (ImportEffect::Unchanged, latest.clone())
            }
            (Some(prompt), _) => (ImportEffect::Committed, self.commit(paired, prompt)?),
            (None, _) => (ImportEffect::Created, self.create(paired)?),
        };
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

    fn commit(&mut self, paired: &PairedFile, prompt: &Prompt) -> Result<Version> {
        let newest = newest(paired)?;
        let body = match &paired.latest {
            Some(latest) => {
                let stored = self.store.resolve(latest.id)?;
                paired.file.content.in_layout_of(&newest.body, &stored.body)
            }
            None => newest.body.clone(),
        };
        let mut new = NewVersion::new(prompt.id, body).message(self.message(paired, newest));
        if let Some(name) = self.environment {
            new = new.environment(name);
        }
        if self.options.allow_breaking {
            new = new.allow_breaking();
        }
        self.batch.commit(new)
    }

    fn create(&mut self, paired: &PairedFile) -> Result<Version> {
        let newest = newest(paired)?;
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

    fn message(&self, paired: &PairedFile, version: &PromptFileVersion) -> String {
        let given = self.options.message.clone();
        given
            .or_else(|| version.message.clone())
            .unwrap_or_else(|| format!("Import {}", paired.file.path.display()))
    }
}

fn newest(paired: &PairedFile) -> Result<&PromptFileVersion> {
    let newest = paired.file.content.versions.last();
    newest.ok_or_else(|| {
        refused(
            vec![FileProblem::new(
                &paired.file.path,
                None,
                "it has no version",
            )],
            1,
            false,
        )
    })
}

fn refused(problems: Vec<FileProblem>, of: usize, is_breaking: bool) -> Error {
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
