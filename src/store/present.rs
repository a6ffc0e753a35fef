//! The reads of a store: those of its view of the present, as methods of the store itself.
//!
//! [`View`] documents them in full. Here is one line for each, which a test compares with the
//! first line there.

use std::path::Path;
use std::sync::Arc;

use super::handle::Store;
use super::view::{Operations, Prompts, RenderedVersion, Versions, View};
use crate::engine::contract::{Breakage, Contract};
use crate::engine::history::{EnvironmentLogEntry, Moment};
use crate::engine::{
    Blame, Difference, EnvironmentDifference, LineBlame, PortablePrompt, Resolved, SearchHit,
};
use crate::files::{FolderExport, FolderExportOptions, FolderReadOptions, FolderStatus};
use crate::frozen::Frozen;
use crate::model::arguments::{IntoEnvironmentName, IntoInputs, IntoPromptRef, IntoVersionSpec};
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::{BlobId, EnvironmentName};
use crate::model::record::{Environment, Prompt, Version, VersionCounts};
use crate::model::version_spec::VersionSpec;
use crate::template::{Partials, RenderMode};

/// Defines methods of a store that call the method of the same name of its view.
macro_rules! reads {
    ($(
        $(#[$attribute:meta])*
        fn $name:ident(&self $(, $argument:ident: $type:ty)* $(,)?) -> $answer:ty;
    )*) => {
        /// The reads, which are those of the [`View`] of the present.
        impl Store {
            $(
                $(#[$attribute])*
                ///
                #[doc = concat!(
                    "See [`View::", stringify!($name), "`] for the details, an example, and the errors."
                )]
                pub fn $name(&self $(, $argument: $type)*) -> $answer {
                    self.as_view().$name($($argument),*)
                }
            )*
        }
    };
}

reads! {
    /// Returns the store as it was at a moment.
    fn at(&self, moment: impl Into<Moment>) -> Result<View>;

    /// Returns the list of prompts, newest first.
    fn prompts(&self) -> Prompts;

    /// Returns the list of a prompt's versions in commit order, newest first.
    fn versions(&self, prompt: impl IntoPromptRef) -> Versions;

    /// Returns the list of operations, newest first.
    fn operations(&self) -> Operations;

    /// Returns a prompt by its id or exact name.
    fn prompt(&self, prompt: impl IntoPromptRef) -> Result<Prompt>;

    /// Returns the version that a spec selects.
    fn version(&self, spec: impl IntoVersionSpec) -> Result<Version>;

    /// Returns the version that a spec selects, if it is in memory.
    #[must_use]
    fn try_version_cached(&self, spec: &VersionSpec) -> Option<Arc<Version>>;

    /// Returns the number of live versions of a prompt, and its highest major number.
    fn version_counts(&self, prompt: impl IntoPromptRef) -> Result<VersionCounts>;

    /// Returns the version that a spec selects, with its body.
    fn resolve(&self, spec: impl IntoVersionSpec) -> Result<Arc<Resolved>>;

    /// Returns the version that a spec selects, with its body and the bodies of its partials.
    fn resolve_with_partials(&self, spec: impl IntoVersionSpec) -> Result<(Resolved, Partials)>;

    /// Returns the version that a spec selects, with its body, if both are in memory.
    #[must_use]
    fn try_resolve_cached(&self, spec: &VersionSpec) -> Option<Arc<Resolved>>;

    /// Fills a version's body with inputs and with its current partials.
    fn render(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
    ) -> Result<RenderedVersion>;

    /// Fills a version's body, as [`render`](Self::render) does, by the rules of a mode.
    fn render_as(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
        mode: RenderMode,
    ) -> Result<RenderedVersion>;

    /// Returns the contract of a version, with its current partials.
    fn contract(&self, spec: impl IntoVersionSpec) -> Result<Contract>;

    /// Returns how callers of one version would break with another.
    fn breakages(
        &self,
        from: impl IntoVersionSpec,
        to: impl IntoVersionSpec,
    ) -> Result<Vec<Breakage>>;

    /// Returns the body with this address, until it is removed by garbage collection.
    fn body(&self, blob: BlobId) -> Result<Body>;

    /// Returns a prompt's environments, sorted by name.
    fn environments(&self, prompt: impl IntoPromptRef) -> Result<Vec<Environment>>;

    /// Returns the name of every environment in use, sorted.
    fn environment_names(&self) -> Result<Vec<EnvironmentName>>;

    /// Returns the environment list: the names that environments can have, if they are restricted.
    fn environment_list(&self) -> Result<Option<Vec<EnvironmentName>>>;

    /// Returns the versions that an environment pointed to, newest first: at most `limit`.
    fn environment_log(
        &self,
        prompt: impl IntoPromptRef,
        environment: impl IntoEnvironmentName,
        limit: usize,
    ) -> Result<Vec<EnvironmentLogEntry>>;

    /// Returns every tag in use, sorted.
    fn tags(&self) -> Result<Vec<String>>;

    /// Searches prompt names, texts of current versions, and commit messages of all versions.
    fn search(&self, query: &str, limit: usize) -> Result<Vec<SearchHit>>;

    /// Returns the current versions that contain a partial of this prompt in this environment.
    fn dependents(
        &self,
        prompt: impl IntoPromptRef,
        environment: impl IntoEnvironmentName,
    ) -> Result<Vec<Version>>;

    /// Compares two versions, of the same prompt or of different ones.
    fn diff(&self, from: impl IntoVersionSpec, to: impl IntoVersionSpec) -> Result<Difference>;

    /// Compares a version with a body that no version has yet.
    fn diff_body(&self, from: impl IntoVersionSpec, to: &Body) -> Result<Difference>;

    /// Compares two environments.
    fn diff_environments(
        &self,
        from: impl IntoEnvironmentName,
        to: impl IntoEnvironmentName,
    ) -> Result<Vec<EnvironmentDifference>>;

    /// Finds the version that introduced each message, tool and parameter of a version's body.
    fn blame(&self, spec: impl IntoVersionSpec) -> Result<Blame>;

    /// Finds the version that introduced each line of each text of a version's body.
    fn blame_lines(&self, spec: impl IntoVersionSpec) -> Result<LineBlame>;

    /// Returns the resolved bodies of an environment as one file.
    fn freeze(&self, environment: impl IntoEnvironmentName) -> Result<Frozen>;

    /// Returns all live prompts with their live versions, oldest first, for [`Batch::import`].
    ///
    /// [`Batch::import`]: crate::Batch::import
    fn export(&self) -> Result<Vec<PortablePrompt>>;

    /// Compares the files of a folder with the prompts of the store.
    fn folder_status(
        &self,
        path: impl AsRef<Path>,
        options: FolderReadOptions,
    ) -> Result<FolderStatus>;

    /// Writes the bodies of prompts to files in a folder, which is created if it does not exist.
    fn export_folder(
        &self,
        path: impl AsRef<Path>,
        options: FolderExportOptions<'_>,
    ) -> Result<FolderExport>;
}
