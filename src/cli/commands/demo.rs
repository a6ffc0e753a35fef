//! The command `demo`: the history of an example prompt with realistic bodies.
//!
//! It commits the three versions that Helicone's page on prompt versions shows, with their times.
//! The script does not contain their numbers: the bump rules assign them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeZone, Utc};
use serde_json::{Value, json};

use super::commit::Committed;
use super::diff::render::{ChangeMarks, render, title};
use super::log;
use super::prompts::created_text;
use crate::cli::args::DemoArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{DIM, NAME, paint};
use crate::cli::session::{STORE, Session};
use crate::cli::{json, text};
use crate::diff::Difference;
use crate::{
    CreatedPrompt, EnvironmentName, Inputs, NewPrompt, NewVersion, RenderedVersion, Resolved, Store,
};

const PROMPT: &str = "support-reply";
const FILE: &str = "support-reply.json";

/// A version of the demo: its time, message, body and environment.
struct DemoStep {
    /// Day, hour and minute in March 2024.
    at: (u32, u32, u32),
    message: &'static str,
    body: &'static str,
    environment: &'static str,
    /// Whether the environment moves to a version that breaks callers of the one before.
    is_breaking: bool,
}

const INITIAL: DemoStep = DemoStep {
    at: (10, 12, 0),
    message: "Initial version",
    body: include_str!("demo/initial.json"),
    // The default of every new prompt.
    environment: "production",
    is_breaking: false,
};
const REWRITE: DemoStep = DemoStep {
    at: (10, 16, 0),
    message: "Major rewrite with new system prompt",
    body: include_str!("demo/rewrite.json"),
    environment: "staging",
    is_breaking: false,
};
const TUNED: DemoStep = DemoStep {
    at: (11, 14, 30),
    message: "Updated temperature and added max_tokens",
    body: include_str!("demo/tuned.json"),
    environment: "production",
    is_breaking: true,
};

/// The inputs of the render as arguments. [`inputs`] returns their values.
const INPUTS: &str =
    "company='Curtain & Co' customer=Ann open_tickets:=2 question='Where is my order?'";

fn inputs() -> Inputs {
    Inputs::from([
        ("company", json!("Curtain & Co")),
        ("customer", json!("Ann")),
        ("open_tickets", json!(2)),
        ("question", json!("Where is my order?")),
    ])
}

pub(super) fn demo(args: &DemoArgs, session: &Session) -> CommandResult {
    let directory = directory(args.dir.as_deref())?;
    let story = DemoStory::play(&directory, session)?;
    session.report(
        CompletedChange::Other("the demo's store was created"),
        || story.json(&directory),
        || story.text(&directory),
    )
}

/// Creates the directory of the demo, which never uses the store of the global options.
fn directory(named: Option<&Path>) -> CommandResult<PathBuf> {
    match named {
        Some(named) => fs::create_dir_all(named).map(|()| named.to_path_buf()),
        None => {
            let temporary = tempfile::Builder::new()
                .prefix("promptbook-demo-")
                .tempdir();
            temporary.map(tempfile::TempDir::keep)
        }
    }
    .map_err(|error| Failure::io("the demo's directory cannot be created", &error))
}

/// A clock that shows a set time.
#[derive(Clone, Default)]
struct DemoClock(Arc<Mutex<DateTime<Utc>>>);

impl DemoClock {
    fn set(&self, (day, hour, minute): (u32, u32, u32)) {
        let moment = Utc.with_ymd_and_hms(2024, 3, day, hour, minute, 0);
        if let Some(moment) = moment.single() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = moment;
        }
    }

    fn now(&self) -> DateTime<Utc> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The results of the demo's commands.
struct DemoStory {
    created: CreatedPrompt,
    rewrite: Committed,
    tuned: Committed,
    /// The difference between the first version and the rewrite.
    difference: Difference,
    log: Vec<log::LogEntry>,
    production: Arc<Resolved>,
    rendered: RenderedVersion,
}

impl DemoStory {
    fn play(directory: &Path, session: &Session) -> CommandResult<Self> {
        let (clock, file) = (DemoClock::default(), directory.join(FILE));
        if file.exists() {
            let message = format!("{} already exists", file.display());
            return Err(Failure::new(Exit::Conflict, "file_exists", message)
                .hint("name another directory, or none to use a new temporary one"));
        }
        let ticking = clock.clone();
        let options = session.options().clock(move || ticking.now());
        let store = options.create(directory.join(STORE))?;
        let save = |step: &DemoStep| {
            clock.set(step.at);
            fs::write(&file, step.body).map_err(|error: io::Error| {
                Failure::io(format!("{} cannot be written", file.display()), &error)
            })
        };

        save(&INITIAL)?;
        let new = NewPrompt::new(PROMPT, INITIAL.body)
            .message(INITIAL.message)
            .environment(INITIAL.environment);
        let created = store.create_prompt(new)?;
        let commit = |step: &DemoStep| -> CommandResult<Committed> {
            save(step)?;
            let new = NewVersion::new(created.prompt.id, step.body).message(step.message);
            let mut new = new.environment(step.environment);
            if step.is_breaking {
                new = new.allow_breaking();
            }
            let version = store.commit(new)?;
            Ok(Committed::new(&store, created.prompt.clone(), version))
        };
        let rewrite = commit(&REWRITE)?;
        let tuned = commit(&TUNED)?;
        Self::look_back(&store, created, rewrite, tuned)
    }

    fn look_back(
        store: &Store,
        created: CreatedPrompt,
        rewrite: Committed,
        tuned: Committed,
    ) -> CommandResult<Self> {
        let production = (created.prompt.id, EnvironmentName::production());
        Ok(Self {
            difference: store.diff(created.version.id, rewrite.version.id)?,
            log: log::entries_of(store, &created.prompt)?,
            production: store.resolve(production.clone())?,
            rendered: store.render(production, inputs())?,
            created,
            rewrite,
            tuned,
        })
    }

    fn json(&self, directory: &Path) -> Value {
        let versions = self.log.iter().map(|entry| json::version(&entry.version));
        json!({
            "path": directory.to_string_lossy(),
            "prompt": json::prompt(&self.tuned.prompt),
            "versions": versions.collect::<Vec<_>>(),
            "breaking": json::breakages(&self.rewrite.breaking),
            "production": {
                "version": json::version(&self.production.version),
                "text": self.production.body.text(),
            },
            "rendered": self.rendered.json(),
        })
    }

    fn text(&self, directory: &Path) -> String {
        let commit = |step: &DemoStep| {
            let (message, environment) = (step.message, step.environment);
            let breaking = if step.is_breaking { " --breaking" } else { "" };
            command(&format!(
                "commit {PROMPT} {FILE} -m '{message}' --env {environment}{breaking}"
            ))
        };
        let number = self.rewrite.version.number;
        let Difference { from, to, .. } = &self.difference;
        let directory = text::line(&directory.to_string_lossy());
        [
            comment(&format!("The history of a prompt, in {directory}")),
            command("init"),
            "\n".into(),
            command(&format!("create {PROMPT} {FILE} -m '{}'", INITIAL.message)),
            created_text(&self.created),
            "\n".into(),
            commit(&REWRITE),
            self.rewrite.text(),
            "\n".into(),
            commit(&TUNED),
            self.tuned.text(),
            "\n".into(),
            command(&format!("log {PROMPT}")),
            log::table(&self.log, false, false),
            "\n".into(),
            comment(&format!(
                "Why {number} is a major version: callers must pass more inputs"
            )),
            command(&format!(
                "diff {PROMPT}@{} {PROMPT}@{number}",
                self.created.version.number
            )),
            format!("{} {}\n\n", paint(NAME, PROMPT), title(from, to, "")),
            render(&self.difference, ChangeMarks::of_output()),
            "\n".into(),
            command(&format!("resolve {PROMPT}@production")),
            text::lines(self.production.body.text()) + "\n",
            "\n".into(),
            command(&format!("render {PROMPT}@production {INPUTS}")),
            text::json(&self.rendered.body),
            "\n".into(),
            comment("The store is kept. Continue with it:"),
            format!("  cd {directory}\n  promptbook show {PROMPT}\n"),
        ]
        .concat()
    }
}

fn command(arguments: &str) -> String {
    format!(
        "{} {}\n",
        paint(DIM, "$"),
        paint(NAME, format!("promptbook {arguments}"))
    )
}

fn comment(words: &str) -> String {
    paint(DIM, format!("# {words}")) + "\n"
}
