//! The command `undo`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::describe::{PlainWords, name_list};
use super::dry_run::dry_run;
use super::users::Users;
use crate::cli::args::history::UndoArgs;
use crate::cli::confirm::Question;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::session::Session;
use crate::cli::text;
use crate::history::{Change, Operation};
use crate::{Batch, EnvironmentName, Error, PromptId, Store};

/// The maximum number of changes that the report of an undo lists.
const MAX_LISTED: usize = 20;

pub(super) fn undo(args: &UndoArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let mut confirmed = None;
    if !args.yes {
        let Some(preview) = dry_run(&store, |batch| make(batch, args))? else {
            return report(&store, None, session);
        };
        let consequences = consequences(&store, &preview)?;
        if !consequences.is_empty() {
            let question = Question::new(format!("undo {}", described(&undone(&store, &preview)?)))
                .consequences(consequences);
            if !question.ask()? {
                session.note("nothing was undone");
                return Ok(());
            }
        }
        confirmed = Some(preview.content.changes);
    }
    let mut is_other = false;
    let done = store.batch(|batch| {
        let done = make(batch, args)?;
        // What was confirmed is what is done.
        let is_this =
            |changes: &Vec<Change>| matches!(&done, Some(done) if done.content.changes == *changes);
        is_other = confirmed.as_ref().is_some_and(|changes| !is_this(changes));
        if is_other {
            Err(Error::Cancelled)
        } else {
            Ok(done)
        }
    });
    if is_other {
        let message = "the store changed meanwhile; nothing was undone";
        return Err(Failure::conflict(message).hint("repeat the command"));
    }
    report(&store, done?, session)
}

/// Makes the undo that the arguments ask for.
fn make(batch: &mut Batch<'_>, args: &UndoArgs) -> crate::Result<Option<Operation>> {
    match (args.group, args.operation) {
        (Some(group), _) => batch.undo_group(group).map(Some),
        (None, Some(operation)) if args.also_later => batch.undo_with_later(operation).map(Some),
        (None, Some(operation)) => batch.undo(operation).map(Some),
        (None, None) => batch.undo_newest(),
    }
}

/// Returns what an undo deletes or breaks, one sentence each.
///
/// These are the deletions for which `rm` and `env remove` would ask.
fn consequences(store: &Store, undo: &Operation) -> CommandResult<Vec<String>> {
    let mut words = PlainWords::of(store.as_view());
    let mut sentences = Vec::new();
    let mut deleted: BTreeSet<PromptId> = BTreeSet::new();
    for change in &undo.content.changes {
        if let Change::Prompt {
            id, after: None, ..
        } = change
        {
            sentences.push(format!("{} is deleted", words.prompt(*id)));
            deleted.insert(*id);
        }
    }
    for (prompt, name) in removed_environments(undo) {
        let mut users = Users::of(store, prompt, [name])?;
        for id in &deleted {
            users = users.without(*id);
        }
        sentences.extend(users.consequences());
    }
    Ok(sentences)
}

/// Returns the environments that an operation leaves without a version.
fn removed_environments(undo: &Operation) -> Vec<(PromptId, &EnvironmentName)> {
    let mut removed = Vec::new();
    for change in &undo.content.changes {
        let Change::Environment {
            prompt,
            name,
            after,
            ..
        } = change
        else {
            continue;
        };
        removed.retain(|one| *one != (*prompt, name));
        if after.is_none() {
            removed.push((*prompt, name));
        }
    }
    removed
}

fn report(store: &Store, done: Option<Operation>, session: &Session) -> CommandResult {
    if done.is_none() {
        session.note("no operation is left to undo");
    }
    let completed = CompletedChange::Operations(store);
    let undone = match &done {
        Some(done) => undone(store, done),
        None => Ok(Vec::new()),
    };
    let undone = undone.map_err(|error| Failure::from(error).for_completed_change(completed))?;
    session.report(
        completed,
        || json!({"operation": done, "undone": undone_json(&undone)}),
        || {
            done.as_ref()
                .map_or_else(String::new, |done| words(store, done, &undone))
        },
    )?;
    match &done {
        Some(done) => Ok(note_unlisted(store, done, session)?),
        None => Ok(()),
    }
}

/// Returns the operations that an undo undid, newest first.
fn undone(store: &Store, undo: &Operation) -> crate::Result<Vec<Operation>> {
    let mut operations = Vec::new();
    for number in &undo.content.undoes {
        operations.extend(store.operations().page(Some(number + 1), 1)?);
    }
    Ok(operations)
}

fn undone_json(undone: &[Operation]) -> Value {
    let rows = undone.iter().map(|operation| {
        let content = &operation.content;
        json!({
            "number": operation.number,
            "author": content.author,
            "at": content.at,
            "kind": content.kind,
        })
    });
    rows.collect()
}

/// Describes the operations that an undo undoes, with their authors.
fn described(undone: &[Operation]) -> String {
    let authors: BTreeSet<String> = undone
        .iter()
        .map(|operation| text::name(&operation.content.author))
        .collect();
    let authors = authors.into_iter().collect::<Vec<_>>().join(" and ");
    match undone {
        [one] => format!(
            "operation {} ({} by {authors}, {})",
            one.number,
            one.content.kind.as_str().replace('_', " "),
            text::moment(one.content.at),
        ),
        more => {
            let numbers: Vec<String> = more.iter().map(|one| one.number.to_string()).collect();
            format!("operations {} (by {authors})", numbers.join(", "))
        }
    }
}

fn words(store: &Store, done: &Operation, undone: &[Operation]) -> String {
    let mut text = format!("Undid {} by operation {}\n", described(undone), done.number);
    let mut words = PlainWords::of(store.as_view());
    let changes = &done.content.changes;
    for change in changes.iter().take(MAX_LISTED) {
        let prompt = words.subject(change);
        text.push_str(&format!("  {prompt}  {}\n", words.change(change)));
    }
    if changes.len() > MAX_LISTED {
        let rest = changes.len() - MAX_LISTED;
        text.push_str(&format!(
            "  and {}, which promptbook ops -n 1 lists\n",
            text::count(rest as u64, "more change", "more changes")
        ));
    }
    text
}

/// Notes that prompts have environments that the list does not contain after an undo.
fn note_unlisted(store: &Store, done: &Operation, session: &Session) -> crate::Result<()> {
    let is_of_list = |change: &Change| matches!(change, Change::EnvironmentList { .. });
    if !done.content.changes.iter().any(is_of_list) {
        return Ok(());
    }
    let Some(list) = store.environment_list()? else {
        return Ok(());
    };
    let mut names = store.environment_names()?;
    names.retain(|name| !list.contains(name));
    if !names.is_empty() {
        session.note(&format!(
            "prompts have environments that are not in the list: {}",
            name_list(Some(&names))
        ));
    }
    Ok(())
}
