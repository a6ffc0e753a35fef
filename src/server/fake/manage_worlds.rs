//! What the control routes of one world need of all worlds.

use std::fmt;
use std::sync::{Arc, OnceLock, Weak};

use super::FakeError;
use super::state::FakeState;

/// The worlds of a fake, as the control routes see them.
pub(super) trait ManageWorlds: Send + Sync {
    /// Returns the base URL of all worlds.
    fn url(&self) -> &str;

    /// Returns the keys of all worlds, the main one first.
    fn keys(&self) -> Vec<String>;

    /// Creates a world that begins as another one does after a reset, in memory.
    ///
    /// Returns its key, which is a new one if none is given.
    fn create_like(&self, state: &FakeState, key: Option<String>) -> Result<String, FakeError>;

    /// Ends a world. The main one cannot be ended.
    fn end(&self, state: &Arc<FakeState>) -> Result<(), FakeError>;
}

/// The worlds that a world belongs to. They are set once all exist.
///
/// The reference is weak, because the worlds own their routes, which have this.
#[derive(Clone, Default)]
pub(super) struct WorldsSlot(Arc<OnceLock<Weak<dyn ManageWorlds>>>);

impl WorldsSlot {
    pub(super) fn set(&self, worlds: Weak<dyn ManageWorlds>) {
        // It is set only once.
        let _ = self.0.set(worlds);
    }

    /// Returns the worlds, unless the fake is stopping.
    pub(super) fn get(&self) -> Option<Arc<dyn ManageWorlds>> {
        self.0.get()?.upgrade()
    }
}

impl fmt::Debug for WorldsSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorldsSlot").finish_non_exhaustive()
    }
}
