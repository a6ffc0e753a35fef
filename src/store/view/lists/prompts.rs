//! The list of a store's prompts.

use super::rows::{PAGE_ROWS, Rows};
use crate::model::error::{Error, Result};
use crate::model::id::PromptId;
use crate::model::record::{Prompt, PromptFilter, PromptOrder};
use crate::store::view::View;

impl View {
    /// Returns the list of prompts, newest first.
    ///
    /// ```
    /// use promptbook::list::PromptOrder;
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// for name in ["greeting", "Farewell"] {
    ///     store.create_prompt(NewPrompt::new(name, r#"{"messages": []}"#))?;
    /// }
    /// let mut names = Vec::new();
    /// for prompt in store.prompts().order_by(PromptOrder::Name) {
    ///     names.push(prompt?.name.to_string());
    /// }
    /// assert_eq!(names, ["Farewell", "greeting"]);
    /// assert_eq!(store.prompts().name_contains("GREET").count()?, 1);
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    pub fn prompts(&self) -> Prompts {
        Prompts {
            view: self.clone(),
            filter: PromptFilter::default(),
        }
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
