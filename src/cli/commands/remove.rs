//! The command `rm`.

use serde_json::json;

use super::prompts::{plain_title, title};
use super::users::Users;
use crate::cli::args::RemoveArgs;
use crate::cli::confirm::Question;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::output::{NUMBER, paint};
use crate::cli::session::Session;
use crate::cli::{json, text};
use crate::{PromptRef, Selector, VersionId, VersionSpec};

pub(super) fn remove(args: &RemoveArgs, session: &Session) -> CommandResult {
    match VersionSpec::split(&args.spec) {
        (prompt, None) if prompt.parse::<VersionId>().is_err() => {
            remove_prompt(&prompt.parse()?, args.yes, session)
        }
        _ => remove_version(&args.spec.parse()?, args.yes, session),
    }
}

fn remove_prompt(prompt: &PromptRef, yes: bool, session: &Session) -> CommandResult {
    let store = session.store()?;
    let prompt = store.prompt(prompt.clone())?;
    let versions = text::count(prompt.versions, "version", "versions");
    let what = format!("{} and {versions}", title(&prompt));
    let names = prompt.environments.iter().map(|one| &one.name);
    let users = Users::of(&store, prompt.id, names)?.without(prompt.id);
    if !yes {
        let environments = prompt.environments.iter().map(|environment| {
            let name = text::line(environment.name.as_str());
            format!("{name} points to {}", environment.number)
        });
        let mut question = Question::new(format!("delete {} and {versions}", plain_title(&prompt)))
            .consequences(environments)
            .consequences(users.consequences());
        if let Some(latest) = prompt.latest {
            let name = text::name(prompt.name.as_str());
            question = question.alternative(format!("name one version, such as {name}@{latest}"));
        }
        if !question.ask()? {
            session.note("nothing was deleted");
            return Ok(());
        }
    }
    // By its id, so that the prompt that was shown is the one that is deleted.
    let prompt = store.delete_prompt(prompt.id)?;
    session.report(
        CompletedChange::Operations(&store),
        || json!({"prompt": json::prompt(&prompt), "version": null, "users": users.json()}),
        || format!("Deleted {what}\n{}", users.text()),
    )
}

fn remove_version(spec: &VersionSpec, yes: bool, session: &Session) -> CommandResult {
    let store = session.store()?;
    let version = store.version(spec.clone())?;
    let prompt = store.prompt(version.prompt_id)?;
    let what = format!(
        "version {} of {}",
        paint(NUMBER, version.number),
        title(&prompt)
    );
    if let requirement @ Selector::Requirement(_) = &spec.selector {
        let message = format!("{requirement} selects several versions, and rm deletes one");
        let name = text::name(prompt.name.as_str());
        let hint = format!("name it by its number, such as {name}@{}", version.number);
        return Err(Failure::usage(message).hint(hint));
    }
    let users = Users::of(&store, prompt.id, &version.environments)?.without_version(version.id);
    if !yes && !version.environments.is_empty() {
        let names = version.environments.iter();
        let environments = names.map(|name| {
            let name = text::line(name.as_str());
            format!("{name} points to it, and is removed with it")
        });
        let name = text::name(prompt.name.as_str());
        let first = text::line(version.environments[0].as_str());
        let title = plain_title(&prompt);
        let question = Question::new(format!("delete version {} of {title}", version.number))
            .consequences(environments)
            .consequences(users.consequences())
            .alternative(format!(
                "move the environment first: promptbook env set {name} {first} VERSION"
            ));
        if !question.ask()? {
            session.note("nothing was deleted");
            return Ok(());
        }
    }
    // Conditional on what was shown: by its id, and only if the same environments point to it.
    let expected = version.environments.clone();
    let id = version.id;
    let deleted = store.batch(|batch| {
        let found = batch.version(id)?;
        let same = yes || found.environments == expected;
        same.then(|| batch.delete_version(id)).transpose()
    })?;
    let Some(version) = deleted else {
        let title = plain_title(&prompt);
        let message = format!("the environments of {title} changed meanwhile; nothing was deleted");
        return Err(Failure::conflict(message).hint("repeat the command"));
    };
    let done = CompletedChange::Operations(&store);
    let prompt = store
        .prompt(version.prompt_id)
        .map_err(|error| Failure::from(error).for_completed_change(done))?;
    session.report(
        done,
        || {
            json!({
                "prompt": json::prompt(&prompt),
                "version": json::version(&version),
                "users": users.json(),
            })
        },
        || {
            let names = version.environments.iter();
            let removed: String = names
                .map(|name| format!("  removed the environment {}\n", text::line(name.as_str())))
                .collect();
            format!("Deleted {what}\n{removed}{}", users.text())
        },
    )
}
