//! Errors of folders of prompts.

use std::fmt;
use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// An error of an import or an export of a folder. Nothing was imported or written, unless the
/// variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FolderError {
    /// The folder, or a file or a folder in it, cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// A file cannot be written. Files before it in the order of their paths are written.
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable {
        /// The path.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },

    /// Files cannot be imported or compared.
    #[error("{} cannot be imported: {}", files(problems.len()), list(problems))]
    Files {
        /// The problems, in the order of the files.
        problems: Vec<FileProblem>,
        /// The number of files that were read.
        of: usize,
        /// Whether the bump rules refuse one of them, which
        /// [`allow_breaking`](crate::files::FolderImportOptions::allow_breaking) allows.
        is_breaking: bool,
    },

    /// Prompts cannot be written in the format of their files.
    #[error("{} cannot be written: {}", count(problems.len(), "prompt", "prompts"), list(problems))]
    Uncarried {
        /// What the format cannot carry, by the file that would be written.
        problems: Vec<FileProblem>,
        /// The number of prompts.
        of: usize,
    },

    /// Files differ from what an export would write.
    #[error("{} from what would be written", differ(files.len()))]
    Differ {
        /// The files below the folder.
        files: Vec<PathBuf>,
    },

    /// Symbolic links are where an export would write files.
    #[error("{} where files would be written", count(links.len(), "link is", "links are"))]
    Links {
        /// The links.
        links: Vec<PathBuf>,
    },

    /// Files or folders are in the way of an export.
    #[error("{} in the way: {}", count(obstacles.len(), "entry is", "entries are"), obstacles.join("; "))]
    InTheWay {
        /// Each obstacle with its path, as a sentence.
        obstacles: Vec<String>,
    },

    /// The path of an export's folder is that of something else.
    #[error("{} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
}

/// A file that cannot be imported, and why. It displays as `FILE:LINE: reason`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FileProblem {
    /// The path below the folder.
    pub file: PathBuf,
    /// The line, from 1, if the problem has one.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub reason: String,
}

impl FileProblem {
    pub(crate) fn new(
        file: impl Into<PathBuf>,
        line: Option<usize>,
        reason: impl Into<String>,
    ) -> Self {
        Self {
            file: file.into(),
            line,
            reason: reason.into(),
        }
    }
}

impl fmt::Display for FileProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.reason)
    }
}

fn count(number: usize, one: &str, many: &str) -> String {
    let what = if number == 1 { one } else { many };
    format!("{number} {what}")
}

fn files(number: usize) -> String {
    count(number, "file", "files")
}

fn differ(number: usize) -> String {
    count(number, "file differs", "files differ")
}

fn list(problems: &[FileProblem]) -> String {
    let problems: Vec<String> = problems.iter().map(FileProblem::to_string).collect();
    problems.join("; ")
}
