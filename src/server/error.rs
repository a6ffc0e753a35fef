//! Errors of a server.

use std::io;
use std::net::SocketAddr;

/// An error that keeps a server from running.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address is in use, or does not belong to this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address that the caller gave.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// Other machines can reach the address, and no key was given.
    ///
    /// The key that the store creates itself is used only on loopback addresses.
    #[error("other machines can reach {address}, and no key was given; give a key")]
    KeyNeeded {
        /// The address.
        address: SocketAddr,
    },
    /// No key was given, and this process may not read the store's own key.
    #[error("the store's own key is not available; give a key")]
    SecretsWithheld {
        /// The reason.
        source: crate::Error,
    },
    /// An option is malformed.
    #[error("{option} {value:?}: {reason}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// The option's value.
        value: String,
        /// The fault in the value.
        reason: String,
    },
    /// The server's threads could not be started, or cannot wait for connections.
    #[error("the server's threads cannot be started")]
    Threads(#[source] io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] crate::Error),
}
