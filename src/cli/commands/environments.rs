//! The commands `env list`, `env set` and `env remove`.

use serde_json::{Value, json};

use super::lint::warn_of_environment_name;
use super::prompts::title;
use crate::changes::EnvironmentChange;
use crate::cli::args::history::AsOfArgs;
use crate::cli::args::{EnvArgs, ExpectationArgs};
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{DIM, ENVIRONMENT, NUMBER, PLAIN, paint};
use crate::cli::session::{Session, expected};
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::{EnvironmentName, EnvironmentUpdate, Prompt, PromptRef, Selector, Store, VersionId};

pub(super) fn run(args: &EnvArgs, session: &Session) -> CommandResult {
    match args {
        EnvArgs::List { prompt, as_of } => list(prompt, as_of, session),
        EnvArgs::Set {
            prompt,
            name,
            selector,
            expect,
            reason,
        } => {
            let to = Some(selector.clone());
            change(prompt, name, to, expect.as_ref(), reason, session)
        }
        EnvArgs::Remove {
            prompt,
            name,
            expect,
            reason,
        } => change(prompt, name, None, expect.as_ref(), reason, session),
    }
}

fn list(prompt: &PromptRef, as_of: &AsOfArgs, session: &Session) -> CommandResult {
    let store = session.view(as_of)?;
    let environments = store.environments(prompt.clone())?;
    if environments.is_empty() {
        session.note("no environments");
    }
    let json = || {
        let environments = environments.iter().map(json::environment);
        json!({"environments": environments.collect::<Vec<_>>()})
    };
    let words = || {
        let mut table = TextTable::new(&["ENVIRONMENT", "VERSION", "SINCE", "ID"]);
        for environment in &environments {
            table.row([
                (text::line(environment.name.as_str()), ENVIRONMENT),
                (environment.number.to_string(), NUMBER),
                (text::moment(environment.moved_at), PLAIN),
                (environment.version_id.to_string(), DIM),
            ]);
        }
        table.text()
    };
    session.write_output(json, words)
}

fn change(
    prompt: &PromptRef,
    name: &EnvironmentName,
    to: Option<Selector>,
    expect: Option<&ExpectationArgs>,
    reason: &Option<String>,
    session: &Session,
) -> CommandResult {
    let store = session.store()?;
    let prompt = store.prompt(prompt.clone())?;
    let mut update = match to {
        Some(selector) => {
            warn_of_environment_name(&store, name.as_str(), session);
            EnvironmentUpdate::set(prompt.id, name, selector)
        }
        None => EnvironmentUpdate::remove(prompt.id, name),
    };
    update = update.expect(expected(&store, prompt.id, expect)?);
    if let Some(reason) = reason {
        update = update.reason(reason);
    }
    let moved = store.update_environment(update)?;
    session.report(
        CompletedChange::Operations(&store),
        || json(&store, &moved),
        || words(&store, &prompt, &moved),
    )
}

fn json(store: &Store, moved: &EnvironmentChange) -> Value {
    let held = |id: Option<VersionId>| {
        id.map(
            |id| json!({"id": id, "number": store.version(id).ok().map(|version| version.number)}),
        )
    };
    json!({
        "prompt_id": moved.prompt_id,
        "environment": moved.environment,
        "before": held(moved.before),
        "after": held(moved.after),
        "changed": moved.before != moved.after,
    })
}

fn words(store: &Store, prompt: &Prompt, moved: &EnvironmentChange) -> String {
    // The earlier version may have been deleted after the environment left it.
    let number = |id: VersionId| {
        let version = store.version(id);
        paint(
            NUMBER,
            version.map_or_else(|_| id.to_string(), |version| version.number.to_string()),
        )
    };
    let name = paint(ENVIRONMENT, text::line(moved.environment.as_str()));
    let title = title(prompt);
    match (moved.before.map(number), moved.after.map(number)) {
        (Some(before), Some(after)) if before == after => {
            format!("{name} of {title} is already {after}\n")
        }
        (Some(before), Some(after)) => {
            format!("{name} of {title} is now {after}, it was {before}\n")
        }
        (None, Some(after)) => format!("{name} of {title} is now {after}\n"),
        (Some(before), None) => format!("Removed {name} of {title}, it was {before}\n"),
        (None, None) => format!("{title} has no environment {name}\n"),
    }
}
