//! The differences between two lockfiles.

use std::collections::HashMap;
use std::fmt;

use super::lock::{LockedPrompt, Lockfile};
use crate::model::id::{EnvironmentName, PromptId, PromptName, Seal, VersionId};
use crate::model::shown::Escaped;
use crate::model::version_number::VersionNumber;

/// A difference between a lockfile and an earlier one. Its text form is one line of plain words.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockDrift {
    /// The lockfile is of another environment.
    Environment {
        /// The environment before.
        before: EnvironmentName,
        /// The environment now.
        after: EnvironmentName,
    },
    /// A prompt that is new.
    Added(LockedPrompt),
    /// A prompt that no longer exists.
    Removed(LockedPrompt),
    /// A prompt whose name changed.
    Renamed {
        /// The prompt's id.
        id: PromptId,
        /// The name before.
        before: PromptName,
        /// The name now.
        after: PromptName,
    },
    /// A prompt whose environment points to a version of another number.
    Renumbered {
        /// The prompt as it is now.
        prompt: LockedPrompt,
        /// The number before.
        before: VersionNumber,
    },
    /// A prompt of the same number, whose text changed.
    Changed {
        /// The prompt as it is now.
        prompt: LockedPrompt,
        /// Whether the stored body is the same, so that a partial must have changed.
        by_partial: bool,
    },
    /// A prompt of the same number and text, but in a version of another id: it was created again.
    Replaced {
        /// The prompt as it is now.
        prompt: LockedPrompt,
        /// The version's id before.
        before: VersionId,
    },
    /// The lockfiles list the same prompts, but the frozen file differs.
    Seal {
        /// The file's seal before.
        before: Seal,
        /// The file's seal now.
        after: Seal,
    },
}

impl Lockfile {
    /// Returns how another lockfile differs from this one; empty if it does not.
    ///
    /// The order is that of this lockfile's prompts, followed by those that only the other one has.
    #[must_use]
    pub fn drift(&self, other: &Self) -> Vec<LockDrift> {
        let mut found = Vec::new();
        if self.environment() != other.environment() {
            found.push(LockDrift::Environment {
                before: self.environment().clone(),
                after: other.environment().clone(),
            });
        }
        let mut rest: HashMap<PromptId, &LockedPrompt> = other
            .prompts()
            .iter()
            .map(|prompt| (prompt.id, prompt))
            .collect();
        for prompt in self.prompts() {
            match rest.remove(&prompt.id) {
                Some(now) => compare(prompt, now, &mut found),
                None => found.push(LockDrift::Removed(prompt.clone())),
            }
        }
        let added = other
            .prompts()
            .iter()
            .filter(|prompt| rest.contains_key(&prompt.id));
        found.extend(added.cloned().map(LockDrift::Added));
        if found.is_empty() && self.frozen() != other.frozen() {
            found.push(LockDrift::Seal {
                before: self.frozen(),
                after: other.frozen(),
            });
        }
        found
    }
}

fn compare(before: &LockedPrompt, after: &LockedPrompt, found: &mut Vec<LockDrift>) {
    if before.name != after.name {
        found.push(LockDrift::Renamed {
            id: after.id,
            before: before.name.clone(),
            after: after.name.clone(),
        });
    }
    let prompt = after.clone();
    if before.number != after.number {
        let before = before.number;
        found.push(LockDrift::Renumbered { prompt, before });
    } else if (before.hash, before.source) != (after.hash, after.source) {
        let by_partial = before.source == after.source;
        found.push(LockDrift::Changed { prompt, by_partial });
    } else if before.version != after.version {
        let before = before.version;
        found.push(LockDrift::Replaced { prompt, before });
    }
}

impl fmt::Display for LockDrift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { before, after } => {
                write!(f, "the environment was {before} and is {after}")
            }
            Self::Added(prompt) => write!(
                f,
                "{} was added with version {}",
                DisplayPrompt(prompt),
                prompt.number
            ),
            Self::Removed(prompt) => {
                write!(
                    f,
                    "{} was removed; it had version {}",
                    DisplayPrompt(prompt),
                    prompt.number
                )
            }
            Self::Renamed { id, before, after } => {
                let [before, after] = [before, after].map(|name| Escaped(name.as_str()));
                write!(f, "{before} ({id}) was renamed to {after}")
            }
            Self::Renumbered { prompt, before } => {
                write!(
                    f,
                    "{} went from {before} to {}",
                    DisplayPrompt(prompt),
                    prompt.number
                )
            }
            Self::Changed {
                prompt,
                by_partial: true,
            } => {
                write!(
                    f,
                    "{} still has version {}, but one of its partials changed",
                    DisplayPrompt(prompt),
                    prompt.number
                )
            }
            Self::Changed { prompt, .. } => {
                write!(
                    f,
                    "{} still has version {}, but its body changed",
                    DisplayPrompt(prompt),
                    prompt.number
                )
            }
            Self::Replaced { prompt, before } => {
                let LockedPrompt {
                    number, version, ..
                } = prompt;
                write!(
                    f,
                    "{} {number} is a different version: {version} instead of {before}",
                    DisplayPrompt(prompt)
                )
            }
            Self::Seal { before, after } => {
                write!(
                    f,
                    "the prompts are the same, but the file differs: {after} instead of {before}"
                )
            }
        }
    }
}

/// Displays a prompt by its name and id.
struct DisplayPrompt<'a>(&'a LockedPrompt);

impl fmt::Display for DisplayPrompt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", Escaped(self.0.name.as_str()), self.0.id)
    }
}
