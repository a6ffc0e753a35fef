//! The commands `environments list`, `environments add` and `environments remove`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::describe::name_list;
use super::lint::warn_of_environment_name;
use crate::cli::args::environments::EnvironmentListArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{DIM, ENVIRONMENT, NUMBER};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::{EnvironmentName, Store, View};

pub(super) fn run(args: &EnvironmentListArgs, session: &Session) -> CommandResult {
    match args {
        EnvironmentListArgs::List { as_of } => list(&session.view(as_of)?, session),
        EnvironmentListArgs::Add { names } => {
            let store = session.store()?;
            for name in names {
                warn_of_environment_name(&store, name.as_str(), session);
            }
            let changed = change(&store, session, |store| {
                store.add_to_environment_list(names).map(Some)
            });
            changed.map_err(|failure| with_names_in_use(failure, &store, names))
        }
        EnvironmentListArgs::Remove { all: true, .. } => {
            change(&session.store()?, session, |store| {
                store.remove_environment_list()?;
                Ok(None)
            })
        }
        EnvironmentListArgs::Remove { names, .. } => {
            let store = session.store()?;
            let is_all = |list: &[EnvironmentName]| list.iter().all(|name| names.contains(name));
            if store.environment_list()?.is_some_and(|list| is_all(&list)) {
                return Err(Failure::usage("a list has one name at least")
                    .hint("promptbook environments remove --all removes the list"));
            }
            change(&store, session, |store| {
                store.remove_from_environment_list(names)
            })
        }
    }
}

/// Adds the command that names the environments in use too, if a new list lacks them.
fn with_names_in_use(failure: Failure, store: &Store, names: &[EnvironmentName]) -> Failure {
    let in_use = store.environment_names().unwrap_or_default();
    if failure.exit() != Exit::Conflict || in_use.is_empty() {
        return failure;
    }
    let others = in_use.iter().filter(|name| !names.contains(name));
    let all = names.iter().chain(others);
    let all: Vec<String> = all.map(|name| text::shell_word(name.as_str())).collect();
    failure.hint(format!(
        "promptbook environments add {} makes a list with them; \
         promptbook help env remove explains how a prompt loses one",
        all.join(" ")
    ))
}

fn change(
    store: &Store,
    session: &Session,
    change: impl FnOnce(&Store) -> crate::Result<Option<Vec<EnvironmentName>>>,
) -> CommandResult {
    let before = store.environment_list()?;
    let after = change(store)?;
    session.report(
        CompletedChange::Operations(store),
        || json!({"environments": after, "before": before}),
        || {
            let (now, was) = (name_list(after.as_deref()), name_list(before.as_deref()));
            if before == after {
                return format!("The environments are already {now}\n");
            }
            format!("The environments are now {now}, they were {was}\n")
        },
    )
}

/// An environment that is in the list, or that prompts have.
struct EnvironmentRow {
    name: EnvironmentName,
    is_listed: bool,
    /// The number of prompts that have it.
    prompts: u64,
}

fn list(view: &View, session: &Session) -> CommandResult {
    let list = view.environment_list()?;
    let rows = rows(view, list.as_deref())?;
    let has_list = list.is_some();
    let json = || {
        let rows = rows.iter().map(
            |row| json!({"environment": row.name, "prompts": row.prompts, "listed": row.is_listed}),
        );
        json!({"environments": list, "in_use": rows.collect::<Vec<Value>>()})
    };
    session.write_output(json, || table(&rows, has_list))?;
    if !has_list {
        session.note(
            "there is no list, so environments can have any name; \
             promptbook environments add NAME… makes one",
        );
    }
    Ok(())
}

fn table(rows: &[EnvironmentRow], has_list: bool) -> String {
    let mut table = TextTable::new(&["ENVIRONMENT", "PROMPTS", ""]);
    for row in rows {
        let is_other = has_list && !row.is_listed;
        table.row([
            (text::line(row.name.as_str()), ENVIRONMENT),
            (row.prompts.to_string(), NUMBER),
            (if is_other { "not in the list" } else { "" }.into(), DIM),
        ]);
    }
    table.text()
}

/// Returns the environments of the list in its order, and then the others in use, by name.
fn rows(view: &View, list: Option<&[EnvironmentName]>) -> CommandResult<Vec<EnvironmentRow>> {
    let mut in_use: BTreeMap<EnvironmentName, u64> = BTreeMap::new();
    for prompt in view.prompts() {
        for environment in prompt?.environments {
            *in_use.entry(environment.name).or_default() += 1;
        }
    }
    let listed = list.unwrap_or_default().iter().map(|name| EnvironmentRow {
        name: name.clone(),
        is_listed: true,
        prompts: in_use.remove(name).unwrap_or_default(),
    });
    let mut rows: Vec<EnvironmentRow> = listed.collect();
    rows.extend(in_use.into_iter().map(|(name, prompts)| EnvironmentRow {
        name,
        is_listed: false,
        prompts,
    }));
    Ok(rows)
}
