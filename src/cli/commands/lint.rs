//! The command `lint`, and the warnings of commands that take bodies and names.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::cli::args::lint::LintArgs;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{DIM, ERROR, WARNING, paint};
use crate::cli::session::Session;
use crate::cli::{input, text};
use crate::lint::{Finding, lint, lint_name, look_alike, visible_form};
use crate::{Body, Error, Store, Version, VersionSpec, View};

/// The faults of one body or name.
struct Linted {
    /// The version or the file, as messages name it.
    subject: String,
    version: Option<Version>,
    findings: Vec<Finding>,
    /// Faults of names, which have no place in a body.
    names: Vec<String>,
}

pub(super) fn run(args: &LintArgs, session: &Session) -> CommandResult {
    let linted = match args.target.as_deref() {
        Some(target) if is_file(target) => {
            let file = Path::new(target);
            let body = input::body(Some(file))?;
            vec![Linted {
                subject: input::name_of(file),
                version: None,
                findings: lint(body.json()),
                names: Vec::new(),
            }]
        }
        Some(spec) => {
            let view = session.view(&args.as_of)?;
            let resolved = view.resolve(spec).map_err(neither_file_nor_prompt)?;
            vec![of_version(&view, &resolved.version, &resolved.body)?]
        }
        None => current_versions(&session.view(&args.as_of)?)?,
    };
    session.write_output(|| shape(&linted), || words(&linted))?;
    let errors = linted.iter().flat_map(|one| &one.findings);
    let errors = errors.filter(|finding| finding.kind.is_error()).count();
    if errors == 0 {
        return Ok(());
    }
    let found = text::count(errors as u64, "tag is", "tags are");
    let message = format!("{found} not filled, and strict rendering refuses the body");
    Err(
        Failure::new(Exit::NotRendered, "misplaced_tags", message).hint(
            "move each tag to the text of a message, to tools or to response_format, or remove it",
        ),
    )
}

/// Returns the error for a target that is no version, which says that it is no file either.
fn neither_file_nor_prompt(error: Error) -> Failure {
    match &error {
        Error::PromptNotFound { prompt } => {
            let message = format!("no file and no prompt {}", text::quoted(prompt));
            let mut failure = Failure::from(error);
            failure.message = message;
            failure
        }
        _ => error.into(),
    }
}

fn is_file(target: &str) -> bool {
    input::is_stdin(Path::new(target)) || Path::new(target).is_file()
}

/// Examines the versions that are the latest of their prompts or in an environment.
fn current_versions(view: &View) -> CommandResult<Vec<Linted>> {
    let prompts = view.prompts().page(None, usize::MAX)?;
    let mut linted = Vec::new();
    let mut by_form: HashMap<String, &str> = HashMap::new();
    for prompt in &prompts {
        let mut specs: Vec<_> = prompt.environments.iter().map(|one| one.number).collect();
        specs.extend(prompt.latest);
        specs.sort_unstable();
        specs.dedup();
        for number in specs {
            let resolved = view.resolve((prompt.id, number.to_string()))?;
            linted.push(of_version(view, &resolved.version, &resolved.body)?);
        }
        let name = prompt.name.as_str();
        let other = *by_form.entry(visible_form(name)).or_insert(name);
        let mut names = name_warnings("prompt", name, [other]);
        for environment in &prompt.environments {
            let others = prompt.environments.iter().map(|other| other.name.as_str());
            names.extend(name_warnings(
                "environment",
                environment.name.as_str(),
                others,
            ));
        }
        if !names.is_empty() {
            linted.push(Linted {
                subject: text::name(prompt.name.as_str()),
                version: None,
                findings: Vec::new(),
                names,
            });
        }
    }
    Ok(linted)
}

fn of_version(view: &View, version: &Version, body: &Body) -> CommandResult<Linted> {
    let prompt = view.prompt(version.prompt_id)?;
    let name = text::name(prompt.name.as_str());
    Ok(Linted {
        subject: format!("{name}@{}", version.number),
        version: Some(version.clone()),
        findings: lint(body.json()),
        names: Vec::new(),
    })
}

/// Returns warnings of a name: one that is empty or reads as a spec, hidden characters, and another
/// name that looks like it.
pub(super) fn name_warnings<'n>(
    kind: &str,
    name: &str,
    others: impl IntoIterator<Item = &'n str>,
) -> Vec<String> {
    let shown = text::quoted(name);
    let empty = (kind == "prompt" && name.trim().is_empty())
        .then(|| format!("{kind} {shown}: the name is empty; promptbook rename changes it"));
    let misread = (kind == "prompt" && VersionSpec::split(name).1.is_some()).then(|| {
        let spec = text::name(&format!("{name}@latest"));
        format!("{kind} {shown}: the part after @ reads as a version; {spec} is its latest version")
    });
    let hidden = lint_name(name).map(|fault| format!("{kind} {shown}: {fault}"));
    let alike = look_alike(name, others).map(|other| {
        let other = text::quoted(other);
        format!("{kind} {shown} looks like {kind} {other}, and is another one")
    });
    let misnamed = empty.into_iter().chain(misread);
    misnamed.chain(hidden).chain(alike).collect()
}

/// Prints warnings of a body that a command takes.
pub(super) fn warn_of_body(body: &Body, session: &Session) -> Vec<Finding> {
    let findings = lint(body.json());
    for finding in &findings {
        session.warn(&finding.to_string());
    }
    findings
}

/// Prints warnings of the name of a prompt that a command gives.
///
/// Names of other prompts that cannot be read cause no warning, because the command itself reports
/// what is wrong with the store.
pub(super) fn warn_of_prompt_name(store: &Store, name: &str, session: &Session) {
    let prompts = store.prompts().page(None, usize::MAX).unwrap_or_default();
    let others = prompts.iter().map(|other| other.name.as_str());
    for warning in name_warnings("prompt", name, others) {
        session.warn(&warning);
    }
}

/// Prints warnings of the name of an environment that a command sets.
pub(super) fn warn_of_environment_name(store: &Store, name: &str, session: &Session) {
    let known = store.environment_names().unwrap_or_default();
    let others = known.iter().map(crate::EnvironmentName::as_str);
    for warning in name_warnings("environment", name, others) {
        session.warn(&warning);
    }
}

fn shape(linted: &[Linted]) -> Value {
    let bodies = linted.iter().filter(|one| one.names.is_empty()).count();
    let of_names = linted.iter().flat_map(|one| &one.names);
    let findings = linted.iter().flat_map(|one| {
        one.findings.iter().map(|finding| {
            json!({
                "subject": one.subject,
                "version_id": one.version.as_ref().map(|version| version.id),
                "kind": finding.kind,
                "severity": severity(finding),
                "place": finding.place,
                "message": finding.message,
            })
        })
    });
    json!({
        "bodies": bodies,
        "findings": findings.collect::<Vec<_>>(),
        "names": of_names.collect::<Vec<_>>(),
    })
}

fn severity(finding: &Finding) -> &'static str {
    if finding.kind.is_error() {
        "error"
    } else {
        "warning"
    }
}

fn words(linted: &[Linted]) -> String {
    let mut out = String::new();
    let mut count = 0;
    for one in linted {
        for finding in &one.findings {
            let severity = severity(finding);
            let style = if finding.kind.is_error() {
                ERROR
            } else {
                WARNING
            };
            out.push_str(&format!(
                "{}: {}: {} {}\n",
                one.subject,
                paint(style, severity),
                paint(DIM, format!("{}:", text::line(finding.place.as_str()))),
                text::line(&finding.message)
            ));
        }
        for name in &one.names {
            out.push_str(&format!("{}: {name}\n", paint(WARNING, "warning")));
        }
        count += one.findings.len() + one.names.len();
    }
    let bodies = linted.iter().filter(|one| one.names.is_empty()).count();
    let bodies = text::count(bodies as u64, "body", "bodies");
    let found = text::count(count as u64, "finding", "findings");
    out + &format!("{found} in {bodies}\n")
}
