//! The report of a pull.

use serde_json::{Value, json};

use super::renumbered;
use crate::Store;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{DIM, NAME, PLAIN, WARNING, paint};
use crate::cli::session::Session;
use crate::cli::text;
use crate::remote::{FailedPrompt, LackingVersions, PromptPull, PullOutcome, PullSummary};

/// The maximum number of prompts that are listed one by one if they are new.
const MAX_LISTED: usize = 20;

/// The maximum number of legacy prompts that are named.
const MAX_LEGACY: usize = 10;

/// Reports a pull. Fails if a prompt is in conflict, or could not be pulled.
pub(super) fn report(
    store: &Store,
    summary: &PullSummary,
    is_dry_run: bool,
    remote: &str,
    session: &Session,
) -> CommandResult {
    notes(summary, session);
    session.report(
        CompletedChange::Operations(store),
        || json(summary, is_dry_run),
        || words(summary, is_dry_run),
    )?;
    unfinished(summary, remote)
}

fn json(summary: &PullSummary, is_dry_run: bool) -> Value {
    let mut json = json!(summary);
    json["dry_run"] = is_dry_run.into();
    json
}

fn words(summary: &PullSummary, is_dry_run: bool) -> String {
    let mut lines = String::new();
    let is_created = |prompt: &&PromptPull| prompt.outcome == PullOutcome::Created;
    let created = summary.prompts.iter().filter(is_created).count();
    for prompt in &summary.prompts {
        if !is_created(&prompt) || created <= MAX_LISTED {
            lines.push_str(&prompt_lines(prompt));
        }
    }
    lines.push_str(&renumbered::lines(&summary.reassigned));
    let of = |outcome| {
        let of = summary
            .prompts
            .iter()
            .filter(|prompt| prompt.outcome == outcome);
        of.count() as u64
    };
    let mut parts = Vec::new();
    for outcome in [
        PullOutcome::Created,
        PullOutcome::Updated,
        PullOutcome::Restored,
        PullOutcome::Deleted,
    ] {
        match of(outcome) {
            0 => {}
            number => parts.push(format!(
                "{} {outcome}",
                text::count(number, "prompt", "prompts")
            )),
        }
    }
    if parts.is_empty() {
        parts.push("nothing new".into());
    }
    let more = [
        (of(PullOutcome::Conflict), "in conflict"),
        (summary.failed.len() as u64, "failed"),
    ];
    for (number, what) in more.into_iter().filter(|(number, _)| *number > 0) {
        parts.push(format!("{number} {what}"));
    }
    let would = if is_dry_run { "Would be pulled: " } else { "" };
    let versions = text::count(summary.versions, "new version", "new versions");
    lines.push_str(&format!("{would}{}, {versions}\n", parts.join(", ")));
    lines
}

fn prompt_lines(prompt: &PromptPull) -> String {
    let mut parts = Vec::new();
    let counts = [
        (prompt.new_versions, "new version", "new versions"),
        (
            prompt.deleted_versions,
            "version deleted",
            "versions deleted",
        ),
    ];
    if prompt.outcome != PullOutcome::Conflict {
        for (number, one, many) in counts.into_iter().filter(|(number, _, _)| *number > 0) {
            parts.push(text::count(number, one, many));
        }
        parts.extend(prompt.changes.iter().map(|change| text::line(change)));
        parts.extend(prompt.renumbered.iter().map(|version| match version.here {
            Some(here) => format!("{} there is {here} here", version.there),
            None => format!("{} there gets another number here", version.there),
        }));
    }
    if prompt.outcome == PullOutcome::Ahead {
        parts.push("changed here only; push sends it".into());
    }
    let style = if prompt.outcome == PullOutcome::Conflict {
        WARNING
    } else {
        PLAIN
    };
    let name = paint(NAME, text::name(prompt.name.as_str()));
    let id = paint(DIM, prompt.id.as_str());
    let mut lines = format!(
        "{} {name} {id}{}{}\n",
        paint(style, format!("{:8}", prompt.outcome.to_string())),
        if parts.is_empty() { "" } else { "  " },
        parts.join(", ")
    );
    for conflict in &prompt.conflicts {
        lines.push_str(&format!("         - {}\n", text::line(conflict)));
    }
    lines
}

fn notes(summary: &PullSummary, session: &Session) {
    for lacking in &summary.lacking {
        session.warn(&lacking_note(lacking));
    }
    for note in &summary.notes {
        session.note(note);
    }
    if !summary.legacy.is_empty() {
        let shown = summary
            .legacy
            .iter()
            .take(MAX_LEGACY)
            .map(|name| text::quoted(name));
        let shown = shown.collect::<Vec<_>>().join(", ");
        let rest = summary.legacy.len().saturating_sub(MAX_LEGACY);
        let rest = if rest > 0 {
            format!(" and {rest} more")
        } else {
            String::new()
        };
        let number = text::count(summary.legacy.len() as u64, "prompt", "prompts");
        session.warn(&format!(
            "the organisation has {number} of Helicone's older API, which are not pulled: {shown}{rest}"
        ));
    }
}

pub(super) fn lacking_note(lacking: &LackingVersions) -> String {
    let number = text::count(lacking.withheld, "version", "versions");
    let numbers = if lacking.numbers.is_empty() {
        String::new()
    } else {
        format!(", with numbers from {}", lacking.numbers.join(", "))
    };
    format!(
        "the remote has {number} of {} that it does not list{numbers}: it lists the newest 50 of \
         each major number",
        text::quoted(lacking.name.as_str())
    )
}

/// Fails if something was left.
fn unfinished(summary: &PullSummary, remote: &str) -> CommandResult {
    failed_prompts(&summary.failed, "pulled")?;
    let in_conflict: Vec<&PromptPull> = summary
        .prompts
        .iter()
        .filter(|prompt| prompt.outcome == PullOutcome::Conflict)
        .collect();
    let Some(first) = in_conflict.first() else {
        return Ok(());
    };
    let number = text::count(in_conflict.len() as u64, "prompt", "prompts");
    let details = in_conflict.iter().map(|prompt| {
        let name = text::quoted(prompt.name.as_str());
        format!("{name} ({}): {}", prompt.id, prompt.conflicts.join("; "))
    });
    let message = format!("{number} changed on both sides and left alone");
    Err(Failure::new(Exit::Conflict, "remote_conflict", message)
        .details(details)
        .hint(format!(
            "promptbook pull {} --prompt {} --theirs takes what the remote has, and --ours keeps \
             what the store has",
            text::shell_word(remote),
            first.id
        )))
}

/// Fails if prompts failed, and names each with its reason.
pub(super) fn failed_prompts(failed: &[FailedPrompt], done: &str) -> CommandResult {
    if failed.is_empty() {
        return Ok(());
    }
    let number = text::count(failed.len() as u64, "prompt", "prompts");
    let details = failed
        .iter()
        .map(|failed| format!("{}: {}", failed.prompt, failed.reason));
    let message = format!("{number} could not be {done}; the others were");
    Err(Failure::new(Exit::Failure, "prompts_failed", message).details(details))
}
