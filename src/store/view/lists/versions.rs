//! The list of a prompt's versions.

use super::rows::{PAGE_ROWS, Rows};
use crate::engine::{find_prompt, prompt_label};
use crate::model::arguments::IntoPromptRef;
use crate::model::error::{Error, Result};
use crate::model::id::{PromptId, VersionId};
use crate::model::record::{Environment, Version, VersionFilter};
use crate::model::version_spec::PromptRef;
use crate::storage::Snapshot;
use crate::store::view::View;

impl View {
    /// Returns the list of a prompt's versions in commit order, newest first.
    ///
    /// ```
    /// use promptbook::{NewPrompt, NewVersion, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// store.commit(NewVersion::new("greeting", r#"{"messages": [], "seed": 1}"#))?;
    /// for version in store.versions("greeting").major(1) {
    ///     println!("{}", version?.number);
    /// }
    /// assert_eq!(store.versions("greeting").page(None, 1)?[0].number.to_string(), "1.1");
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    pub fn versions(&self, prompt: impl IntoPromptRef) -> Versions {
        Versions {
            view: self.clone(),
            prompt: prompt.into_prompt_ref().map_err(Error::from),
            filter: VersionFilter::default(),
        }
    }
}

/// A list of a prompt's versions; see [`View::versions`].
///
/// It reads nothing until it is iterated over, or a page or the count is requested. If the prompt's
/// name is not valid, these calls return the error.
#[derive(Debug)]
#[must_use]
pub struct Versions {
    view: View,
    prompt: Result<PromptRef>,
    filter: VersionFilter,
}

impl Versions {
    /// Selects only versions with this major number.
    pub fn major(mut self, major: u32) -> Self {
        self.filter = self.filter.major(major);
        self
    }

    /// Selects only versions whose number satisfies this requirement.
    pub fn requirement(mut self, requirement: semver::VersionReq) -> Self {
        self.filter = self.filter.requirement(requirement);
        self
    }

    /// Selects only versions that this author committed.
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.filter = self.filter.author(author);
        self
    }

    /// Replaces the filter.
    pub fn with_filter(mut self, filter: &VersionFilter) -> Self {
        self.filter = filter.clone();
        self
    }

    /// Returns at most `limit` versions, those that were committed before the version `before`.
    ///
    /// To get the next page, pass the id of the last version as `before`, even if that version is
    /// deleted in the meantime. A page is read from one snapshot.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound) if `before` was never a version; as
    /// [`View::prompt`].
    pub fn page(self, before: Option<VersionId>, limit: usize) -> Result<Vec<Version>> {
        let prompt = self.prompt?;
        self.view.look(|snapshot| {
            let prompt = find_prompt(snapshot, &prompt)?;
            list(snapshot, prompt, &self.filter, before, limit)
        })
    }

    /// Returns a page as [`page`](Self::page) does, and all environments of the prompt.
    ///
    /// Both are read from one snapshot. A caller that lists versions in pages can show the
    /// environments of this moment on every page, even if they are moved in the meantime.
    ///
    /// # Errors
    ///
    /// As [`page`](Self::page).
    pub fn page_with_environments(
        self,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<(Vec<Version>, Vec<Environment>)> {
        let prompt = self.prompt?;
        self.view.look(|snapshot| {
            let prompt = find_prompt(snapshot, &prompt)?;
            let versions = list(snapshot, prompt, &self.filter, before, limit)?;
            let environments = snapshot.environments(prompt)?;
            Ok((versions, environments))
        })
    }

    /// Returns the number of versions in the list.
    ///
    /// # Errors
    ///
    /// As [`View::prompt`].
    pub fn count(self) -> Result<u64> {
        if self.filter == VersionFilter::default() {
            return Ok(self.view.prompt(self.prompt?)?.versions);
        }
        Ok(self.page(None, usize::MAX)?.len() as u64)
    }
}

impl IntoIterator for Versions {
    type Item = Result<Version>;
    type IntoIter = Rows<Version>;

    fn into_iter(self) -> Rows<Version> {
        let Self {
            view,
            prompt,
            filter,
        } = self;
        let mut prompt = Some(prompt);
        Rows::new(move |last: Option<&Version>| {
            let of = match (last, prompt.take()) {
                // The name may belong to another prompt by now.
                (Some(last), _) => last.prompt_id.into(),
                (None, Some(prompt)) => prompt?,
                (None, None) => return Ok(Vec::new()),
            };
            let before = last.map(|last| last.id);
            view.look(|snapshot| {
                let prompt = find_prompt(snapshot, &of)?;
                list(snapshot, prompt, &filter, before, PAGE_ROWS)
            })
        })
    }
}

fn list(
    snapshot: &dyn Snapshot,
    prompt: PromptId,
    filter: &VersionFilter,
    before: Option<VersionId>,
    limit: usize,
) -> Result<Vec<Version>> {
    match before {
        Some(id) if snapshot.version_even_deleted(id)?.is_none() => Err(Error::VersionNotFound {
            prompt: Some(prompt_label(snapshot, prompt)?),
            selector: id.into(),
        }),
        before => Ok(snapshot.versions(prompt, filter, before, limit)?),
    }
}
