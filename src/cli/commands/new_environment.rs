//! The note that an environment is new to the store, which a mistyped name often is.

use crate::cli::error::CommandResult;
use crate::cli::session::Session;
use crate::cli::text;
use crate::{EnvironmentName, Store};

/// The maximum number of known environments that the note lists.
const MAX_LISTED: usize = 12;

/// An environment that no prompt had before the command.
pub(super) struct NewEnvironment {
    name: EnvironmentName,
    known: Vec<EnvironmentName>,
}

impl NewEnvironment {
    /// Returns the environment of this name if no prompt has it, and prompts have others.
    pub(super) fn of(store: &Store, name: Option<&EnvironmentName>) -> CommandResult<Option<Self>> {
        let Some(name) = name else {
            return Ok(None);
        };
        if store.environment_list()?.is_some() {
            // A name that is not in the list is refused.
            return Ok(None);
        }
        let known = store.environment_names()?;
        let is_new = !known.is_empty() && !known.contains(name);
        Ok(is_new.then(|| Self {
            name: name.clone(),
            known,
        }))
    }

    pub(super) fn note(&self, session: &Session) {
        let names = self.known.iter().take(MAX_LISTED);
        let mut known: Vec<String> = names.map(|name| text::line(name.as_str())).collect();
        if self.known.len() > MAX_LISTED {
            known.push(format!("and {} more", self.known.len() - MAX_LISTED));
        }
        session.note(&format!(
            "new environment {}; known: {}",
            text::quoted(self.name.as_str()),
            known.join(", ")
        ));
    }
}
