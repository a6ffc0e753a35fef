//! Replay of the operations into the environment list.

use crate::model::environment_list::described;
use crate::model::id::EnvironmentName;
use crate::model::record::Change;

/// The environment list after the operations so far.
#[derive(Default)]
pub(super) struct ReplayedList(Option<Vec<EnvironmentName>>);

impl ReplayedList {
    /// Applies the changes of an operation. If one contradicts the list, the error says how.
    pub(super) fn apply(&mut self, changes: &[Change]) -> Result<(), String> {
        for change in changes {
            let Change::EnvironmentList { before, after } = change else {
                continue;
            };
            let expected = std::mem::replace(&mut self.0, after.clone());
            if expected != *before {
                let (expected, recorded) =
                    (described(expected.as_deref()), described(before.as_deref()));
                return Err(format!(
                    "it changes the environment list from {recorded}, but that was {expected}"
                ));
            }
        }
        Ok(())
    }

    /// Compares the list with that of the index. If they differ, the text says how.
    pub(super) fn compare(&self, found: Option<Vec<EnvironmentName>>) -> Option<String> {
        if self.0 == found {
            return None;
        }
        let (found, replayed) = (described(found.as_deref()), described(self.0.as_deref()));
        Some(format!(
            "the environment list is {found}, but the operations say {replayed}"
        ))
    }
}
