//! The command `commit`.

use serde_json::{Value, json};

use super::lint::{warn_of_body, warn_of_environment_name};
use super::new_environment::NewEnvironment;
use super::prompts::title;
use crate::cli::args::CommitArgs;
use crate::cli::error::{CommandResult, CompletedChange};
use crate::cli::output::{DIM, ENVIRONMENT, NUMBER, paint};
use crate::cli::session::{Session, expected};
use crate::cli::{input, json, text};
use crate::fs::text_file::equal_but_for_line_ends;
use crate::{Breakage, Bump, NewVersion, Prompt, Store, Version};

pub(super) fn commit(args: &CommitArgs, session: &Session) -> CommandResult {
    let body = input::body(args.file.as_deref())?;
    let findings = warn_of_body(&body, session);
    let store = session.store()?;
    let prompt = store.prompt(args.prompt.clone())?;
    let bump = match (args.minor || args.force, args.major) {
        (true, _) => Bump::Minor,
        (_, true) => Bump::Major,
        _ => Bump::Auto,
    };
    let mut new = NewVersion::new(prompt.id, body)
        .base(&args.base)
        .bump(bump)
        .force(args.force)
        .message(&args.message)
        .expect_head(expected(&store, prompt.id, args.expect_head.as_ref())?);
    if let Some(name) = &args.env {
        new = new.environment(name);
        warn_of_environment_name(&store, name.as_str(), session);
    }
    if args.breaking {
        new = new.allow_breaking();
    }
    let new_environment = NewEnvironment::of(&store, args.env.as_ref())?;
    let committed = Committed::new(&store, prompt, store.commit(new)?);
    session.report(
        CompletedChange::Operations(&store),
        || {
            let mut shape = committed.json();
            shape["findings"] = json!(findings);
            shape
        },
        || committed.text(),
    )?;
    if let Some(new) = new_environment {
        new.note(session);
    }
    Ok(())
}

/// A finished commit.
pub(super) struct Committed {
    pub(super) prompt: Prompt,
    pub(super) version: Version,
    pub(super) base: Option<Version>,
    /// How the version breaks callers of its base.
    pub(super) breaking: Vec<Breakage>,
    /// Whether its body differs from that of its base only in line ends.
    only_line_ends: bool,
}

impl Committed {
    /// Looks up the data that a commit's report contains.
    ///
    /// The commit took place, so data that can no longer be read is left out instead of failing.
    pub(super) fn new(store: &Store, prompt: Prompt, version: Version) -> Self {
        let base = version.base.and_then(|base| store.version(base).ok());
        let breaking = match &base {
            Some(base) if base.blob != version.blob => store.breakages(base.id, version.id),
            _ => Ok(Vec::new()),
        };
        let only_line_ends = match &base {
            Some(base) if base.blob != version.blob => {
                let (old, new) = (store.body(base.blob).ok(), store.body(version.blob).ok());
                old.zip(new).is_some_and(|(old, new)| {
                    equal_but_for_line_ends(old.as_bytes(), new.as_bytes())
                })
            }
            _ => false,
        };
        Self {
            prompt: store.prompt(prompt.id).unwrap_or(prompt),
            version,
            base,
            breaking: breaking.unwrap_or_default(),
            only_line_ends,
        }
    }

    fn is_major(&self) -> bool {
        let base = self.base.as_ref();
        base.is_none_or(|base| base.number.major != self.version.number.major)
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "prompt": json::prompt(&self.prompt),
            "version": json::version(&self.version),
            "base": self.base.as_ref().map(json::version),
            "bump": if self.is_major() { "major" } else { "minor" },
            "breaking": json::breakages(&self.breaking),
        })
    }

    pub(super) fn text(&self) -> String {
        let version = &self.version;
        let mut text = format!(
            "Committed {} of {}",
            paint(NUMBER, version.number),
            title(&self.prompt)
        );
        for name in &version.environments {
            text.push_str(&format!(
                ", now in {}",
                paint(ENVIRONMENT, text::line(name.as_str()))
            ));
        }
        text.push_str(&format!("\n  {}\n", paint(DIM, version.id)));
        let Some(base) = &self.base else {
            return text;
        };
        if base.blob == version.blob {
            text.push_str(&format!(
                "The body is the same as that of {}.\n",
                base.number
            ));
        } else if self.only_line_ends {
            text.push_str(&format!(
                "The body differs from that of {} only in its line ends.\n",
                base.number
            ));
        }
        if !self.breaking.is_empty() {
            let number = paint(NUMBER, base.number);
            text.push_str(&if self.is_major() {
                format!("A major version, because it breaks callers of {number}:\n")
            } else {
                format!("A minor version as requested, although it breaks callers of {number}:\n")
            });
            text.push_str(&reasons(&self.breaking));
        }
        text
    }
}

/// Renders breakages as a list, each after its place, as the problems of a body are.
pub(super) fn reasons(breakages: &[Breakage]) -> String {
    let lines = breakages.iter().map(|breakage| {
        let (reason, place) = (
            text::line(&breakage.reason),
            text::line(breakage.place.as_str()),
        );
        format!("  - {} {reason}\n", paint(DIM, format!("{place}:")))
    });
    lines.collect()
}
