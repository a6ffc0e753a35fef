//! `ops`.

use std::collections::HashMap;

use serde_json::json;

use crate::cli::args::Operations;
use crate::cli::failure::Outcome;
use crate::cli::output::{DIM, NAME, PLAIN};
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cli::text;
use crate::{
    Change, Error, Operation, OperationFilter, PromptId, PromptRef, PromptState, Store, Version,
    VersionId,
};

pub(super) fn operations(args: &Operations, session: &Session) -> Outcome {
    let store = session.reader()?;
    let filter = OperationFilter {
        prompt: args
            .prompt
            .as_ref()
            .map(|prompt| id_of(&store, prompt))
            .transpose()?,
        environment: args.env.clone(),
    };
    let most = args.amount.most();
    // One more than is asked for tells whether there are more.
    let mut operations = store.operations(&filter, None, most.saturating_add(1))?;
    let more = operations.len() > most;
    operations.truncate(most);
    session.answer(
        || json!({"operations": operations, "more": more}),
        || table(&store, &operations),
    )?;
    if operations.is_empty() {
        session.note("no operations");
    }
    if more {
        session.note("there are older operations: -n N or --all shows them");
    }
    Ok(())
}

/// A prompt's id, also of one that is deleted if it is named by it.
fn id_of(store: &Store, prompt: &PromptRef) -> Outcome<PromptId> {
    match (store.prompt(prompt.clone()), prompt) {
        (Ok(prompt), _) => Ok(prompt.id),
        (Err(Error::PromptNotFound { .. }), PromptRef::Id(id) | PromptRef::IdOrName(id)) => Ok(*id),
        (Err(error), _) => Err(error.into()),
    }
}

fn table(store: &Store, operations: &[Operation]) -> String {
    let mut words = Words::of(store);
    let mut table = Table::new(&["OP", "DATE", "AUTHOR", "WHAT", "PROMPT", "CHANGES"]);
    for operation in operations {
        let content = &operation.content;
        let mut prompts: Vec<PromptId> = content.changes.iter().map(Change::prompt).collect();
        prompts.dedup();
        let names = prompts.into_iter().map(|id| words.prompt(id));
        let names = names.collect::<Vec<_>>().join(" ");
        let changes = content.changes.iter().map(|change| words.change(change));
        let changes = changes.collect::<Vec<_>>().join("; ");
        table.row([
            (operation.number.to_string(), DIM),
            (text::moment(content.at), PLAIN),
            (text::line(&content.author), PLAIN),
            (content.kind.as_str().replace('_', " "), PLAIN),
            (names, NAME),
            (changes, PLAIN),
        ]);
    }
    table.text()
}

/// Puts changes in words, with names and numbers for ids where there still are such.
struct Words<'a> {
    store: &'a Store,
    prompts: HashMap<PromptId, String>,
    versions: HashMap<VersionId, String>,
}

impl<'a> Words<'a> {
    fn of(store: &'a Store) -> Self {
        Self {
            store,
            prompts: HashMap::new(),
            versions: HashMap::new(),
        }
    }

    fn prompt(&mut self, id: PromptId) -> String {
        let store = self.store;
        let name = self
            .prompts
            .entry(id)
            .or_insert_with(|| match store.prompt(id) {
                Ok(prompt) => text::line(prompt.name.as_str()),
                Err(_) => id.to_string(),
            });
        name.clone()
    }

    fn version(&mut self, prompt: PromptId, id: VersionId) -> String {
        if !self.versions.contains_key(&id) {
            match self.store.version(id) {
                Ok(version) => self.learn(&version),
                Err(_) => self.learn_all(prompt),
            }
        }
        self.versions
            .get(&id)
            .cloned()
            .unwrap_or_else(|| id.to_string())
    }

    fn learn(&mut self, version: &Version) {
        self.versions.insert(version.id, version.number.to_string());
    }

    /// Learns the numbers of all versions that a prompt ever had: those of deleted ones are in its history only.
    fn learn_all(&mut self, prompt: PromptId) {
        let filter = OperationFilter::default().prompt(prompt);
        let history = self
            .store
            .operations(&filter, None, usize::MAX)
            .unwrap_or_default();
        for change in history
            .iter()
            .flat_map(|operation| &operation.content.changes)
        {
            if let Change::VersionCreated(version) = change {
                self.learn(version);
            }
        }
    }

    fn change(&mut self, change: &Change) -> String {
        match change {
            Change::Prompt { before, after, .. } => state_change(before.as_ref(), after.as_ref()),
            Change::VersionCreated(version) => {
                self.learn(version);
                format!(
                    "{} {}",
                    version.number,
                    quoted(&text::summary(&version.message))
                )
            }
            Change::VersionDeleted { prompt, id } => {
                format!("{} deleted", self.version(*prompt, *id))
            }
            Change::VersionRestored { prompt, id } => {
                format!("{} came back", self.version(*prompt, *id))
            }
            Change::Environment {
                prompt,
                name,
                before,
                after,
                reason,
            } => {
                let mut held = |id: &Option<VersionId>| {
                    id.map_or_else(|| "none".into(), |id| self.version(*prompt, id))
                };
                let (before, after) = (held(before), held(after));
                let why = reason.as_deref().map(text::summary);
                let why = why.map_or_else(String::new, |why| format!(" {}", quoted(&why)));
                format!("{}: {before} → {after}{why}", text::line(name.as_str()))
            }
        }
    }
}

fn state_change(before: Option<&PromptState>, after: Option<&PromptState>) -> String {
    let named = |state: &PromptState| quoted(&text::line(state.name.as_str()));
    match (before, after) {
        (None, Some(after)) => format!("{} made", named(after)),
        (Some(before), None) => format!("{} deleted", named(before)),
        (Some(before), Some(after)) if before.name != after.name => {
            format!("{} → {}", named(before), named(after))
        }
        (_, Some(after)) => {
            let tags: Vec<String> = after
                .tags
                .iter()
                .map(|tag| quoted(&text::line(tag)))
                .collect();
            format!("tags [{}]", tags.join(", "))
        }
        (None, None) => String::new(),
    }
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
