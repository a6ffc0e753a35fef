//! The options of an import of a folder.

use std::fmt;

use super::listing::FolderReadOptions;
use super::status::FolderStatus;
use crate::model::arguments::IntoEnvironmentName;
use crate::model::id::EnvironmentName;
use crate::model::invalid_argument::InvalidArgument;
use crate::model::progress::{Progress, ProgressAnswer, Reporter};

/// A closure that allows or refuses an import, given what it changes.
type Approval<'a> = Box<dyn FnOnce(&FolderStatus) -> bool + 'a>;

/// The options of an import of a folder.
#[derive(Default)]
pub struct FolderImportOptions<'a> {
    pub(super) read: FolderReadOptions,
    pub(super) message: Option<String>,
    pub(super) environment: Option<Result<EnvironmentName, InvalidArgument>>,
    pub(super) without_environment: bool,
    pub(super) allow_breaking: bool,
    pub(super) rename: bool,
    pub(super) prune: bool,
    pub(super) dry_run: bool,
    pub(super) approve: Option<Approval<'a>>,
    pub(super) progress: Reporter<'a>,
}

impl fmt::Debug for FolderImportOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FolderImportOptions")
            .field("read", &self.read)
            .field("rename", &self.rename)
            .field("prune", &self.prune)
            .field("dry_run", &self.dry_run)
            .finish_non_exhaustive()
    }
}

impl<'a> FolderImportOptions<'a> {
    /// Returns the default options: nothing is renamed or deleted, and only new prompts get an
    /// environment.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets how the files are read.
    #[must_use]
    pub fn read(mut self, options: FolderReadOptions) -> Self {
        self.read = options;
        self
    }

    /// Sets the message of each commit. The default is `Import FILE`.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = Some(message.into());
        self
    }

    /// Sets the environment to point to each new version. The default is the environment of new
    /// prompts, and none for the versions of existing ones.
    #[must_use]
    pub fn environment(mut self, name: impl IntoEnvironmentName) -> Self {
        self.environment = Some(name.into_environment_name());
        self
    }

    /// Creates new prompts without an environment.
    #[must_use]
    pub fn without_environment(mut self) -> Self {
        self.without_environment = true;
        self
    }

    /// Points the environment also to versions that break callers of the ones that it points to.
    #[must_use]
    pub fn allow_breaking(mut self) -> Self {
        self.allow_breaking = true;
        self
    }

    /// Sets whether a prompt is renamed if it has no file, and exactly one new file has its body.
    ///
    /// Callers that use the old name of a renamed prompt break. Without this, the new file becomes a
    /// prompt of its own, and a file that names the id of a prompt does not change its name.
    #[must_use]
    pub fn rename(mut self, rename: bool) -> Self {
        self.rename = rename;
        self
    }

    /// Sets whether the prompts without a file are deleted. It has no effect on an import of one
    /// file.
    #[must_use]
    pub fn prune(mut self, prune: bool) -> Self {
        self.prune = prune;
        self
    }

    /// Sets whether the changes are only tried, and rolled back.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }

    /// Calls a closure in the transaction, before the changes, with what they will be.
    ///
    /// The status has no differences of bodies. If the closure returns false, the import fails with
    /// [`Cancelled`](crate::Error::Cancelled), and nothing is changed.
    #[must_use]
    pub fn approve(mut self, closure: impl FnOnce(&FolderStatus) -> bool + 'a) -> Self {
        self.approve = Some(Box::new(closure));
        self
    }

    /// Calls a closure as the call advances. A step is a file that was read or imported.
    ///
    /// The closure returns `()`, or a [`ControlFlow`](std::ops::ControlFlow) that can cancel the
    /// call with [`Cancelled`](crate::Error::Cancelled). Nothing is changed.
    #[must_use]
    pub fn progress<A: ProgressAnswer>(mut self, closure: impl FnMut(Progress) -> A + 'a) -> Self {
        self.progress = Reporter::new(closure);
        self
    }
}
