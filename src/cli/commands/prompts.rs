//! The commands `create`, `ls` and `rename`.

use serde_json::{Value, json};

use super::lint::{warn_of_body, warn_of_environment_name, warn_of_prompt_name};
use super::new_environment::NewEnvironment;
use crate::changes::RenameOptions;
use crate::cli::args::{CreateArgs, ListArgs, RenameArgs};
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::limited::limited;
use crate::cli::output::{DIM, ENVIRONMENT, NAME, NUMBER, PLAIN, paint};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{input, json, text};
use crate::list::Prompts;
use crate::{CreatedPrompt, NewPrompt, Prompt};

pub(super) fn create(args: &CreateArgs, session: &Session) -> CommandResult {
    let body = input::body(args.file.as_deref())?;
    let findings = warn_of_body(&body, session);
    let mut new = NewPrompt::new(&args.name, body)
        .message(&args.message)
        .tags(&args.tags);
    if let Some(id) = args.id {
        new = new.id(id);
    }
    if args.allow_duplicate_name {
        new = new.allow_duplicate_name();
    }
    if args.target.no_env {
        new = new.without_environment();
    } else if let Some(name) = &args.target.env {
        new = new.environment(name);
    }
    let store = session.store()?;
    warn_of_prompt_name(&store, args.name.as_str(), session);
    if let Some(name) = &args.target.env {
        warn_of_environment_name(&store, name.as_str(), session);
    }
    let new_environment = NewEnvironment::of(&store, args.target.env.as_ref())?;
    let created = store.create_prompt(new)?;
    session.report(
        CompletedChange::Operations(&store),
        || {
            let mut shape = created_json(&created);
            shape["findings"] = json!(findings);
            shape
        },
        || created_text(&created),
    )?;
    if let Some(new) = new_environment {
        new.note(session);
    }
    Ok(())
}

fn created_json(created: &CreatedPrompt) -> Value {
    json!({
        "prompt": json::prompt(&created.prompt),
        "version": json::version(&created.version),
    })
}

pub(super) fn created_text(created: &CreatedPrompt) -> String {
    let version = &created.version;
    let environments: String = version
        .environments
        .iter()
        .map(|name| format!(" in {}", paint(ENVIRONMENT, text::line(name.as_str()))))
        .collect();
    format!(
        "Created {}, version {}{environments}\n  {}\n",
        title(&created.prompt),
        paint(NUMBER, version.number),
        paint(DIM, version.id),
    )
}

/// Returns a prompt's name and id without styles, for questions and errors.
pub(super) fn plain_title(prompt: &Prompt) -> String {
    format!("{} ({})", text::name(prompt.name.as_str()), prompt.id)
}

/// Returns a prompt's name and id.
pub(super) fn title(prompt: &Prompt) -> String {
    format!(
        "{} ({})",
        paint(NAME, text::name(prompt.name.as_str())),
        prompt.id
    )
}

pub(super) fn list(args: &ListArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let prompts = store.prompts().name_contains(&args.name);
    let prompts = args.tags.iter().fold(prompts, Prompts::tag);
    let limit = args.limit.unwrap_or(usize::MAX);
    let (found, more) = limited(limit, |limit| prompts.page(None, limit))?;
    if found.is_empty() && !more {
        session.note("no prompts");
    }
    let json = || {
        let prompts = found.iter().map(|prompt| {
            let mut shape = json::prompt(prompt);
            shape["environments"] = prompt.environments.iter().map(json::environment).collect();
            shape
        });
        json!({"prompts": prompts.collect::<Vec<_>>(), "more": more})
    };
    session.write_output(json, || table(&found))?;
    session.note_more(more, "more prompts");
    Ok(())
}

fn table(found: &[Prompt]) -> String {
    let mut table = TextTable::new(&["ID", "NAME", "LATEST", "VERSIONS", "ENVIRONMENTS", "TAGS"]);
    for prompt in found {
        let environments = prompt
            .environments
            .iter()
            .map(|one| format!("{}={}", text::line(one.name.as_str()), one.number));
        let tags = prompt.tags.iter().map(|tag| text::name(tag));
        table.row([
            (prompt.id.to_string(), PLAIN),
            (text::name(prompt.name.as_str()), NAME),
            (
                prompt
                    .latest
                    .map_or_else(|| "-".into(), |number| number.to_string()),
                NUMBER,
            ),
            (prompt.versions.to_string(), PLAIN),
            (environments.collect::<Vec<_>>().join(" "), ENVIRONMENT),
            (tags.collect::<Vec<_>>().join(" "), PLAIN),
        ]);
    }
    table.text()
}

pub(super) fn rename(args: &RenameArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let mut options = RenameOptions::new();
    if args.allow_duplicate_name {
        options = options.allow_duplicate_name();
    }
    warn_of_prompt_name(&store, args.name.as_str(), session);
    let prompt = store.rename_with(&args.prompt, &args.name, options)?;
    session.report(
        CompletedChange::Operations(&store),
        || json!({"prompt": json::prompt(&prompt)}),
        || format!("Renamed to {}\n", title(&prompt)),
    )
}
