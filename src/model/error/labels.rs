//! The parts of errors that name a version or a prompt.

use std::fmt;

use crate::model::id::{EnvironmentName, PromptId, PromptName, VersionId};
use crate::model::record::Version;
use crate::model::shown::{Escaped, Quoted};
use crate::model::version_number::VersionNumber;
use crate::template::Problem;

/// A prompt in an error: its id and name.
///
/// As text: the name in quotation marks, or the id if no live prompt has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptLabel {
    /// The prompt's id.
    pub id: PromptId,
    /// The prompt's name; none if the prompt does not exist or was deleted.
    pub name: Option<PromptName>,
}

impl fmt::Display for PromptLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => Quoted(name.as_str()).fmt(f),
            None => self.id.fmt(f),
        }
    }
}

/// A version in an error: its id and number.
///
/// As text: the number.
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
        self.number.fmt(f)
    }
}

/// A version and its prompt in an error.
///
/// As text: `version 1.0 of "greeting"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PromptVersionLabel {
    /// The prompt.
    pub prompt: PromptLabel,
    /// The version.
    pub version: VersionLabel,
}

impl fmt::Display for PromptVersionLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "version {} of {}", self.version, self.prompt)
    }
}

/// The pointer that a [`Conflict`](super::Error::Conflict) is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConflictSubject {
    /// The highest version of the prompt.
    Head,
    /// An environment of the prompt.
    Environment(EnvironmentName),
}

impl fmt::Display for ConflictSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("the highest version"),
            Self::Environment(name) => write!(f, "environment {name}"),
        }
    }
}

/// An environment in an error, with the prompts that have it.
///
/// As text: the environment's name, and the names of the prompts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvironmentUse {
    /// The environment.
    pub environment: EnvironmentName,
    /// The first of the prompts that have it, newest first.
    pub prompts: Vec<PromptLabel>,
    /// The number of prompts that have it.
    pub count: u64,
}

impl EnvironmentUse {
    /// Returns a use by no prompt.
    pub(crate) fn of(environment: EnvironmentName) -> Self {
        Self {
            environment,
            prompts: Vec::new(),
            count: 0,
        }
    }
}

impl fmt::Display for EnvironmentUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, of ", Escaped(self.environment.as_str()))?;
        let names: Vec<String> = self.prompts.iter().map(PromptLabel::to_string).collect();
        f.write_str(&names.join(", "))?;
        match self.count.saturating_sub(names.len() as u64) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
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
