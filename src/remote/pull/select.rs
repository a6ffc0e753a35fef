//! [`SelectedPrompts`], the prompts that a transfer is limited to.

use std::collections::BTreeSet;

use crate::remote::error::RemoteError;
use crate::storage::Snapshot;
use crate::{PromptId, PromptName};

/// The prompts that a transfer is limited to, by their ids on either side; none for all.
#[derive(Clone, Debug)]
pub(in crate::remote) struct SelectedPrompts(Option<BTreeSet<PromptId>>);

impl SelectedPrompts {
    /// Finds the prompts that names or ids refer to, here or there.
    pub(in crate::remote) fn of<'a>(
        wanted: &[String],
        snapshot: &dyn Snapshot,
        there: impl Iterator<Item = (PromptId, &'a PromptName)> + Clone,
        link: impl Fn(PromptId) -> Option<PromptId>,
    ) -> Result<Self, RemoteError> {
        if wanted.is_empty() {
            return Ok(Self(None));
        }
        let mut selected = BTreeSet::new();
        for text in wanted {
            let mut found = BTreeSet::new();
            if let Ok(name) = text.parse::<PromptName>() {
                found.extend(snapshot.prompts_named(&name).map_err(crate::Error::from)?);
            }
            // A prompt that is linked by another id counts once.
            let named = there.clone().filter(|(_, name)| name.as_str() == text);
            found.extend(named.map(|(id, _)| link(id).unwrap_or(id)));
            if found.len() > 1 {
                return Err(RemoteError::PromptAmbiguous {
                    prompt: text.clone(),
                });
            }
            if found.is_empty()
                && let Ok(id) = text.parse::<PromptId>()
                && (snapshot.prompt_id_taken(id).map_err(crate::Error::from)?
                    || there.clone().any(|(other, _)| other == id))
            {
                found.insert(link(id).unwrap_or(id));
            }
            if found.is_empty() {
                return Err(RemoteError::PromptNotFound {
                    prompt: text.clone(),
                });
            }
            selected.extend(found);
        }
        Ok(Self(Some(selected)))
    }

    /// Returns whether a prompt with this id here belongs to the selection.
    pub(in crate::remote) fn contains(&self, here: PromptId) -> bool {
        self.0
            .as_ref()
            .is_none_or(|selected| selected.contains(&here))
    }
}
