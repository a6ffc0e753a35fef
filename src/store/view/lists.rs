//! Lists of prompts, versions and operations: builders that are read row by row or in pages.

use std::fmt;
use std::vec;

use super::reads::View;
use crate::engine::{find_prompt, find_prompt_or_deleted};
use crate::model::error::{Error, Result};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
#[cfg(feature = "server")]
use crate::model::record::Environment;
use crate::model::record::{
    Operation, OperationFilter, OperationKind, Prompt, PromptFilter, PromptOrder, Version,
    VersionFilter,
};
use crate::model::version_number::PromptRef;
use crate::storage::Snapshot;

/// The number of rows that an iterator reads at once.
const PAGE_ROWS: usize = 256;

/// The number of operations that are read at once to look for those that pass a filter.
const OPERATIONS_AT_ONCE: usize = 1024;

/// The rows of a list, read in pages as the iterator advances.
///
/// Each page is read from a snapshot of its own. So a row that is changed between two pages is
/// listed as it was or as it is; a row that moves within the order may be listed twice or not at
/// all. A [view of an earlier moment](crate::View::at) never changes. After an error, the iterator
/// ends.
pub struct Rows<T> {
    next_page: Box<dyn FnMut(Option<&T>) -> Result<Vec<T>> + Send>,
    page: vec::IntoIter<T>,
    /// The last row of the page before, if it was full.
    last: Option<T>,
    is_over: bool,
}

impl<T> fmt::Debug for Rows<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

impl<T: Clone> Rows<T> {
    fn new(next_page: impl FnMut(Option<&T>) -> Result<Vec<T>> + Send + 'static) -> Self {
        Self {
            next_page: Box::new(next_page),
            page: Vec::new().into_iter(),
            last: None,
            is_over: false,
        }
    }
}

impl<T: Clone> Iterator for Rows<T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if let Some(row) = self.page.next() {
            return Some(Ok(row));
        }
        if self.is_over {
            return None;
        }
        match (self.next_page)(self.last.as_ref()) {
            Ok(page) => {
                self.is_over = page.len() < PAGE_ROWS;
                self.last = page.last().cloned();
                self.page = page.into_iter();
                self.page.next().map(Ok)
            }
            Err(error) => {
                self.is_over = true;
                Some(Err(error))
            }
        }
    }
}

impl View {
    /// Returns the list of prompts, newest first.
    ///
    /// ```
    /// use promptbook::list::PromptOrder;
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// for name in ["greeting", "Farewell"] {
    ///     store.create_prompt(NewPrompt::new(name, r#"{"messages": []}"#)?)?;
    /// }
    /// let mut names = Vec::new();
    /// for prompt in store.prompts().order_by(PromptOrder::Name) {
    ///     names.push(prompt?.name.to_string());
    /// }
    /// assert_eq!(names, ["Farewell", "greeting"]);
    /// assert_eq!(store.prompts().name_contains("GREET").count()?, 1);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn prompts(&self) -> Prompts {
        Prompts {
            view: self.clone(),
            filter: PromptFilter::default(),
        }
    }

    /// Returns the list of a prompt's versions in commit order, newest first.
    ///
    /// ```
    /// use promptbook::{NewPrompt, NewVersion, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
    /// store.commit(NewVersion::new("greeting", r#"{"messages": [], "seed": 1}"#)?)?;
    /// for version in store.versions("greeting").major(1) {
    ///     println!("{}", version?.number);
    /// }
    /// assert_eq!(store.versions("greeting").page(None, 1)?[0].number.to_string(), "1.1");
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn versions<P>(&self, prompt: P) -> Versions
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        Versions {
            view: self.clone(),
            prompt: prompt.try_into().map_err(Error::from),
            filter: VersionFilter::default(),
        }
    }

    /// Returns the list of operations, newest first.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
    /// let author = store.operations().page(None, 1)?.remove(0).content.author;
    /// assert_eq!(store.operations().author(author).prompt("greeting").count()?, 1);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    #[must_use]
    pub fn operations(&self) -> Operations {
        Operations {
            view: self.clone(),
            prompt: Ok(None),
            environment: Ok(None),
            author: None,
            kind: None,
        }
    }

    /// Returns a page of versions and the prompt's environments.
    ///
    /// The environments are of the same moment. They are only read if there are as many versions as
    /// the limit, so that more may follow.
    #[cfg(feature = "server")]
    pub(crate) fn first_versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<(Vec<Version>, Vec<Environment>)> {
        let prompt = prompt.into();
        self.look(|snapshot| {
            let versions = list(snapshot, &prompt, filter, before, limit)?;
            let environments = match versions.first() {
                Some(version) if versions.len() == limit => {
                    snapshot.environments(version.prompt_id)?
                }
                _ => Vec::new(),
            };
            Ok((versions, environments))
        })
    }
}

/// A list of prompts; see [`View::prompts`].
///
/// It reads nothing until it is iterated over, or a page or the count is requested.
#[derive(Clone, Debug)]
#[must_use]
pub struct Prompts {
    view: View,
    filter: PromptFilter,
}

impl Prompts {
    /// Selects only prompts whose name contains this text, ignoring case.
    pub fn name_contains(mut self, text: impl Into<String>) -> Self {
        self.filter = self.filter.name_contains(text);
        self
    }

    /// Selects only prompts that have this tag, or another tag that was added to the list.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.filter = self.filter.tag(tag);
        self
    }

    /// Sets the order of the list.
    ///
    /// Orders other than [`PromptOrder::Newest`] take the time of reading all prompts that pass the
    /// filter, for each page.
    pub fn order_by(mut self, order: PromptOrder) -> Self {
        self.filter = self.filter.order_by(order);
        self
    }

    /// Replaces the filter and the order.
    pub fn with_filter(mut self, filter: &PromptFilter) -> Self {
        self.filter = filter.clone();
        self
    }

    /// Returns at most `limit` prompts, those that follow the prompt `before` in the list.
    ///
    /// To get the next page, pass the id of the last prompt as `before`, even if that prompt is
    /// deleted in the meantime. A page is read from one snapshot.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound) if `before` was never a prompt;
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn page(&self, before: Option<PromptId>, limit: usize) -> Result<Vec<Prompt>> {
        self.view.look(|snapshot| match before {
            Some(id) if !snapshot.prompt_id_taken(id)? => Err(Error::PromptNotFound {
                prompt: id.to_string(),
            }),
            before => Ok(snapshot.prompts(&self.filter, before, limit)?),
        })
    }

    /// Returns the number of prompts in the list.
    ///
    /// # Errors
    ///
    /// [`Storage`](Error::Storage) if the index failed.
    pub fn count(&self) -> Result<u64> {
        self.view
            .look(|snapshot| Ok(snapshot.prompt_count_of(&self.filter)?))
    }
}

impl IntoIterator for Prompts {
    type Item = Result<Prompt>;
    type IntoIter = Rows<Prompt>;

    fn into_iter(self) -> Rows<Prompt> {
        Rows::new(move |last: Option<&Prompt>| self.page(last.map(|last| last.id), PAGE_ROWS))
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
        self.view
            .look(|snapshot| list(snapshot, &prompt, &self.filter, before, limit))
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
            view.look(|snapshot| list(snapshot, &of, &filter, before, PAGE_ROWS))
        })
    }
}

fn list(
    snapshot: &dyn Snapshot,
    prompt: &PromptRef,
    filter: &VersionFilter,
    before: Option<VersionId>,
    limit: usize,
) -> Result<Vec<Version>> {
    let prompt = find_prompt(snapshot, prompt)?;
    match before {
        Some(id) if snapshot.version_even_deleted(id)?.is_none() => Err(Error::VersionNotFound {
            prompt: Some(prompt),
            selector: id.into(),
        }),
        before => Ok(snapshot.versions(prompt, filter, before, limit)?),
    }
}

/// A list of operations; see [`View::operations`].
///
/// It reads nothing until it is iterated over, or a page or the count is requested. If a name is not
/// valid, these calls return the error.
#[derive(Debug)]
#[must_use]
pub struct Operations {
    view: View,
    prompt: Result<Option<PromptRef>>,
    environment: Result<Option<EnvironmentName>>,
    author: Option<String>,
    kind: Option<OperationKind>,
}

impl Operations {
    /// Selects only operations that changed this prompt.
    ///
    /// A deleted prompt is found by its id.
    pub fn prompt<P>(mut self, prompt: P) -> Self
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        self.prompt = prompt.try_into().map(Some).map_err(Error::from);
        self
    }

    /// Selects only operations that set, moved or removed an environment with this name.
    pub fn environment<E>(mut self, name: E) -> Self
    where
        E: TryInto<EnvironmentName>,
        Error: From<E::Error>,
    {
        self.environment = name.try_into().map(Some).map_err(Error::from);
        self
    }

    /// Selects only operations of this author.
    ///
    /// The index has no list of an author's operations, so all others that pass the filter are read
    /// too.
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = Some(author.into());
        self
    }

    /// Selects only operations of this kind. As for an author, others are read too.
    pub fn kind(mut self, kind: OperationKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// Replaces the prompt and the environment by those of a filter.
    pub fn with_filter(mut self, filter: &OperationFilter) -> Self {
        self.prompt = Ok(filter.prompt.map(PromptRef::from));
        self.environment = Ok(filter.environment.clone());
        self
    }

    /// Returns at most `limit` operations, those with a number below `before`.
    ///
    /// To get the next page, pass the number of the last operation as `before`. A page is read from
    /// one snapshot.
    ///
    /// # Errors
    ///
    /// As [`View::prompt`], unless the prompt is given by its id; [`Storage`](Error::Storage) if the
    /// index failed.
    pub fn page(self, before: Option<u64>, limit: usize) -> Result<Vec<Operation>> {
        let selection = self.selection()?;
        selection.look(|snapshot, filter| {
            let mut found = Vec::new();
            selection.each(snapshot, filter, before, limit, |operation| {
                found.push(operation);
                found.len() < limit
            })?;
            Ok(found)
        })
    }

    /// Returns the number of operations in the list.
    ///
    /// With a filter, all operations that pass it are read.
    ///
    /// # Errors
    ///
    /// As [`page`](Self::page).
    pub fn count(self) -> Result<u64> {
        let selection = self.selection()?;
        selection.look(|snapshot, filter| {
            if selection.admits_all() {
                let last = snapshot.last_operation()?;
                return Ok(last.map_or(0, |(number, _)| number));
            }
            let mut count = 0;
            selection.each(snapshot, filter, None, usize::MAX, |_| {
                count += 1;
                true
            })?;
            Ok(count)
        })
    }

    fn selection(self) -> Result<Selection> {
        Ok(Selection {
            view: self.view,
            prompt: self.prompt?,
            environment: self.environment?,
            author: self.author,
            kind: self.kind,
        })
    }
}

impl IntoIterator for Operations {
    type Item = Result<Operation>;
    type IntoIter = Rows<Operation>;

    fn into_iter(self) -> Rows<Operation> {
        let mut selection = Some(self.selection());
        let mut valid = None;
        Rows::new(move |last: Option<&Operation>| {
            if let Some(selection) = selection.take() {
                valid = Some(selection?);
            }
            let Some(selection) = &valid else {
                return Ok(Vec::new());
            };
            let before = last.map(|last| last.number);
            selection.look(|snapshot, filter| {
                let mut found = Vec::new();
                selection.each(snapshot, filter, before, PAGE_ROWS, |operation| {
                    found.push(operation);
                    found.len() < PAGE_ROWS
                })?;
                Ok(found)
            })
        })
    }
}

/// The valid arguments of a list of operations.
struct Selection {
    view: View,
    prompt: Option<PromptRef>,
    environment: Option<EnvironmentName>,
    author: Option<String>,
    kind: Option<OperationKind>,
}

impl Selection {
    fn admits_all(&self) -> bool {
        self.prompt.is_none()
            && self.environment.is_none()
            && self.author.is_none()
            && self.kind.is_none()
    }

    /// Calls `look` with a snapshot, and with the part of the selection that the index filters.
    fn look<T>(&self, look: impl Fn(&dyn Snapshot, &OperationFilter) -> Result<T>) -> Result<T> {
        self.view.look(|snapshot| {
            let mut filter = OperationFilter::default();
            filter.environment.clone_from(&self.environment);
            if let Some(prompt) = &self.prompt {
                filter.prompt = Some(find_prompt_or_deleted(snapshot, prompt)?);
            }
            look(snapshot, &filter)
        })
    }

    /// Visits the operations that pass, newest first, until `visit` returns false.
    fn each(
        &self,
        snapshot: &dyn Snapshot,
        filter: &OperationFilter,
        mut before: Option<u64>,
        limit: usize,
        mut visit: impl FnMut(Operation) -> bool,
    ) -> Result<()> {
        if limit == 0 {
            return Ok(());
        }
        let is_filtered = self.author.is_some() || self.kind.is_some();
        let at_once = match is_filtered {
            true => OPERATIONS_AT_ONCE,
            false => limit.min(OPERATIONS_AT_ONCE),
        };
        loop {
            let page = snapshot.operations(filter, before, at_once)?;
            let is_last = page.len() < at_once;
            before = page.last().map(|last| last.number);
            for operation in page {
                let content = &operation.content;
                let passes = self
                    .author
                    .as_ref()
                    .is_none_or(|one| *one == content.author)
                    && self.kind.is_none_or(|kind| kind == content.kind);
                if passes && !visit(operation) {
                    return Ok(());
                }
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
