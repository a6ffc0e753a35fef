//! The list of a store's operations.

use super::rows::{PAGE_ROWS, Rows};
use crate::engine::find_prompt_or_deleted;
use crate::model::arguments::{IntoEnvironmentName, IntoPromptRef};
use crate::model::error::{Error, Result};
use crate::model::id::EnvironmentName;
use crate::model::record::{Operation, OperationFilter, OperationKind};
use crate::model::version_spec::PromptRef;
use crate::storage::Snapshot;
use crate::store::view::View;

/// The number of operations that are read at once to look for those that pass a filter.
const OPERATIONS_AT_ONCE: usize = 1024;

impl View {
    /// Returns the list of operations, newest first.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
    /// let author = store.operations().page(None, 1)?.remove(0).content.author;
    /// assert_eq!(store.operations().author(author).prompt("greeting").count()?, 1);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    pub fn operations(&self) -> Operations {
        Operations {
            view: self.clone(),
            prompt: Ok(None),
            environment: Ok(None),
            author: None,
            kind: None,
        }
    }
}

/// A list of operations; see [`View::operations`].
///
/// It reads nothing until it is iterated over, or a page or the count is requested. If a name is
/// not valid, these calls return the error.
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
    pub fn prompt(mut self, prompt: impl IntoPromptRef) -> Self {
        self.prompt = prompt.into_prompt_ref().map(Some).map_err(Error::from);
        self
    }

    /// Selects only operations that set, moved or removed an environment with this name.
    pub fn environment(mut self, name: impl IntoEnvironmentName) -> Self {
        self.environment = name.into_environment_name().map(Some).map_err(Error::from);
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
    /// As [`View::prompt`], unless the prompt is given by its id; [`Storage`](Error::Storage) if
    /// the index failed.
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
        let at_once = if is_filtered {
            OPERATIONS_AT_ONCE
        } else {
            limit.min(OPERATIONS_AT_ONCE)
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
