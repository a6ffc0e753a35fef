//! The command `edit`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::commit::Committed;
use super::diff::render::whole_or_stat;
use super::draft::EditDraft;
use super::new_environment::NewEnvironment;
use crate::cli::args::files::EditArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::{editor, json, text};
use crate::diff::Difference;
use crate::formats::{FormatFinding, PromptContent};
use crate::fs::text_file::without_byte_order_mark;
use crate::{Body, NewVersion, Prompt, Store, Version, VersionSpec};

pub(super) fn edit(args: &EditArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let prompt = store.prompt(args.prompt.clone())?;
    let latest = store.resolve(VersionSpec::new(prompt.id, crate::Selector::Latest))?;
    let new_environment = NewEnvironment::of(&store, args.env.as_ref())?;
    let (draft, original) = match &args.draft {
        Some(file) => (EditDraft::of(file), None),
        None => {
            let written = args
                .format
                .write(&latest.body, args.unsupported.unsupported());
            let written = written.map_err(|findings| not_written(args, &findings))?;
            let draft = EditDraft::create(prompt.name.as_str(), args.format, &written.text)?;
            (draft, Some(written.text))
        }
    };
    editor::edit(draft.path())
        .map_err(|failure| draft.unless_same(failure, original.as_deref()))?;
    let content = read(&draft, args).map_err(|failure| kept(failure, &draft, args))?;
    let Some(newest) = content.versions.last() else {
        return unchanged(prompt, &latest.version, draft, session);
    };
    for finding in &content.findings {
        session.note(&finding.to_string());
    }
    if content.is_same(&newest.body, &latest.body) {
        return unchanged(prompt, &latest.version, draft, session);
    }
    let body = content.in_layout_of(&newest.body, &latest.body);
    let difference = store.diff_body(latest.version.id, &body)?;
    let version = commit(&store, &prompt, &latest.version, body, args)
        .map_err(|failure| kept(failure, &draft, args))?;
    draft.remove();
    let committed = Committed::new(&store, prompt, version);
    session.report(
        CompletedChange::Operations(&store),
        || edited_json(&committed, &difference),
        || {
            let changes = whole_or_stat(&difference, false);
            format!("{}\n{}", changes.trim_start_matches('\n'), committed.text())
        },
    )?;
    if let Some(new) = new_environment {
        new.note(session);
    }
    Ok(())
}

fn edited_json(committed: &Committed, difference: &Difference) -> Value {
    let mut shape = committed.json();
    shape["difference"] = json!(json::difference(difference));
    shape
}

/// Ends the command without a commit.
fn unchanged(
    prompt: Prompt,
    latest: &Version,
    draft: EditDraft,
    session: &Session,
) -> CommandResult {
    draft.remove();
    session.write_output(
        || {
            json!({
                "prompt": json::prompt(&prompt),
                "version": json::version(latest),
                "base": null,
                "bump": null,
            })
        },
        || {
            let name = text::name(prompt.name.as_str());
            format!("The body of {name} is the same as before, so nothing was committed\n")
        },
    )
}

fn read(draft: &EditDraft, args: &EditArgs) -> CommandResult<PromptContent> {
    let path = draft.path();
    let bytes = fs::read(path)
        .map_err(|error| Failure::io(format!("{} cannot be read", path.display()), &error))?;
    let refused = |findings: Vec<String>| {
        let message = format!("the draft is no {} file", args.format);
        Failure::new(Exit::Usage, "bad_draft", message).details(findings)
    };
    let text = String::from_utf8(without_byte_order_mark(bytes))
        .map_err(|_| refused(vec!["it is not UTF-8".into()]))?;
    let content = args.format.read(&text, args.unsupported.unsupported());
    content.map_err(|findings| refused(list(&findings, path)))
}

fn list(findings: &[FormatFinding], path: &Path) -> Vec<String> {
    let findings = findings.iter().map(|finding| match finding.line {
        Some(line) => format!("{}:{line}: {}", path.display(), finding.text),
        None => format!("{}: {}", path.display(), finding.text),
    });
    findings.collect()
}

fn not_written(args: &EditArgs, findings: &[FormatFinding]) -> Failure {
    let message = format!("the body cannot be written as {}", args.format);
    Failure::new(Exit::Usage, "not_carried", message)
        .details(findings.iter().map(ToString::to_string))
        .hint("--format md or json writes any body; --keep-as-text writes it nevertheless")
}

fn commit(
    store: &Store,
    prompt: &Prompt,
    latest: &Version,
    body: Body,
    args: &EditArgs,
) -> CommandResult<Version> {
    // What was shown in the editor is still the latest version, or the commit is refused.
    let mut new = NewVersion::new(prompt.id, body)
        .base(latest.id)
        .message(&args.message)
        .expect_head(latest.id);
    if let Some(name) = &args.env {
        new = new.environment(name);
    }
    if args.breaking {
        new = new.allow_breaking();
    }
    Ok(store.commit(new)?)
}

/// Adds to an error that the draft is kept, and how to continue with it.
fn kept(failure: Failure, draft: &EditDraft, args: &EditArgs) -> Failure {
    let path = draft.path().to_string_lossy();
    let prompt = text::shell_word(&args.prompt.to_string());
    let format = match args.format.name() {
        "md" => String::new(),
        name => format!(" --format {name}"),
    };
    failure.hint(format!(
        "the draft is kept: promptbook edit {prompt}{format} --draft {} continues with it",
        text::shell_word(&path)
    ))
}
