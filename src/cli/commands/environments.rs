//! The commands `env list`, `env set` and `env remove`.

use serde_json::{Value, json};

use super::lint::warn_of_environment_name;
use super::new_environment::NewEnvironment;
use super::prompts::{plain_title, title};
use super::users::Users;
use crate::changes::EnvironmentChange;
use crate::cli::args::history::AsOfArgs;
use crate::cli::args::{EnvArgs, ExpectationArgs};
use crate::cli::confirm::Question;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{DIM, ENVIRONMENT, NUMBER, PLAIN, paint};
use crate::cli::session::{Session, expected};
use crate::cli::table::TextTable;
use crate::cli::{json, text};
use crate::{EnvironmentName, EnvironmentUpdate, Prompt, PromptRef, Store, VersionId};

pub(super) fn run(args: &EnvArgs, session: &Session) -> CommandResult {
    match args {
        EnvArgs::List { prompt, as_of } => list(prompt, as_of, session),
        EnvArgs::Set {
            prompt,
            name,
            selector,
            breaking,
            expect,
            reason,
        } => {
            let store = session.store()?;
            let prompt = store.prompt(prompt.clone())?;
            let new = NewEnvironment::of(&store, Some(name))?;
            warn_of_environment_name(&store, name.as_str(), session);
            let mut update = EnvironmentUpdate::set(prompt.id, name, selector);
            if *breaking {
                update = update.allow_breaking();
            }
            let conditions = (expect.as_ref(), reason.as_deref());
            change(&store, &prompt, update, conditions, session)?;
            if let Some(new) = new {
                new.note(session);
            }
            Ok(())
        }
        EnvArgs::Remove {
            prompt,
            name,
            expect,
            reason,
            yes,
        } => {
            let store = session.store()?;
            let prompt = store.prompt(prompt.clone())?;
            if !yes && !is_removal_confirmed(&store, &prompt, name)? {
                session.note("nothing was removed");
                return Ok(());
            }
            let update = EnvironmentUpdate::remove(prompt.id, name);
            let conditions = (expect.as_ref(), reason.as_deref());
            change(&store, &prompt, update, conditions, session)
        }
    }
}

/// Asks whether to remove an environment, if others use it as a partial.
fn is_removal_confirmed(
    store: &Store,
    prompt: &Prompt,
    name: &EnvironmentName,
) -> CommandResult<bool> {
    let users = Users::of(store, prompt.id, [name])?;
    if users.is_empty() {
        return Ok(true);
    }
    let name = text::line(name.as_str());
    Question::new(format!("remove {name} of {}", plain_title(prompt)))
        .consequences(users.consequences())
        .ask()
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
    store: &Store,
    prompt: &Prompt,
    update: EnvironmentUpdate,
    (expect, reason): (Option<&ExpectationArgs>, Option<&str>),
    session: &Session,
) -> CommandResult {
    let mut update = update.expect(expected(store, prompt.id, expect)?);
    if let Some(reason) = reason {
        update = update.reason(reason);
    }
    let moved = store.update_environment(update)?;
    if !moved.breakages.is_empty() {
        let reasons = moved.breakages.iter();
        let reasons: Vec<String> = reasons
            .map(|one| format!("\n  - {}: {}", one.place, one.reason))
            .collect();
        let number = |id: Option<VersionId>| {
            let version = id.and_then(|id| store.version(id).ok());
            version.map_or_else(
                || "a version".to_owned(),
                |version| version.number.to_string(),
            )
        };
        session.warn(&format!(
            "{} breaks callers of {}, which {} pointed to:{}",
            number(moved.after),
            number(moved.before),
            text::line(moved.environment.as_str()),
            reasons.concat()
        ));
    }
    session.report(
        CompletedChange::Operations(store),
        || json(store, &moved),
        || words(store, prompt, &moved),
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
        "breaking": json::breakages(&moved.breakages),
        "changed": moved.before != moved.after,
    })
}

fn words(store: &Store, prompt: &Prompt, moved: &EnvironmentChange) -> String {
    let number = |id: VersionId| paint(NUMBER, number_of(store, id));
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

/// Returns the number of a version that an environment pointed to, or its id if it is deleted now.
pub(super) fn number_of(store: &Store, id: VersionId) -> String {
    let version = store.version(id);
    version.map_or_else(|_| id.to_string(), |version| version.number.to_string())
}
