//! The command `log --env`.

use serde_json::json;

use super::history::id_of;
use crate::cli::args::Log;
use crate::cli::error::Outcome;
use crate::cli::output::{DIM, NUMBER, PLAIN};
use crate::cli::session::Session;
use crate::cli::table::Table;
use crate::cli::text;
use crate::{EnvironmentName, Holding, OperationKind, PromptRef};

pub(crate) fn log(
    prompt: &PromptRef,
    environment: &EnvironmentName,
    args: &Log,
    session: &Session,
) -> Outcome {
    let store = session.view(&args.as_of)?;
    let most = args.amount.most();
    // One more than requested, to see whether there are more.
    let enough = most.saturating_add(1);
    let prompt = id_of(&store, prompt)?;
    let mut holders = store.holders(prompt, environment.clone(), enough)?;
    let more = holders.len() > most;
    holders.truncate(most);
    session.answer(
        || json!({"holders": holders, "more": more}),
        || table(&holders),
    )?;
    if holders.is_empty() && !more {
        session.note("the environment never pointed to a version");
    }
    if more {
        session.note("there are older entries: -n N or --all shows them");
    }
    Ok(())
}

fn table(holders: &[Holding]) -> String {
    let mut table = Table::new(&["VERSION", "FROM", "UNTIL", "BY", "OP", "WHY"]);
    for holding in holders {
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
