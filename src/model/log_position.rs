//! Log positions: places in a store's history.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::model::id::OperationId;
use crate::model::invalid_argument::InvalidArgument;

/// A position in a store's history: after one of its operations.
///
/// As text, it is the operation's number and id: `12-9f86…`. The id distinguishes it from a
/// position in another history, such as that of a store that was restored from an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LogPosition {
    pub(crate) number: u64,
    pub(crate) id: OperationId,
}

impl LogPosition {
    /// The position before the first operation of any store.
    pub const START: Self = Self {
        number: 0,
        id: OperationId::ROOT,
    };

    /// Returns the position after the last operation, given its number and id.
    pub(crate) fn after_last(operation: Option<(u64, OperationId)>) -> Self {
        operation.map_or(Self::START, |(number, id)| Self { number, id })
    }

    /// Returns the number of the operation before the position, or 0 for the start.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.number, self.id)
    }
}

impl FromStr for LogPosition {
    type Err = InvalidArgument;

    fn from_str(text: &str) -> Result<Self, InvalidArgument> {
        let parts = text.split_once('-');
        let parsed = parts.and_then(|(number, id)| {
            let (number, id) = (number.parse().ok()?, id.parse().ok()?);
            Some(Self { number, id })
        });
        parsed.ok_or_else(|| {
            let reason = "expected an operation's number and id, such as 12-9f86…";
            InvalidArgument::new("position", text, reason)
        })
    }
}

impl<'de> Deserialize<'de> for LogPosition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl Serialize for LogPosition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
