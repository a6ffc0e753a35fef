//! The exit codes.

use crate::ErrorKind;

/// How the command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Success = 0,
    /// Anything that has no code of its own: reading or writing failed, a full disk, missing rights.
    Failure = 1,
    /// The command line, or what it gives (a name, a selector, a body), is malformed.
    Usage = 2,
    /// The store, prompt, version or environment is not there, or a name is not enough to tell which.
    NotFound = 3,
    /// What is there is not what was expected, or stands in the way.
    Conflict = 4,
    /// The bump rules refuse the version.
    Refused = 5,
    /// What the store holds is not what was put in.
    Damaged = 6,
    /// A body could not be filled with the inputs.
    NotRendered = 7,
    /// A flush failed: the change may or may not have taken place.
    Unknown = 8,
    /// The change took place, and its report could not be written.
    Unreported = 9,
}

/// Every error of the library ends the command by this table.
impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Invalid => Self::Usage,
            ErrorKind::NotFound | ErrorKind::Ambiguous => Self::NotFound,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Refused => Self::Refused,
            ErrorKind::Corrupt => Self::Damaged,
            ErrorKind::Unrenderable => Self::NotRendered,
            ErrorKind::OutcomeUnknown => Self::Unknown,
            ErrorKind::Busy
            | ErrorKind::Full
            | ErrorKind::ReadOnly
            | ErrorKind::Cancelled
            | ErrorKind::Unavailable
            | ErrorKind::Other => Self::Failure,
        }
    }
}

/// The codes, as `--help` tells them.
pub(crate) const HELP: &str = "\
Exit codes:
  0  done
  1  failed: reading, writing, missing rights, a full disk
  2  usage: an argument, a name, a selector or a body is malformed
  3  not found: no such store, prompt, version or environment, or several of the name
  4  conflict: an expectation is not met, or something is in the way
  5  refused by the bump rules
  6  damaged: the index or a body is not what was stored, or verify found violations
  7  not rendered: inputs are missing, not asked for or of another type
  8  unknown: a flush failed, and the change may or may not have taken place
  9  unreported: the change took place, and its report could not be written";
