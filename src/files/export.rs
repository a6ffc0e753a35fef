//! Export of prompts to a folder: one file each.

use std::path::{Path, PathBuf};

use super::export_plan::plan;
use super::export_write::{check_writable, write};
use crate::formats::{Format, FormatFinding, Unsupported};
use crate::model::arguments::IntoEnvironmentName;
use crate::model::error::Result;
use crate::model::id::{EnvironmentName, PromptId, PromptName};
use crate::model::invalid_argument::InvalidArgument;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};
use crate::model::selector::Selector;
use crate::model::version_number::VersionNumber;
use crate::store::View;

/// The options of an export to a folder.
#[derive(Debug, Default)]
pub struct FolderExportOptions<'a> {
    environment: Option<Result<EnvironmentName, InvalidArgument>>,
    format: Option<Format>,
    unsupported: Unsupported,
    overwrite: bool,
    progress: Reporter<'a>,
}

impl<'a> FolderExportOptions<'a> {
    /// Returns the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Exports the versions of this environment, of the prompts that have it. The default is the
    /// highest version of each prompt.
    #[must_use]
    pub fn environment(mut self, name: impl IntoEnvironmentName) -> Self {
        self.environment = Some(name.into_environment_name());
        self
    }

    /// Writes all files in this format. The default is the format of the file that the prompt has in
    /// the folder, or JSON.
    #[must_use]
    pub fn format(mut self, format: impl Into<Option<Format>>) -> Self {
        self.format = format.into();
        self
    }

    /// Sets what happens to a body that the format would read differently.
    #[must_use]
    pub fn unsupported(mut self, unsupported: Unsupported) -> Self {
        self.unsupported = unsupported;
        self
    }

    /// Sets whether files that differ are overwritten.
    #[must_use]
    pub fn overwrite(mut self, overwrite: bool) -> Self {
        self.overwrite = overwrite;
        self
    }

    /// Calls a closure as the call advances. A step is a prompt whose file was written.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). The files that were written remain.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}

/// What an export to a folder did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FolderExport {
    /// The files of the prompts, in the order of their paths.
    pub files: Vec<ExportedFile>,
}

/// A file of an exported prompt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExportedFile {
    /// The path below the folder.
    pub file: PathBuf,
    /// The format of the file.
    pub format: Format,
    /// The name of the prompt.
    pub name: PromptName,
    /// The id of the prompt.
    pub prompt_id: PromptId,
    /// The number of the version.
    pub number: VersionNumber,
    /// Whether the file was written, rather than found as it would be written.
    pub is_written: bool,
    /// What the format reads differently, if that was to be kept as text.
    pub findings: Vec<FormatFinding>,
}

impl View {
    /// Writes the bodies of prompts to files in a folder, which is created if it does not exist.
    ///
    /// The prompt `a/b` has the file `a/b.json`, or the ending of another format. Characters that
    /// file systems reserve are percent-encoded. Other files in the folder are not changed, and
    /// nothing is written through links. A file is left as it is if it contains the same body.
    /// [`Store::import_folder`](crate::Store::import_folder) reads the files.
    ///
    /// # Errors
    ///
    /// [`Folder`](crate::Error::Folder) if files differ and are not to be overwritten, if something
    /// is in the way, if a format cannot carry a body, or if a file cannot be read or written. Except
    /// for the last, nothing was written. Otherwise as [`resolve`](Self::resolve).
    pub fn export_folder(
        &self,
        path: impl AsRef<Path>,
        mut options: FolderExportOptions<'_>,
    ) -> Result<FolderExport> {
        let folder = path.as_ref();
        let selector = options
            .environment
            .take()
            .transpose()?
            .map_or(Selector::Latest, Selector::Environment);
        let planned = plan(
            self,
            &selector,
            folder,
            (options.format, options.unsupported),
        )?;
        check_writable(&planned, folder, options.overwrite)?;
        options.progress.expect(planned.len() as u64);
        for one in &planned {
            write(self, one, folder)?;
            options.progress.advance(1)?;
        }
        let files = planned.into_iter().map(|one| ExportedFile {
            is_written: !one.is_there(),
            file: one.file,
            format: one.format,
            name: one.prompt.name,
            prompt_id: one.prompt.id,
            number: one.version.number,
            findings: one.text.map_or(Vec::new(), |text| text.findings),
        });
        Ok(FolderExport {
            files: files.collect(),
        })
    }
}
