//! What a store knows of its remotes: one checksummed file for each, in the store's directory.

mod file;
mod folder;
mod record;

pub(super) use self::folder::{RemoteFolder, RemoteLock};
pub use self::record::RemoteKind;
pub(super) use self::record::{
    LinkedPrompt, PendingPush, RemoteSettings, RemoteState, VersionLink,
};
