//! The command `ops`.

use serde_json::json;

use super::describe::PlainWords;
use crate::cli::args::OperationsArgs;
use crate::cli::error::CommandResult;
use crate::cli::limited::limited;
use crate::cli::output::{DIM, NAME, PLAIN};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::history::{Change, Operation};
use crate::{Error, PromptId, PromptRef, View};

pub(super) fn operations(args: &OperationsArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let mut list = store.operations();
    if let Some(prompt) = &args.prompt {
        list = list.prompt(id_of(&store, prompt)?);
    }
    if let Some(environment) = &args.env {
        list = list.environment(environment.clone());
    }
    if let Some(author) = session.author_filter() {
        list = list.author(author);
    }
    let (operations, more) = limited(args.amount.limit(), |limit| list.page(None, limit))?;
    session.write_output(
        || json!({"operations": operations, "more": more}),
        || table(&store, &operations),
    )?;
    if operations.is_empty() && !more {
        session.note("no operations");
    }
    session.note_more(more, "older operations");
    Ok(())
}

/// Returns the kind of an operation and the operations that it undoes.
pub(super) fn what(operation: &Operation) -> String {
    let kind = operation.content.kind.as_str().replace('_', " ");
    let undoes = operation
        .content
        .undoes
        .iter()
        .map(|number| format!(" {number}"));
    kind + &undoes.collect::<String>()
}

/// Returns a prompt's id. A deleted prompt is found by its id only.
pub(super) fn id_of(store: &View, prompt: &PromptRef) -> CommandResult<PromptId> {
    match (store.prompt(prompt.clone()), prompt) {
        (Ok(prompt), _) => Ok(prompt.id),
        (
            Err(error @ Error::PromptNotFound { .. }),
            PromptRef::Id(id) | PromptRef::IdOrName(id),
        ) => {
            if store.operations().prompt(*id).page(None, 1)?.is_empty() {
                Err(error.into())
            } else {
                Ok(*id)
            }
        }
        (Err(error), _) => Err(error.into()),
    }
}

fn table(store: &View, operations: &[Operation]) -> String {
    let mut words = PlainWords::of(store);
    let mut table = TextTable::new(&["OP", "DATE", "AUTHOR", "WHAT", "PROMPT", "CHANGES"]);
    for operation in operations {
        let content = &operation.content;
        let mut prompts: Vec<PromptId> =
            content.changes.iter().filter_map(Change::prompt).collect();
        prompts.dedup();
        let names = prompts
            .into_iter()
            .map(|id| words.prompt(id))
            .collect::<Vec<_>>()
            .join(" ");
        let changes = content
            .changes
            .iter()
            .map(|change| words.change(change))
            .collect::<Vec<_>>()
            .join("; ");
        table.row([
            (operation.number.to_string(), DIM),
            (text::moment(content.at), PLAIN),
            (text::line(&content.author), PLAIN),
            (what(operation), PLAIN),
            (names, NAME),
            (changes, PLAIN),
        ]);
    }
    table.text()
}
