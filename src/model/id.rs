//! Types of ids and names, so that one cannot be passed for another.
//!
//! They are validated when they are parsed. A [`PromptId`] cannot be passed as a [`BlobId`]:
//!
//! ```compile_fail
//! fn body_of(id: promptbook::BlobId) {}
//! let prompt: promptbook::PromptId = "abc123".parse().unwrap();
//! body_of(prompt); // does not compile
//! ```

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

pub use super::hash::{BlobId, OperationId, Seal};
use crate::model::invalid_argument::{InvalidArgument, check_length};

/// The id of a prompt: exactly 6 characters of `0-9A-Za-z`.
///
/// A partial tag (`{{hcp:abc123:0}}`) can contain no other id.
///
/// ```
/// let id: promptbook::PromptId = "aZ09bY".parse()?;
/// assert_eq!(id.to_string(), "aZ09bY");
/// assert!("short".parse::<promptbook::PromptId>().is_err());
/// # Ok::<(), promptbook::error::InvalidArgument>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PromptId([u8; PromptId::LEN]);

impl PromptId {
    /// The number of characters in an id.
    pub const LEN: usize = 6;

    const ALPHABET: &'static [u8; 62] =
        b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    /// Returns a random id.
    ///
    /// The index decides whether it is free, inside the transaction that uses it.
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        Self(std::array::from_fn(|_| {
            Self::ALPHABET[rng.usize(..Self::ALPHABET.len())]
        }))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // Every constructor accepts ASCII only.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl PromptId {
    /// Parses an id. For text that need not be one, because an error takes longer to create.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        <[u8; Self::LEN]>::try_from(text.as_bytes())
            .ok()
            .filter(|bytes| bytes.iter().all(u8::is_ascii_alphanumeric))
            .map(Self)
    }
}

impl FromStr for PromptId {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        Self::from_text(text).ok_or_else(|| {
            InvalidArgument::new("prompt id", text, "expected 6 characters of 0-9A-Za-z")
        })
    }
}

/// The id of a version: a UUID, unique across all prompts and stores.
///
/// Ids that this crate creates are of version 7 (RFC 9562), so their text sorts by creation time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VersionId(Uuid);

impl VersionId {
    /// Returns an id of the given time, in milliseconds since 1970, and random bytes.
    pub(crate) fn draw(millis: u64, rng: &mut fastrand::Rng) -> Self {
        let mut random = [0; 10];
        rng.fill(&mut random);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Returns the id with these 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(Uuid::from_bytes(bytes))
    }

    /// Returns the id as 16 bytes, in the order of its text.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }
}

impl fmt::Display for VersionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

impl VersionId {
    /// Parses an id. For text that need not be one, because an error takes longer to create.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if text.len() != uuid::fmt::Hyphenated::LENGTH {
            return None;
        }
        Uuid::try_parse(text).ok().map(Self)
    }
}

impl FromStr for VersionId {
    type Err = InvalidArgument;

    /// Parses the hyphenated form only, in any letter case.
    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        Self::from_text(text)
            .ok_or_else(|| InvalidArgument::new("version id", text, "expected a hyphenated UUID"))
    }
}

/// The id of a group of operations: 128 random bits, 32 hex digits as text.
///
/// The operations that one command made have the same group, so they can be undone together.
///
/// ```
/// let group: promptbook::history::GroupId = "00112233445566778899aabbccddeeff".parse()?;
/// assert_eq!(group.to_string(), "00112233445566778899aabbccddeeff");
/// # Ok::<(), promptbook::error::InvalidArgument>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct GroupId(u128);

impl GroupId {
    /// Returns the value with these 16 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(bytes))
    }

    /// Returns a random id.
    pub(crate) fn draw(rng: &mut fastrand::Rng) -> Self {
        Self(rng.u128(..))
    }

    const DIGITS: usize = 32;
}

impl Serialize for GroupId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for GroupId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{:032x}", self.0))
    }
}

impl FromStr for GroupId {
    type Err = InvalidArgument;

    /// Parses lower case digits only, because the text is part of an operation's hash.
    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let is_whole = text.len() == Self::DIGITS && text.bytes().all(is_digit);
        u128::from_str_radix(text, 16)
            .ok()
            .filter(|_| is_whole)
            .map(Self)
            .ok_or_else(|| {
                InvalidArgument::new("group id", text, "expected 32 lower case hex digits")
            })
    }
}

/// The name of a prompt: any text of at most 64 KiB, stored exactly.
///
/// It may be empty, and may contain control characters, NUL included. Names are labels for people:
/// two prompts may have the same name. Escape a name from an untrusted source before a terminal
/// shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct PromptName(Arc<str>);

impl PromptName {
    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PromptName {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        check_length("prompt name", text)?;
        Ok(Self(text.into()))
    }
}

/// The name of an environment, such as `production`: 1 to 1024 bytes without control characters.
///
/// Names are compared exactly.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct EnvironmentName(Arc<str>);

impl EnvironmentName {
    const MAX_BYTES: usize = 1024;

    /// Returns `production`, the default environment.
    ///
    /// A new prompt's first version goes there, and partials are taken from there, unless another
    /// environment is named.
    #[must_use]
    pub fn production() -> Self {
        Self("production".into())
    }

    /// Returns the name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for EnvironmentName {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let what = "environment name";
        if text.is_empty() {
            Err(InvalidArgument::new(what, text, "it is empty"))
        } else if text.len() > Self::MAX_BYTES {
            let reason = format!("it has more than {} bytes", Self::MAX_BYTES);
            Err(InvalidArgument::new(what, text, reason))
        } else if text.chars().any(char::is_control) {
            Err(InvalidArgument::new(
                what,
                text,
                "it has a control character",
            ))
        } else {
            Ok(Self(text.into()))
        }
    }
}

macro_rules! as_text {
    ($($type:ty),+) => {$(
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }
    )+};
}
as_text!(PromptId, PromptName, EnvironmentName);

macro_rules! debug_as_text {
    ($($type:ty),+) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($type))
            }
        }
    )+};
}
debug_as_text!(PromptId, VersionId, BlobId, OperationId, Seal, GroupId);

/// Converts types that parse from text from all forms of text, and from references.
macro_rules! from_text {
    ($($type:ty),+ $(,)?) => {$(
        impl TryFrom<&str> for $type {
            type Error = $crate::model::invalid_argument::InvalidArgument;

            fn try_from(text: &str) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<String> for $type {
            type Error = $crate::model::invalid_argument::InvalidArgument;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl TryFrom<&String> for $type {
            type Error = $crate::model::invalid_argument::InvalidArgument;

            fn try_from(text: &String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<&$type> for $type {
            fn from(value: &$type) -> Self {
                Clone::clone(value)
            }
        }
    )+};
}
pub(crate) use from_text;
from_text!(
    PromptId,
    VersionId,
    BlobId,
    OperationId,
    Seal,
    GroupId,
    PromptName,
    EnvironmentName,
);

macro_rules! into_text {
    ($($type:ty),+) => {$(
        impl From<$type> for String {
            fn from(value: $type) -> Self {
                value.to_string()
            }
        }
    )+};
}
into_text!(
    PromptId,
    VersionId,
    BlobId,
    OperationId,
    Seal,
    GroupId,
    PromptName,
    EnvironmentName
);
