//! The command `undo`.

use serde_json::json;

use super::describe::PlainWords;
use crate::Store;
use crate::cli::args::history::UndoArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::session::Session;
use crate::history::Operation;

pub(super) fn undo(args: &UndoArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let done = match (args.group, args.operation) {
        (Some(group), _) => Some(store.undo_group(group)?),
        (None, Some(operation)) if args.also_later => Some(store.undo_with_later(operation)?),
        (None, Some(operation)) => Some(store.undo(operation)?),
        (None, None) => store.undo_newest()?,
    };
    if done.is_none() {
        session.note("no operation is left to undo");
    }
    session.report(
        CompletedChange::Operations(&store),
        || json!({"operation": done}),
        || {
            done.as_ref()
                .map_or_else(String::new, |done| words(&store, done))
        },
    )
}

fn words(store: &Store, done: &Operation) -> String {
    let undone: Vec<String> = done.content.undoes.iter().map(u64::to_string).collect();
    let what = if undone.len() == 1 {
        "operation"
    } else {
        "operations"
    };
    let mut text = format!(
        "Undid {what} {} by operation {}\n",
        undone.join(", "),
        done.number
    );
    let mut words = PlainWords::of(store.as_view());
    for change in &done.content.changes {
        let prompt = words.prompt(change.prompt());
        text.push_str(&format!("  {prompt}  {}\n", words.change(change)));
    }
    text
}
