//! The draft of an edit: a file for the editor, which is kept if the edit fails.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::cli::error::{CommandResult, Failure};
use crate::formats::Format;

/// The maximum number of characters of a prompt's name in the name of its draft.
const MAX_NAME_CHARS: usize = 40;

/// A file that the user edits.
pub(super) struct EditDraft {
    path: PathBuf,
}

impl EditDraft {
    /// Returns a draft that exists.
    pub(super) fn of(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// Creates a draft in the directory of temporary files, which no other user can read.
    pub(super) fn create(name: &str, format: Format, text: &str) -> CommandResult<Self> {
        let name = name.chars().take(MAX_NAME_CHARS);
        let name = name.map(|c| if c.is_alphanumeric() { c } else { '-' });
        let name: String = name.collect();
        let create = || {
            let mut file = tempfile::Builder::new()
                .prefix(&format!("promptbook-{name}-"))
                .suffix(format.ending())
                .tempfile()?;
            file.write_all(text.as_bytes())?;
            let (_, path) = file.keep().map_err(|error| error.error)?;
            Ok(Self { path })
        };
        create().map_err(|error| Failure::io("the draft cannot be written", &error))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes the draft.
    pub(super) fn remove(self) {
        // A draft that cannot be removed does no harm.
        let _ = fs::remove_file(&self.path);
    }

    /// Removes the draft if it still has this text. Otherwise the error says that it is kept.
    pub(super) fn unless_same(&self, failure: Failure, original: Option<&str>) -> Failure {
        let found = fs::read(&self.path).ok();
        if original.is_some() && found.as_deref() == original.map(str::as_bytes) {
            let _ = fs::remove_file(&self.path);
            return failure;
        }
        failure.hint(format!("the draft is kept in {}", self.path.display()))
    }
}
