//! Exit codes of the command.

use crate::ErrorKind;

/// An exit code of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    Success = 0,
    /// Any other failure: a read or write failed, permission is missing, or the disk is full.
    Failure = 1,
    /// The command line is malformed, or a name, selector or body in it.
    Usage = 2,
    /// The store, prompt, version or environment does not exist, or several prompts have the name.
    NotFound = 3,
    /// An expectation is not met, or an existing file or entry is in the way.
    Conflict = 4,
    /// The bump rules refuse the version, or the move of an environment.
    Refused = 5,
    /// The store's contents are not what was stored.
    Damaged = 6,
    /// The body could not be rendered with the inputs, or with no inputs at all.
    NotRendered = 7,
    /// A flush failed: the change may or may not have taken place.
    Unknown = 8,
    /// The change took place, but its report could not be written.
    Unreported = 9,
}

/// Maps the library's errors to exit codes.
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

/// The list of exit codes in the output of `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  0  success
  1  failure: a read or write failed, permission is missing, or the disk is full
  2  usage: an argument, name, selector or body is malformed
  3  not found: no such store, prompt, version, environment or file, or an ambiguous name
  4  conflict: an expectation is not met, or an existing file or entry is in the way
  5  refused by the bump rules or the environment list
  6  damaged: the index or a body is not what was stored, or verify found violations
  7  not rendered: inputs are missing, not expected, or of the wrong type, or lint found tags
     that strict rendering refuses
  8  unknown: a flush failed, and the change may or may not have taken place
  9  unreported: the change took place, but its report could not be written";
