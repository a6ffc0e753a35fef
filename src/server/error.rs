//! Why a server does not run.

use std::io;
use std::net::SocketAddr;

/// Why a server does not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is in use, or not this machine's.
    #[error("{address} can't be listened on")]
    Listen {
        /// The address as asked for.
        address: String,
        /// What the system answered.
        source: io::Error,
    },
    /// Other machines can reach the address, so its keys must be given on purpose.
    #[error("{address} can be reached by other machines, so a key must be given for it")]
    KeyNeeded {
        /// The address.
        address: SocketAddr,
    },
    /// No key was given, and the store's own can't be read by this process, or can't be made as the store is only read.
    #[error("the store's own key can't be had, so a key must be given")]
    SecretsWithheld {
        /// Why not.
        source: crate::Error,
    },
    /// An option is malformed.
    #[error("{option} {value:?}: {reason}")]
    Option {
        /// Which.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The threads of the server could not be started.
    #[error("the server's threads can't be started")]
    Threads(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}
