//! The command `log --env`.

use serde_json::json;

use super::history::id_of;
use crate::cli::args::LogArgs;
use crate::cli::error::CommandResult;
use crate::cli::limited::limited;
use crate::cli::output::{DIM, NUMBER, PLAIN};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::history::{EnvironmentLogEntry, OperationKind};
use crate::{EnvironmentName, PromptRef};

pub(crate) fn log(
    prompt: &PromptRef,
    environment: &EnvironmentName,
    args: &LogArgs,
    session: &Session,
) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let prompt = id_of(&store, prompt)?;
    let author = session.author_filter();
    let (environment_log, more) = limited(args.amount.limit(), |limit| {
        // The log of an environment has no filter, so all of it is read for one author.
        let rows = author.map_or(limit, |_| usize::MAX);
        let mut entries = store.environment_log(prompt, environment.clone(), rows)?;
        entries.retain(|entry| author.is_none_or(|author| entry.author == author));
        Ok::<_, crate::Error>(entries)
    })?;
    session.write_output(
        || json!({"environment_log": environment_log, "more": more}),
        || table(&environment_log),
    )?;
    if environment_log.is_empty() && !more {
        session.note("the environment never pointed to a version");
    }
    session.note_more(more, "older entries");
    Ok(())
}

fn table(environment_log: &[EnvironmentLogEntry]) -> String {
    let mut table = TextTable::new(&["VERSION", "FROM", "UNTIL", "BY", "OP", "WHY"]);
    for holding in environment_log {
        let until = holding.until.map_or_else(|| "now".into(), text::moment);
        let why = match (&holding.reason, holding.kind) {
            (Some(reason), _) => text::summary(reason),
            (None, kind @ OperationKind::Undo) => kind.as_str().to_owned(),
            (None, _) => String::new(),
        };
        table.row([
            (holding.number.to_string(), NUMBER),
            (text::moment(holding.from), PLAIN),
            (until, PLAIN),
            (text::line(&holding.author), PLAIN),
            (holding.operation.to_string(), DIM),
            (why, PLAIN),
        ]);
    }
    table.text()
}
