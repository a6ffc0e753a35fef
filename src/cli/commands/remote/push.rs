//! The command `push`.

use serde_json::{Value, json};

use super::key::key;
use super::report::failed_prompts;
use super::transfer::stop_on_signals;
use crate::cli::args::remote::PushArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{DIM, NAME, PLAIN, WARNING, paint};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::text;
use crate::remote::{
    MappedNumber, PromptPush, PushOptions, PushOutcome, PushSummary, StatusOptions,
};

pub(in crate::cli::commands) fn push(args: &PushArgs, session: &Session) -> CommandResult {
    let store = session.store()?;
    let remotes = store.remotes()?;
    let key = key(&args.key)?;
    let stop = stop_on_signals()?;
    let progress = ProgressDisplay::of(session, "pushing", 0);
    let options = StatusOptions::new()
        .key(key)
        .stop(&stop)
        .progress(|steps| progress.at(steps));
    let options = args.prompts.iter().fold(options, StatusOptions::prompt);
    let options = PushOptions::new()
        .with(options)
        .dry_run(args.dry_run)
        .map_numbers(args.map_numbers)
        .delete(args.delete)
        .announce(|prompt| {
            if prompt.is_briefly_in_production {
                let name = text::quoted(prompt.name.as_str());
                session.note(&format!(
                    "{name} is created there: its first version is in production until the next request"
                ));
            }
        });
    let summary = remotes.push(&args.remote, options)?;
    drop(progress);
    session.report(
        CompletedChange::Other("the remote was changed"),
        || json(&summary, args.dry_run),
        || words(&summary, args.dry_run),
    )?;
    failed_prompts(&summary.failed, "pushed")?;
    left(&summary, args)
}

fn json(summary: &PushSummary, is_dry_run: bool) -> Value {
    let mut json = json!(summary);
    json["dry_run"] = is_dry_run.into();
    json
}

fn words(summary: &PushSummary, is_dry_run: bool) -> String {
    let prompts = summary.prompts.iter();
    let mut lines: String = prompts
        .map(|prompt| prompt_lines(prompt, is_dry_run))
        .collect();
    let is_pushed = |prompt: &&PromptPush| prompt.outcome == PushOutcome::Pushed;
    let pushed = summary.prompts.iter().filter(is_pushed).count() as u64;
    let would = if is_dry_run { "Would be pushed: " } else { "" };
    let versions = text::count(summary.versions, "new version", "new versions");
    lines.push_str(&match pushed {
        0 => format!("{would}nothing\n"),
        _ => {
            let prompts = text::count(pushed, "prompt", "prompts");
            let done = if is_dry_run { "" } else { " pushed" };
            format!("{would}{prompts}{done}, {versions}\n")
        }
    });
    lines
}

fn prompt_lines(prompt: &PromptPush, is_dry_run: bool) -> String {
    let outcome = match prompt.outcome {
        PushOutcome::Pushed if is_dry_run => "push".to_owned(),
        outcome => outcome.to_string(),
    };
    let style = if prompt.outcome == PushOutcome::Pushed {
        PLAIN
    } else {
        WARNING
    };
    let mut lines = format!(
        "{} {} {}\n",
        paint(style, format!("{outcome:8}")),
        paint(NAME, text::name(prompt.name.as_str())),
        paint(DIM, prompt.id.as_str()),
    );
    for conflict in &prompt.conflicts {
        lines.push_str(&format!("         - {}\n", text::line(conflict)));
    }
    if prompt.conflicts.is_empty() {
        for step in &prompt.steps {
            lines.push_str(&format!("         {}\n", text::line(step)));
        }
        let others = prompt
            .numbers
            .iter()
            .filter(|number| number.here != number.there);
        let others: Vec<String> = others.map(mapped).collect();
        if !others.is_empty() {
            lines.push_str(&format!("         numbers: {}\n", others.join(", ")));
        }
    }
    lines
}

fn mapped(number: &MappedNumber) -> String {
    format!("{} here is {} there", number.here, number.there)
}

/// Fails if a prompt was left alone.
fn left(summary: &PushSummary, args: &PushArgs) -> CommandResult {
    let of = |outcome| {
        summary
            .prompts
            .iter()
            .filter(move |prompt| prompt.outcome == outcome)
    };
    let remote = text::shell_word(&args.remote);
    let reasons = [
        (
            PushOutcome::Conflict,
            "changed on both sides",
            format!(
                "promptbook pull {remote} --prompt PROMPT --ours or --theirs settles a conflict"
            ),
        ),
        (
            PushOutcome::Behind,
            "changed in the remote since the last pull",
            format!("promptbook pull {remote} brings the changes, and then push goes on"),
        ),
        (
            PushOutcome::NeedsMapping,
            "would get other numbers there",
            "promptbook push --dry-run shows both numbers, and --map-numbers accepts them".into(),
        ),
        (
            PushOutcome::NeedsDelete,
            "would be deleted there for good, or some versions",
            format!(
                "--delete deletes there, too; promptbook pull {remote} --prompt PROMPT --theirs \
                 restores a deleted prompt here"
            ),
        ),
    ];
    let mut details = Vec::new();
    let mut hints = Vec::new();
    let mut number = 0;
    for (outcome, reason, hint) in reasons {
        let prompts: Vec<&PromptPush> = of(outcome).collect();
        if prompts.is_empty() {
            continue;
        }
        number += prompts.len() as u64;
        details.extend(prompts.iter().map(|prompt| {
            format!(
                "{} ({}): {reason}",
                text::quoted(prompt.name.as_str()),
                prompt.id
            )
        }));
        hints.push(hint);
    }
    if number == 0 {
        return Ok(());
    }
    let prompts = text::count(number, "prompt", "prompts");
    let message = if args.dry_run {
        format!("{prompts} would be left alone")
    } else {
        format!("{prompts} left alone")
    };
    Err(Failure::new(Exit::Conflict, "remote_conflict", message)
        .details(details)
        .hint(hints.join("; ")))
}
