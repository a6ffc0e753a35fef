//! The texts of errors that depend on their values.

use std::fmt::Display;

use super::labels::{PromptLabel, PromptVersionLabel, VersionLabel};
use crate::model::id::{BlobId, EnvironmentName, VersionId};
use crate::model::selector::Selector;
use crate::model::shown::Escaped;
use crate::model::version_number::VersionNumber;

/// Returns what a compared pointer is, as the end of a sentence.
pub(super) fn state_of_pointer(found: Option<&VersionLabel>) -> String {
    found.map_or_else(|| "does not exist".into(), |found| format!("is {found}"))
}

/// Returns what a compared pointer was expected to be.
pub(super) fn expectation(id: Option<VersionId>, number: Option<VersionNumber>) -> String {
    match (number, id) {
        (Some(number), _) => number.to_string(),
        (None, Some(id)) => format!("version {id}, which does not exist"),
        (None, None) => "none".into(),
    }
}

/// Names a body by its version, or by its address if the version is unknown.
pub(super) fn body(version: Option<&PromptVersionLabel>, blob: BlobId) -> String {
    version.map_or_else(
        || format!("the body {blob}"),
        |version| format!("the body of {version}"),
    )
}

pub(super) fn version_not_found(prompt: Option<&PromptLabel>, selector: &Selector) -> String {
    match prompt {
        Some(prompt) => format!("prompt {prompt} has no version {selector}"),
        None => format!("no version {selector}"),
    }
}

/// Returns the message of a refused move, without its reasons.
pub(crate) fn breaking_move(
    prompt: &PromptLabel,
    environment: &EnvironmentName,
    from: VersionNumber,
    to: Option<VersionNumber>,
) -> String {
    let environment = Escaped(environment.as_str());
    let to = to.map_or_else(|| "the new version".into(), |number| number.to_string());
    format!("{environment} of {prompt} stays at {from}: {to} breaks its callers")
}

pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

pub(super) fn operations_that_depend(later: &[u64]) -> String {
    match later {
        [one] => format!("operation {one} depends"),
        more => format!(
            "operations {} depend",
            more.iter()
                .map(u64::to_string)
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

pub(super) fn list<T: Display>(items: &[T]) -> String {
    let texts: Vec<String> = items.iter().map(T::to_string).collect();
    texts.join("; ")
}
