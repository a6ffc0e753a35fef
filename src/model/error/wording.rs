//! The texts of errors that depend on their values.

use std::fmt::Display;

use super::labels::VersionLabel;
use crate::model::id::PromptId;
use crate::model::selector::Selector;

pub(super) fn found_or_nothing(found: Option<&VersionLabel>) -> String {
    found.map_or_else(|| "unset".into(), VersionLabel::to_string)
}

pub(super) fn version_not_found(prompt: Option<PromptId>, selector: &Selector) -> String {
    match prompt {
        Some(prompt) => format!("prompt {prompt} has no version {selector}"),
        None => format!("no version {selector}"),
    }
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
