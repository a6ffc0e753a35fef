//! The hashes of a store: of bodies, of operations, and of whole files.
//!
//! All are BLAKE3. Another hash function would be another on-disk format, because bodies are stored
//! under their hash.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::model::invalid_argument::InvalidArgument;

/// The text of a hash. Operations contain many, so they are written without a call for each digit.
struct HexDigits([u8; 64]);

impl HexDigits {
    fn of(hash: &[u8; 32]) -> Self {
        let digit = |half: u8| b"0123456789abcdef"[usize::from(half & 0xf)];
        Self(std::array::from_fn(|at| {
            let byte = hash[at / 2];
            digit(if at % 2 == 0 { byte >> 4 } else { byte })
        }))
    }

    fn as_str(&self) -> &str {
        // They are digits.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

/// Defines a type for one use of BLAKE3 hashes: 32 bytes, 64 hex digits as text.
macro_rules! hash_type {
    ($(#[$doc:meta])* $type:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $type([u8; 32]);

        impl $type {
            /// Returns the value with these 32 bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// Returns the hash as 32 bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(HexDigits::of(&self.0).as_str())
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(HexDigits::of(&self.0).as_str())
            }
        }

        impl FromStr for $type {
            type Err = InvalidArgument;

            fn from_str(text: &str) -> Result<Self, InvalidArgument> {
                blake3::Hash::from_hex(text)
                    .map(|hash| Self(*hash.as_bytes()))
                    .map_err(|_| InvalidArgument::new($what, text, "expected 64 hex digits"))
            }
        }
    };
}

hash_type! {
    /// The content address of a body: the BLAKE3 hash of its bytes, 64 hex digits as text.
    ///
    /// Bodies with the same bytes have the same address and are stored once.
    BlobId, "blob id"
}

impl BlobId {
    /// Returns the address of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }
}

hash_type! {
    /// The hash of an operation: BLAKE3 over the previous operation's hash and its own content.
    ///
    /// It identifies one operation permanently, and with it all operations before.
    OperationId, "operation id"
}

impl OperationId {
    /// The id that the first operation of a store follows.
    pub(crate) const ROOT: Self = Self([0; 32]);

    /// Returns the id of an operation with this content that follows `self`.
    pub(crate) fn followed_by(&self, content: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.0).update(content);
        Self(*hasher.finalize().as_bytes())
    }
}

hash_type! {
    /// The hash that a checksummed file ends with: BLAKE3 of all its bytes before the last line.
    ///
    /// Two files with the same hash are equal byte for byte.
    Seal, "seal"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_blake3() {
        let hash = blake3::hash(b"promptbook");
        let id = BlobId::from_bytes(*hash.as_bytes());
        assert_eq!(id.to_string(), hash.to_hex().as_str());
        assert_eq!(format!("{id:>66}"), format!("  {}", hash.to_hex()));
        assert_eq!(serde_json::to_value(id).unwrap(), hash.to_hex().as_str());
    }
}
