//! The status of a folder: what an import of it would change.

use std::path::{Path, PathBuf};

use super::file_history::{LabelMove, PlannedMove};
use super::listing::{FolderReadOptions, list};
use super::pairing::{FolderPairing, PairedFile, pair};
use super::prompt_file::read_all;
use super::walk::SkippedEntry;
use crate::engine::Difference;
use crate::formats::{Format, FormatFinding};
use crate::model::error::{FileProblem, Result};
use crate::model::id::{EnvironmentName, PromptName};
use crate::model::progress::Reporter;
use crate::model::record::{Prompt, Version};
use crate::store::View;

/// How a folder differs from a store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FolderStatus {
    /// The files that can be read, in the order of their paths.
    pub files: Vec<FileStatus>,
    /// The files that cannot be read, or that belong to no single prompt.
    pub unreadable: Vec<FileProblem>,
    /// The prompts without a file, sorted by name. Empty if the path is that of one file.
    pub gone: Vec<Prompt>,
    /// The entries of the folder that are no files of prompts, sorted by path.
    pub skipped: Vec<SkippedEntry>,
}

/// A file of a folder, and how it differs from the store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FileStatus {
    /// The path below the folder.
    pub file: PathBuf,
    /// The format of the file.
    pub format: Format,
    /// The name of the prompt that the file gives.
    pub name: PromptName,
    /// What an import would do.
    pub change: FileChange,
    /// The prompt, as it is in the store; none if the file is a new prompt.
    pub prompt: Option<Prompt>,
    /// The prompt's highest version, if there is one.
    pub latest: Option<Version>,
    /// How the body differs from that of the highest version; none if both are the same.
    pub difference: Option<Box<Difference>>,
    /// The environments that an import moves because labels of the file say so.
    pub moves: Vec<LabelMove>,
    /// The labels of versions that the store does not have. They move nothing.
    pub unplaced: Vec<EnvironmentName>,
    /// What the file contains and the prompt does not get.
    pub findings: Vec<FormatFinding>,
}

/// What an import of a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FileChange {
    /// It creates a prompt.
    New,
    /// It commits a version.
    Changed,
    /// It renames the prompt that has the body of the file, and no file. If the layout of the body
    /// or, for a file that names an id, the body differs, it also commits a version.
    Renamed,
    /// It only moves environments, because labels of the file say so.
    Moved,
    /// It changes nothing.
    Unchanged,
}

impl FileChange {
    /// Returns the change as a word, such as `new`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Renamed => "renamed",
            Self::Moved => "moved",
            Self::Unchanged => "unchanged",
        }
    }
}

impl View {
    /// Compares the files of a folder with the prompts of the store.
    ///
    /// The path of a file below the folder, without its ending, is the prompt's name, as
    /// [`Store::export_folder`](crate::Store::export_folder) writes it. Hidden files and folders are
    /// ignored. `path` may also be that of one file.
    ///
    /// ```
    /// use promptbook::files::{FileChange, FolderReadOptions};
    /// use promptbook::{NewPrompt, Store};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let directory = tempfile::tempdir()?;
    /// # let folder = directory.path();
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// std::fs::write(folder.join("greeting.json"), r#"{"messages": [], "seed": 1}"#)?;
    ///
    /// let status = store.folder_status(folder, FolderReadOptions::new())?;
    /// assert_eq!(status.files[0].change, FileChange::Changed);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Folder`](crate::Error::Folder) if the folder cannot be listed, but not for files that
    /// cannot be read, which the status contains; otherwise as [`resolve`](Self::resolve).
    pub fn folder_status(
        &self,
        path: impl AsRef<Path>,
        options: FolderReadOptions,
    ) -> Result<FolderStatus> {
        let listing = list(path.as_ref(), options)?;
        let (files, mut unreadable) =
            read_all(&listing, options.unsupported, &mut Reporter::default())?;
        let pairing = pair(self, files, listing.is_whole)?;
        let mut status = FolderStatus::of(&pairing, listing.skipped);
        for (file, paired) in status.files.iter_mut().zip(&pairing.files) {
            file.difference = difference(self, paired)?;
        }
        unreadable.append(&mut status.unreadable);
        unreadable.sort_by(|one, other| one.file.cmp(&other.file));
        status.unreadable = unreadable;
        Ok(status)
    }
}

impl FolderStatus {
    /// Returns the status of paired files, without the differences of their bodies.
    pub(super) fn of(pairing: &FolderPairing, skipped: Vec<SkippedEntry>) -> Self {
        let files = pairing.files.iter().map(|paired| FileStatus {
            file: paired.file.path.clone(),
            format: paired.file.format,
            name: paired.file.name.clone(),
            change: change(paired),
            prompt: paired.prompt.clone(),
            latest: paired.latest.clone(),
            difference: None,
            moves: paired
                .history
                .moves
                .iter()
                .map(PlannedMove::announced)
                .collect(),
            unplaced: paired.history.unplaced.clone(),
            findings: paired.file.content.findings.clone(),
        });
        Self {
            files: files.collect(),
            unreadable: pairing.problems.clone(),
            gone: pairing.gone.clone(),
            skipped,
        }
    }
}

fn change(paired: &PairedFile) -> FileChange {
    if paired.prompt.is_none() {
        FileChange::New
    } else if paired.is_renamed() {
        FileChange::Renamed
    } else if !paired.is_same_body {
        FileChange::Changed
    } else if paired.history.moves.is_empty() {
        FileChange::Unchanged
    } else {
        FileChange::Moved
    }
}

fn difference(view: &View, paired: &PairedFile) -> Result<Option<Box<Difference>>> {
    let (false, Some(latest), Some(body)) =
        (paired.is_same_body, &paired.latest, paired.file.body())
    else {
        return Ok(None);
    };
    Ok(Some(Box::new(view.diff_body(latest.id, body)?)))
}
