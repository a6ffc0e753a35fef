//! The commands `tag list`, `tag add`, `tag remove` and `tag set`.

use serde_json::json;

use super::prompts::title;
use crate::cli::args::TagArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::session::Session;
use crate::cli::{json, text};
use crate::{Prompt, PromptRef, Store};

pub(super) fn run(args: &TagArgs, session: &Session) -> CommandResult {
    match args {
        TagArgs::List { prompt } => list(prompt, session),
        TagArgs::Add { prompt, tags } => change(prompt, session, |store, prompt| {
            store.add_tags(prompt, tags)
        }),
        TagArgs::Remove { prompt, tags } => change(prompt, session, |store, prompt| {
            store.remove_tags(prompt, tags)
        }),
        TagArgs::Set { prompt, tags } => change(prompt, session, |store, prompt| {
            store.set_tags(prompt, tags)
        }),
    }
}

fn list(prompt: &PromptRef, session: &Session) -> CommandResult {
    let prompt = session.reader()?.prompt(prompt.clone())?;
    if prompt.tags.is_empty() {
        session.note("no tags");
    }
    session.write_output(
        || json!({"prompt": json::prompt(&prompt)}),
        || {
            let tags = prompt.tags.iter();
            tags.map(|tag| text::name(tag) + "\n").collect()
        },
    )
}

fn change(
    prompt: &PromptRef,
    session: &Session,
    change: impl FnOnce(&Store, PromptRef) -> crate::Result<Prompt>,
) -> CommandResult {
    let store = session.store()?;
    let before = store.prompt(prompt.clone())?;
    let after = change(&store, before.id.into())?;
    session.report(
        CompletedChange::Operations(&store),
        || json!({"prompt": json::prompt(&after), "before": before.tags}),
        || {
            let title = title(&after);
            let tags = listed(&after.tags);
            if before.tags == after.tags {
                return format!("The tags of {title} are already {tags}\n");
            }
            format!(
                "The tags of {title} are now {tags}, they were {}\n",
                listed(&before.tags)
            )
        },
    )
}

fn listed(tags: &[String]) -> String {
    let tags: Vec<String> = tags.iter().map(|tag| text::name(tag)).collect();
    if tags.is_empty() {
        return "none".into();
    }
    format!("[{}]", tags.join(", "))
}
