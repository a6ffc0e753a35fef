//! Errors of folders of prompts, with what to do about them.

use std::io;

use super::exit::Exit;
use super::hint::breaking;
use super::text;
use crate::error::{FileProblem, FolderError};

/// The parts of an error of the command, made from that of a folder.
pub(super) struct FolderFailure<'a> {
    pub(super) exit: Exit,
    pub(super) kind: &'static str,
    pub(super) message: String,
    pub(super) details: Vec<String>,
    pub(super) hint: Option<String>,
    pub(super) cause: Option<&'a io::Error>,
}

impl<'a> FolderFailure<'a> {
    fn new(exit: Exit, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit,
            kind,
            message: message.into(),
            details: Vec::new(),
            hint: None,
            cause: None,
        }
    }

    fn io(message: String, cause: &'a io::Error) -> Self {
        Self {
            cause: Some(cause),
            ..Self::new(Exit::Failure, "io", message)
        }
    }

    fn details(mut self, details: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(details);
        self
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Converts an error of a folder.
pub(super) fn of_folder(error: &FolderError) -> FolderFailure<'_> {
    match error {
        FolderError::Unreadable { path, source } => match source.kind() {
            io::ErrorKind::NotFound => {
                let message = format!("no file or folder {}", path.display());
                FolderFailure::new(Exit::NotFound, "file_not_found", message)
            }
            _ => FolderFailure::io(format!("{} cannot be read", path.display()), source),
        },
        FolderError::Unwritable { path, source } => {
            FolderFailure::io(format!("{} cannot be written", path.display()), source)
        }
        FolderError::Files {
            problems,
            of,
            is_breaking,
        } => {
            let files = text::count(*of as u64, "file", "files");
            let message = format!(
                "{} of {files} cannot be imported, so nothing was imported",
                problems.len()
            );
            let failure = if *is_breaking {
                let hint = breaking("imports them");
                FolderFailure::new(Exit::Refused, "breaking_move", message).hint(hint)
            } else {
                FolderFailure::new(Exit::Usage, "bad_files", message)
                    .hint("fix these files, or remove them from the folder")
            };
            failure.details(problems.iter().map(FileProblem::to_string))
        }
        FolderError::Uncarried { problems, of } => {
            let prompts = text::count(*of as u64, "prompt", "prompts");
            let message = format!(
                "{} of {prompts} cannot be written in this format, so nothing was written",
                problems.len()
            );
            FolderFailure::new(Exit::Usage, "not_carried", message)
                .details(problems.iter().map(FileProblem::to_string))
                .hint("--format json or md writes any prompt")
        }
        FolderError::Differ { files } => {
            let count = text::count(files.len() as u64, "file differs", "files differ");
            let message = format!("{count} from what would be written, so nothing was written");
            FolderFailure::new(Exit::Conflict, "files_differ", message)
                .details(files.iter().map(|file| file.display().to_string()))
                .hint(
                    "commit the files first with promptbook import, or overwrite them with --force",
                )
        }
        FolderError::Links { links } => {
            let count = text::count(links.len() as u64, "link is", "links are");
            let message = format!("{count} where files would be written, so nothing was written");
            FolderFailure::new(Exit::Conflict, "links", message)
                .details(links.iter().map(|link| link.display().to_string()))
                .hint("nothing is written through links; remove them, or export to another folder")
        }
        FolderError::InTheWay { obstacles } => {
            let count = text::count(obstacles.len() as u64, "entry is", "entries are");
            let message = format!("{count} in the way, so nothing was written");
            FolderFailure::new(Exit::Conflict, "in_the_way", message)
                .details(obstacles.iter().cloned())
                .hint("remove them, or export to another folder")
        }
        FolderError::NotAFolder { path } => {
            let message = format!("{} is not a folder", path.display());
            FolderFailure::new(Exit::Conflict, "not_a_folder", message).hint(
                "name a folder; promptbook export --bundle FILE writes the whole store to one \
                 file, and promptbook resolve SPEC the body of one version",
            )
        }
    }
}
