//! The text of an error together with its causes.

use std::error::Error;

/// Returns the message of an error, followed by those of all its sources.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let causes = std::iter::successors(error.source(), |&cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
