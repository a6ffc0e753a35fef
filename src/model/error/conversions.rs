//! Conversions of the errors of other files and layers into [`Error`].

use std::convert::Infallible;

use super::open_error::OpenError;
use super::variants::Error;
use crate::model::body::NotUnicode;
use crate::storage;

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<storage::StorageError> for Error {
    fn from(error: storage::StorageError) -> Self {
        match error.kind() {
            storage::StorageErrorKind::ReadOnly => Self::ReadOnly,
            storage::StorageErrorKind::Poisoned => Self::Poisoned,
            _ => Self::Storage(error),
        }
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        match error {
            OpenError::Storage(error) => error.into(),
            OpenError::InvalidArgument(error) => Self::InvalidArgument(error),
            error => Self::Open(error),
        }
    }
}

impl From<NotUnicode> for Error {
    fn from(error: NotUnicode) -> Self {
        Self::CorruptBody {
            blob: error.blob,
            version: None,
            reason: error.to_string(),
        }
    }
}
