//! The parts of errors that name a version or a prompt.

use std::fmt;

use crate::model::id::{PromptId, PromptName, VersionId};
use crate::model::record::Version;
use crate::model::shown::Escaped;
use crate::model::version_number::VersionNumber;
use crate::template::Problem;

/// A version in an error: its id and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionLabel {
    /// The version's id.
    pub id: VersionId,
    /// The version's number.
    pub number: VersionNumber,
}

impl From<&Version> for VersionLabel {
    fn from(version: &Version) -> Self {
        Self {
            id: version.id,
            number: version.number,
        }
    }
}

impl fmt::Display for VersionLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number, self.id)
    }
}

/// One reason why a prompt cannot be frozen.
///
/// As text: the prompt's name and id, and the problem with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FreezeProblem {
    /// The prompt's id.
    pub prompt: PromptId,
    /// The prompt's name.
    pub name: PromptName,
    /// The problem of its body, or of a body that its partials name.
    pub problem: Problem,
}

impl fmt::Display for FreezeProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Escaped(self.name.as_str());
        write!(f, "{name} ({}): {}", self.prompt, self.problem)
    }
}
