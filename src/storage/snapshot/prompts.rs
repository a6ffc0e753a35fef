//! The reads of prompts and their environments.

use std::ops::ControlFlow;

use crate::model::id::{EnvironmentName, PromptId, PromptName};
use crate::model::record::{Environment, Prompt, PromptFilter};
use crate::storage::{PromptTable, StorageResult};

/// A callback that receives all rows of a prompt, and returns whether to continue.
pub type PromptVisitor<'a> = dyn FnMut(PromptTable) -> ControlFlow<()> + 'a;

/// Reads of prompts and their environments.
///
/// # Errors
///
/// As those of a [`Snapshot`](crate::storage::Snapshot), which has these methods too.
pub trait PromptReads {
    /// Returns the prompt with this id.
    fn prompt(&self, id: PromptId) -> StorageResult<Option<Prompt>>;

    /// Returns whether a prompt has this id.
    ///
    /// The provided method reads the prompt with its environments. An index should override it.
    fn prompt_exists(&self, id: PromptId) -> StorageResult<bool> {
        Ok(self.prompt(id)?.is_some())
    }

    /// Returns whether a prompt has this id, deleted prompts included.
    fn prompt_id_taken(&self, id: PromptId) -> StorageResult<bool>;

    /// Returns the prompts with exactly this name, newest first.
    fn prompts_named(&self, name: &PromptName) -> StorageResult<Vec<PromptId>>;

    /// Returns at most `limit` prompts that pass the filter, in the filter's order.
    ///
    /// [`Newest`](crate::list::PromptOrder::Newest) is the order in which prompts were created,
    /// whatever their ids and times are. With `before`, only the prompts that follow that one in
    /// the order are returned. It may be deleted, and then keeps its last name; if it never
    /// existed, the list is empty.
    fn prompts(
        &self,
        filter: &PromptFilter,
        before: Option<PromptId>,
        limit: usize,
    ) -> StorageResult<Vec<Prompt>>;

    /// Returns the number of prompts.
    fn prompt_count(&self) -> StorageResult<u64>;

    /// Returns the number of prompts that pass the filter.
    ///
    /// The provided method lists them. An index should override it if it can count them.
    fn prompt_count_of(&self, filter: &PromptFilter) -> StorageResult<u64> {
        Ok(self.prompts(filter, None, usize::MAX)?.len() as u64)
    }

    /// Returns every tag in use, sorted.
    fn tags(&self) -> StorageResult<Vec<String>>;

    /// Returns the name of every environment in use, sorted.
    fn environment_names(&self) -> StorageResult<Vec<EnvironmentName>>;

    /// Returns the environments of a prompt, sorted by name.
    fn environments(&self, prompt: PromptId) -> StorageResult<Vec<Environment>>;

    /// Visits every prompt that was ever created, deleted ones included, with all its rows.
    ///
    /// It ends early if the visitor stops.
    fn each_prompt(&self, visit: &mut PromptVisitor<'_>) -> StorageResult<()>;
}
