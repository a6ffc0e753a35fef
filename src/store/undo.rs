//! Undo of operations.

use super::handle::Store;
use crate::engine::OperationRef;
use crate::model::error::Result;
use crate::model::id::GroupId;
use crate::model::record::Operation;

impl Store {
    /// Undoes an operation by a new operation, which it returns.
    ///
    /// Prompts, versions and environments that the operation created are deleted. Those that it
    /// deleted are restored as they were. Environments, names and tags get their earlier values. To
    /// redo the operation, undo the undo.
    ///
    /// A restored version has its earlier id, number and body. The ids and numbers of deleted
    /// versions and prompts are not used again. A body is kept for [`RETENTION`](Self::RETENTION)
    /// after the last version that uses it was deleted.
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#)?)?;
    /// store.delete_prompt("greeting")?; // operation 2
    /// let undone = store.undo(2)?; // operation 3
    /// assert_eq!(store.version("greeting@production")?.number.to_string(), "1.0");
    /// store.undo(&undone)?; // once more
    /// assert!(store.prompt("greeting").is_err());
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`StoodOn`](crate::Error::UndoBlocked) if later operations depend on it, or changed the same
    ///   thing again.
    /// - [`AlreadyUndone`](crate::Error::AlreadyUndone) if it was undone before.
    /// - [`BodyCollected`](crate::Error::BodyCollected) if it would restore a version whose body
    ///   was removed by garbage collection.
    /// - [`OperationNotFound`](crate::Error::OperationNotFound) if there is no such operation.
    /// - Those of the transaction: see "Outcomes" of [`commit`](Self::commit). A refused undo
    ///   changes nothing.
    pub fn undo(&self, operation: impl Into<OperationRef>) -> Result<Operation> {
        let operation = operation.into();
        self.write(move |writer| writer.undo(&operation, false))
    }

    /// Undoes an operation together with all later operations that depend on it.
    ///
    /// This is one operation, which can be undone in turn.
    ///
    /// # Errors
    ///
    /// As [`undo`](Self::undo), except for [`StoodOn`](crate::Error::UndoBlocked).
    pub fn undo_with_later(&self, operation: impl Into<OperationRef>) -> Result<Operation> {
        let operation = operation.into();
        self.write(move |writer| writer.undo(&operation, true))
    }

    /// Undoes the operations of a [group](Store::grouped) that are still in effect.
    ///
    /// This is one operation, which can be undone in turn.
    ///
    /// # Errors
    ///
    /// - [`OperationNotFound`](crate::Error::OperationNotFound) if no operation has this group.
    /// - [`AlreadyUndone`](crate::Error::AlreadyUndone) if all of them were undone before.
    /// - [`UndoBlocked`](crate::Error::UndoBlocked) if later operations of no group, or of another
    ///   one, depend on them.
    /// - Otherwise as [`undo`](Self::undo). A refused undo changes nothing.
    pub fn undo_group(&self, group: GroupId) -> Result<Operation> {
        self.write(move |writer| writer.undo_group(group))
    }

    /// Undoes the newest operation that is still in effect.
    ///
    /// Returns the undo, or none if nothing is left to undo.
    ///
    /// Repeated calls therefore go back through the history.
    ///
    /// # Errors
    ///
    /// [`BodyCollected`](crate::Error::BodyCollected) if the operation deleted something whose body
    /// was removed by garbage collection. An operation before it can then be undone with
    /// [`undo_with_later`](Self::undo_with_later), which undoes both. Otherwise as
    /// [`undo`](Self::undo).
    pub fn undo_newest(&self) -> Result<Option<Operation>> {
        self.write(|writer| writer.undo_newest())
    }
}
