//! [`VerifiedBytes`], the bytes of a body whose hash was compared with its address.

use std::fmt;

use thiserror::Error;

use super::id::BlobId;

/// The bytes of a body whose hash is its address.
///
/// Only [`check`](Self::check) makes them, so code that gets them need not compare the hash again.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedBytes {
    id: BlobId,
    bytes: Vec<u8>,
}

/// Bytes that are stored under an address that is not their hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("its {size} bytes have a different hash")]
pub struct HashMismatch {
    /// The address.
    pub id: BlobId,
    /// The number of bytes under it.
    pub size: usize,
}

impl VerifiedBytes {
    /// Hashes the bytes and compares the hash with the address.
    ///
    /// # Errors
    ///
    /// [`HashMismatch`] if they differ.
    pub fn check(id: BlobId, bytes: Vec<u8>) -> Result<Self, HashMismatch> {
        if BlobId::of(&bytes) == id {
            Ok(Self { id, bytes })
        } else {
            let size = bytes.len();
            Err(HashMismatch { id, size })
        }
    }

    /// Returns the address.
    #[must_use]
    pub fn id(&self) -> BlobId {
        self.id
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Returns the bytes without a copy.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for VerifiedBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedBytes")
            .field("id", &self.id)
            .field("size", &self.bytes.len())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_with_the_hash_pass() {
        let id = BlobId::of(b"{}");
        let verified = VerifiedBytes::check(id, b"{}".to_vec()).unwrap();
        assert_eq!((verified.id(), verified.as_bytes()), (id, &b"{}"[..]));
        let mismatch = VerifiedBytes::check(id, b"{ }".to_vec()).unwrap_err();
        assert_eq!(mismatch, HashMismatch { id, size: 3 });
    }
}
