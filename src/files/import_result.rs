//! The result of an import of a folder.

use std::path::PathBuf;

use super::file_history::LabelMove;
use super::walk::SkippedEntry;
use crate::formats::{Format, FormatFinding};
use crate::model::id::{EnvironmentName, PromptName};
use crate::model::record::{Prompt, Version};

/// What an import of a folder did, or with [`dry_run`](crate::files::FolderImportOptions::dry_run) would do.
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
    /// The environments that were moved because labels of the file say so.
    pub moves: Vec<LabelMove>,
    /// The labels of versions that the store does not have. They moved nothing.
    pub unplaced: Vec<EnvironmentName>,
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
