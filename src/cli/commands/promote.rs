//! The command `promote`.

use serde_json::{Value, json};

use super::commit::reasons;
use super::dry_run::dry_run;
use super::environments::number_of;
use super::new_environment::NewEnvironment;
use crate::changes::EnvironmentChange;
use crate::cli::args::PromoteArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{ENVIRONMENT, NAME, NUMBER, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::list::Prompts;
use crate::{EnvironmentUpdate, Prompt, Store, VersionId};

pub(super) fn promote(args: &PromoteArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let prompts = chosen(args, &store)?;
    let updates: Vec<EnvironmentUpdate> =
        prompts.iter().map(|prompt| update(args, prompt)).collect();
    if args.dry_run {
        let moved = dry_run(&store, |batch| batch.update_environments(updates))?;
        let rows = Row::all(&store, &prompts, &moved);
        return session.write_output(|| report_json(args, &rows), || report_text(args, &rows));
    }
    let new = NewEnvironment::of(&store, Some(&args.to))?;
    let moved = store.update_environments(updates)?;
    let rows = Row::all(&store, &prompts, &moved);
    session.report(
        CompletedChange::Operations(&store),
        || report_json(args, &rows),
        || report_text(args, &rows),
    )?;
    if let Some(new) = new {
        new.note(session);
    }
    Ok(())
}

fn update(args: &PromoteArgs, prompt: &Prompt) -> EnvironmentUpdate {
    let mut update = EnvironmentUpdate::set(prompt.id, &args.to, args.from.clone());
    if args.breaking || args.dry_run {
        update = update.allow_breaking();
    }
    match &args.reason {
        Some(reason) => update.reason(reason),
        None => update,
    }
}

/// Returns the prompts that the arguments name, or those with the environment and a tag.
fn chosen(args: &PromoteArgs, store: &Store) -> CommandResult<Vec<Prompt>> {
    if !args.prompts.is_empty() {
        let named = args.prompts.iter().map(|prompt| store.prompt(prompt));
        return Ok(named.collect::<crate::Result<_>>()?);
    }
    let prompts = args.tags.iter().fold(store.prompts(), Prompts::tag);
    let mut found = prompts.page(None, usize::MAX)?;
    found.retain(|prompt| {
        let mut environments = prompt.environments.iter();
        environments.any(|environment| environment.name == args.from)
    });
    Ok(found)
}

/// The effect on one prompt, with numbers instead of ids.
struct Row<'a> {
    prompt: &'a Prompt,
    change: &'a EnvironmentChange,
    before: Option<String>,
    after: Option<String>,
}

impl<'a> Row<'a> {
    fn all(store: &Store, prompts: &'a [Prompt], moved: &'a [EnvironmentChange]) -> Vec<Self> {
        let number = |id: Option<VersionId>| id.map(|id| number_of(store, id));
        let rows = prompts.iter().zip(moved).map(|(prompt, change)| Self {
            prompt,
            change,
            before: number(change.before),
            after: number(change.after),
        });
        rows.collect()
    }

    fn is_changed(&self) -> bool {
        self.change.before != self.change.after
    }
}

fn report_json(args: &PromoteArgs, rows: &[Row<'_>]) -> Value {
    let prompts = rows.iter().map(|row| {
        json!({
            "prompt_id": row.prompt.id,
            "name": row.prompt.name,
            "before": row.before,
            "after": row.after,
            "breaking": json::breakages(&row.change.breakages),
            "changed": row.is_changed(),
        })
    });
    json!({
        "from": args.from,
        "to": args.to,
        "dry_run": args.dry_run,
        "prompts": prompts.collect::<Vec<_>>(),
    })
}

fn report_text(args: &PromoteArgs, rows: &[Row<'_>]) -> String {
    let mut table = TextTable::new(&["PROMPT", "BEFORE", "AFTER", "CALLERS"]);
    let changed: Vec<&Row<'_>> = rows.iter().filter(|row| row.is_changed()).collect();
    let mut breaking = String::new();
    for row in &changed {
        let name = text::name(row.prompt.name.as_str());
        let callers = match row.change.breakages.len() {
            0 => "",
            _ => "break",
        };
        if !row.change.breakages.is_empty() {
            let (from, to) = (row.before.as_deref(), row.after.as_deref());
            breaking.push_str(&format!(
                "{name} {} breaks callers of {}:\n{}",
                to.unwrap_or_default(),
                from.unwrap_or_default(),
                reasons(&row.change.breakages)
            ));
        }
        table.row([
            (name, NAME),
            (row.before.clone().unwrap_or_else(|| "-".into()), NUMBER),
            (row.after.clone().unwrap_or_else(|| "-".into()), NUMBER),
            (callers.to_owned(), PLAIN),
        ]);
    }
    let moved = if args.dry_run { "Would move" } else { "Moved" };
    format!(
        "{}{breaking}{moved} {} of {} to where {} points; {} unchanged\n",
        table.text(),
        paint(ENVIRONMENT, text::line(args.to.as_str())),
        text::count(changed.len() as u64, "prompt", "prompts"),
        paint(ENVIRONMENT, text::line(args.from.as_str())),
        rows.len() - changed.len(),
    )
}
