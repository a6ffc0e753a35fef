//! [`ContractDigest`], by which contracts are compared without reading bodies.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

use crate::model::id::from_text;
use crate::model::invalid_argument::InvalidArgument;

/// The digest of the parts of a body that its contract depends on: 16 hex digits as text.
///
/// Two bodies with the same digest do not break each other's callers. Bodies with different digests
/// may be compatible, too: the digest covers the notation of tools and schemas, white space included.
/// A body whose contract also depends on other bodies has no digest.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct ContractDigest([u8; ContractDigest::LEN]);

impl ContractDigest {
    /// The number of bytes in a digest.
    pub const LEN: usize = 8;

    /// Returns the value with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// Returns the digest as bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

/// Returns whether two bodies have a digest, and the same one.
pub(crate) fn are_equal(base: Option<ContractDigest>, new: Option<ContractDigest>) -> bool {
    base.is_some() && base == new
}

impl fmt::Display for ContractDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:016x}", u64::from_be_bytes(self.0)))
    }
}

impl fmt::Debug for ContractDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for ContractDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for ContractDigest {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let is_hex = text.len() == 2 * Self::LEN
            && text
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        match u64::from_str_radix(text, 16) {
            Ok(number) if is_hex => Ok(Self(number.to_be_bytes())),
            _ => Err(InvalidArgument::new(
                "contract digest",
                text,
                "expected 16 hex digits in lower case",
            )),
        }
    }
}

from_text!(ContractDigest);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_its_text() {
        let digest = ContractDigest::from_bytes([0, 1, 2, 3, 0xfc, 0xfd, 0xfe, 0xff]);
        assert_eq!(digest.to_string(), "00010203fcfdfeff");
        assert_eq!("00010203fcfdfeff".parse(), Ok(digest));
        for text in [
            "",
            "00010203FCFDFEFF",
            "+0010203fcfdfeff",
            "00010203fcfdfeff0",
        ] {
            assert!(text.parse::<ContractDigest>().is_err(), "{text}");
        }
    }

    #[test]
    fn bodies_without_a_digest_are_not_equal() {
        let digest = Some(ContractDigest::from_bytes([1; 8]));
        assert!(are_equal(digest, digest));
        assert!(!are_equal(None, None));
        assert!(!are_equal(digest, None));
    }
}
