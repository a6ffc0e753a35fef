//! Operations taken back, through a store.

use super::handle::Store;
use crate::engine::OperationRef;
use crate::model::error::Result;
use crate::model::record::Operation;

impl Store {
    /// Takes an operation back, by a new one: what it made is deleted, what it deleted comes back as it was, pointers, names
    /// and tags are what they were. To take back what took something back is to do it again.
    ///
    /// A version that comes back has its id, number and body; versions and prompts that go keep their ids and numbers from
    /// being used again. Bodies are kept for [`RETENTION`](Self::RETENTION) after the last version that has them went.
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
    /// [`StoodOn`](crate::Error::StoodOn) where later operations rest on it or changed the same again;
    /// [`AlreadyUndone`](crate::Error::AlreadyUndone); [`BodyCollected`](crate::Error::BodyCollected) where a version that
    /// would come back has lost its body; [`OperationNotFound`](crate::Error::OperationNotFound).
    pub fn undo(&self, operation: impl Into<OperationRef>) -> Result<Operation> {
        let operation = operation.into();
        self.write(move |writer| writer.undo(&operation, false))
    }

    /// As [`undo`](Self::undo), and takes back with it all later operations that stand on it: as one operation, which can
    /// be taken back as one.
    ///
    /// # Errors
    ///
    /// As there, but for [`StoodOn`](crate::Error::StoodOn).
    pub fn undo_with_later(&self, operation: impl Into<OperationRef>) -> Result<Operation> {
        let operation = operation.into();
        self.write(move |writer| writer.undo(&operation, true))
    }

    /// Takes back the newest operation that is still in effect, so that one call after the other goes back through the
    /// history; none where there is nothing left to take back.
    ///
    /// # Errors
    ///
    /// [`BodyCollected`](crate::Error::BodyCollected) where that is the deletion of something whose body is gone: what came
    /// before can be taken back with it, by [`undo_with_later`](Self::undo_with_later).
    pub fn undo_newest(&self) -> Result<Option<Operation>> {
        self.write(|writer| writer.undo_newest())
    }
}
