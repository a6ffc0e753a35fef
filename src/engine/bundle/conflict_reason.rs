//! Reasons of merge conflicts, which name prompts and versions as users do.

use crate::engine::visit;
use crate::model::error::{PromptLabel, Result};
use crate::model::id::{PromptId, PromptName, VersionId};
use crate::model::record::Change;
use crate::storage::{Snapshot, read_operation};

/// The reason of a merge conflict, before the names in it are looked up.
///
/// Reasons have an order that does not depend on the names.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ConflictReason(Vec<ReasonPart>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ReasonPart {
    Text(String),
    /// A prompt, by its name.
    Prompt(PromptId),
    /// A version, by its number and its prompt.
    Version(VersionId),
    /// A version, by its number.
    Number(VersionId),
}

impl<T: Into<String>> From<T> for ConflictReason {
    fn from(text: T) -> Self {
        Self::default().text(text)
    }
}

impl ConflictReason {
    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(ReasonPart::Text(text.into()));
        self
    }

    pub(super) fn prompt(mut self, id: PromptId) -> Self {
        self.0.push(ReasonPart::Prompt(id));
        self
    }

    pub(super) fn version(mut self, id: VersionId) -> Self {
        self.0.push(ReasonPart::Version(id));
        self
    }

    /// Adds the number of a version, or "unset".
    pub(super) fn number(mut self, id: Option<VersionId>) -> Self {
        self.0.push(match id {
            Some(id) => ReasonPart::Number(id),
            None => ReasonPart::Text("unset".into()),
        });
        self
    }

    /// Adds all parts of another reason.
    pub(super) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the reason as text, with the names that a snapshot contains.
    pub(super) fn described(&self, snapshot: &dyn Snapshot) -> Result<String> {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                ReasonPart::Text(part) => text.push_str(part),
                ReasonPart::Prompt(id) => text.push_str(&prompt(snapshot, *id)?),
                ReasonPart::Version(id) => text.push_str(&version(snapshot, *id, true)?),
                ReasonPart::Number(id) => text.push_str(&version(snapshot, *id, false)?),
            }
        }
        Ok(text)
    }
}

fn prompt(snapshot: &dyn Snapshot, id: PromptId) -> Result<String> {
    let name = match snapshot.prompt(id)? {
        Some(prompt) => Some(prompt.name),
        None => last_name(snapshot, id)?,
    };
    Ok(format!("prompt {}", PromptLabel { id, name }))
}

/// Returns the name that a deleted prompt had; none if it never existed.
fn last_name(snapshot: &dyn Snapshot, id: PromptId) -> Result<Option<PromptName>> {
    let look = |number, text: &str| {
        let mut changes = read_operation(number, text)?.changes.into_iter().rev();
        Ok(changes.find_map(|change| match change {
            Change::Prompt {
                id: changed,
                before,
                after,
            } if changed == id => after.or(before).map(|state| state.name),
            _ => None,
        }))
    };
    let name = visit::first(look, |visit| {
        snapshot.each_operation_of(id, u64::MAX, visit)
    })?;
    Ok(name)
}

fn version(snapshot: &dyn Snapshot, id: VersionId, with_prompt: bool) -> Result<String> {
    let Some(row) = snapshot.version_even_deleted(id)? else {
        // Only the bundle contains it.
        return Ok(format!("version {id}"));
    };
    let number = row.version.number;
    if with_prompt {
        let prompt = prompt(snapshot, row.version.prompt_id)?;
        return Ok(format!("version {number} of {prompt}"));
    }
    Ok(number.to_string())
}
