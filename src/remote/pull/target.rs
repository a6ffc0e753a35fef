//! [`TransferTarget`], the store and the remote of a transfer.

use crate::Store;
use crate::remote::error::RemoteError;
use crate::remote::helicone::Helicone;
use crate::remote::state::{RemoteFolder, RemoteLock, RemoteState};

/// The store and the remote of a transfer, and the place of the remote's state.
pub(in crate::remote) struct TransferTarget<'a, R = Helicone> {
    pub(in crate::remote) store: &'a Store,
    pub(in crate::remote) name: &'a str,
    pub(in crate::remote) folder: &'a RemoteFolder,
    pub(in crate::remote) lock: &'a RemoteLock,
    pub(in crate::remote) remote: &'a R,
}

impl<R> TransferTarget<'_, R> {
    /// Writes the state durably.
    pub(in crate::remote) fn save(&self, state: &RemoteState) -> Result<(), RemoteError> {
        self.folder.write(self.name, state, self.lock)
    }
}
