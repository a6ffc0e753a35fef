//! The command `diff`.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::render::{title, whole_or_stat};
use crate::cli::args::diff::DiffArgs;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::json::DifferenceShape;
use crate::cli::output::{ADDED, DIM, NAME, NUMBER, REMOVED, paint};
use crate::cli::session::Session;
use crate::cli::{input, json, text};
use crate::diff::{Difference, EnvironmentDifference};
use crate::formats::Format;
use crate::{EnvironmentName, Error, Prompt, PromptRef, VersionSpec, View};

pub(crate) fn diff(args: &DiffArgs, session: &Session) -> CommandResult {
    if let Some([from, to]) = args.env.as_deref() {
        return match &args.specs[..] {
            [] => environments(from, to, args, session),
            [prompt] => one_in_environments(&prompt.parse()?, from, to, args, session),
            _ => Err(Failure::usage(
                "--env compares two environments of one prompt or of all prompts",
            )),
        };
    }
    if let (Some(folder), None) = (folder_of(args, session)?, &args.file) {
        return super::folder::folder(&folder, args, session);
    }
    let specs = args
        .specs
        .iter()
        .map(|spec| Ok(spec.parse()?))
        .collect::<CommandResult<Vec<VersionSpec>>>()?;
    match (&specs[..], &args.file) {
        ([from], Some(file)) => {
            let body = input::body(Some(file))?;
            let store = session.view(&args.as_of)?;
            let difference = store.diff_body(from.clone(), &body)?;
            answer(&store, &difference, args, session)
        }
        ([from, to], None) => versions(&session.view(&args.as_of)?, from, to, args, session),
        ([to], None) => {
            let store = session.view(&args.as_of)?;
            let (from, to) = with_base(&store, to)?;
            versions(&store, &from, &to, args, session)
        }
        _ => Err(Failure::usage("--file compares one version with a body")
            .hint("use promptbook diff SPEC --file FILE, or name two versions and no file")),
    }
}

/// The use of the options that concern files.
const FILES_ONLY: &str = "--format and --keep-as-text compare a folder or a file: promptbook diff FOLDER --format FORMAT";

/// Returns the folder or the file that is named instead of a version.
///
/// A prompt of that name comes first, unless the path begins with `.` or `/`, or ends with `/`, or
/// the options are those of files.
fn folder_of(args: &DiffArgs, session: &Session) -> CommandResult<Option<PathBuf>> {
    let of_files = args.format.is_some() || args.unsupported.keep_as_text;
    let [path] = &args.specs[..] else {
        if of_files {
            return Err(Failure::usage(FILES_ONLY));
        }
        return Ok(None);
    };
    let found = Path::new(path);
    if of_files {
        if found.exists() {
            return Ok(Some(found.to_owned()));
        }
        let message = format!("no folder or file {path}");
        return Err(Failure::new(Exit::NotFound, "file_not_found", message).hint(FILES_ONLY));
    }
    let is_prompt_file = found.is_file() && Format::of_file(found).is_some();
    if !found.is_dir() && !is_prompt_file {
        return Ok(None);
    }
    let is_path = path.starts_with(['.', '/']) || path.ends_with('/');
    let is_folder = is_path
        || match session.view(&args.as_of)?.version(path) {
            Ok(_) => false,
            Err(error) => matches!(
                error,
                Error::PromptNotFound { .. } | Error::InvalidArgument(_)
            ),
        };
    Ok(is_folder.then(|| found.to_owned()))
}

/// Returns the base of a version, and the version.
fn with_base(store: &View, spec: &VersionSpec) -> CommandResult<(VersionSpec, VersionSpec)> {
    let version = store.version(spec.clone())?;
    match version.base {
        Some(base) => match store.version(base) {
            Err(Error::VersionNotFound { .. }) => {
                let message = format!("the base of version {} is deleted", version.number);
                Err(Failure::new(Exit::NotFound, "base_deleted", message).hint(
                    "promptbook diff SPEC SPEC --at N compares the two versions as of operation N; \
                     promptbook undo N undoes a deletion",
                ))
            }
            found => Ok((found?.id.into(), version.id.into())),
        },
        None => {
            let message = format!("version {} has no base", version.number);
            Err(Failure::new(Exit::NotFound, "no_base", message)
                .hint("promptbook diff SPEC SPEC compares any two versions"))
        }
    }
}

fn versions(
    store: &View,
    from: &VersionSpec,
    to: &VersionSpec,
    args: &DiffArgs,
    session: &Session,
) -> CommandResult {
    let difference = store.diff(from.clone(), to.clone())?;
    answer(store, &difference, args, session)
}

fn answer(
    store: &View,
    difference: &Difference,
    args: &DiffArgs,
    session: &Session,
) -> CommandResult {
    session.write_output(
        || json::difference(difference),
        || heading(store, difference, args) + &whole_or_stat(difference, args.stat),
    )
}

/// Returns one line that names the two sides.
fn heading(store: &View, difference: &Difference, args: &DiffArgs) -> String {
    let file = args.file.as_deref().map(input::name_of).unwrap_or_default();
    let name = |version: &crate::Version| {
        let prompt = store.prompt(version.prompt_id).ok()?;
        Some(paint(NAME, text::name(prompt.name.as_str())))
    };
    let (from, to) = (&difference.from.version, &difference.to.version);
    let from_name = from.as_ref().and_then(name).unwrap_or_default();
    match (from, to) {
        (Some(one), Some(other)) if one.prompt_id != other.prompt_id => format!(
            "{from_name} {} → {} {}\n",
            paint(NUMBER, one.number),
            name(other).unwrap_or_default(),
            paint(NUMBER, other.number)
        ),
        _ => format!(
            "{from_name} {}\n",
            title(&difference.from, &difference.to, &file)
        ),
    }
}

fn environments(
    from: &EnvironmentName,
    to: &EnvironmentName,
    args: &DiffArgs,
    session: &Session,
) -> CommandResult {
    let store = session.view(&args.as_of)?;
    are_known(&store, from, to)?;
    let found = store.diff_environments(from.clone(), to.clone())?;
    list(&found, (from, to), args, session)?;
    if found.is_empty() {
        session.note("the environments are equal");
    }
    Ok(())
}

/// Compares the versions of one prompt in two environments.
///
/// If only one environment has the prompt, reports that version.
fn one_in_environments(
    prompt: &PromptRef,
    from: &EnvironmentName,
    to: &EnvironmentName,
    args: &DiffArgs,
    session: &Session,
) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let prompt = store.prompt(prompt.clone())?;
    are_known(&store, from, to)?;
    let spec = |name: &EnvironmentName| VersionSpec::new(prompt.id, name.clone());
    let held = |name: &EnvironmentName| match store.version(spec(name)) {
        Err(Error::EnvironmentNotFound { .. }) => Ok(None),
        found => found.map(Some),
    };
    let (before, after) = (held(from)?, held(to)?);
    if before.is_some() == after.is_some() {
        return versions(&store, &spec(from), &spec(to), args, session);
    }
    let only = EnvironmentDifference {
        prompt,
        from: before,
        to: after,
        difference: None,
    };
    list(&[only], (from, to), args, session)
}

fn are_known(store: &View, from: &EnvironmentName, to: &EnvironmentName) -> CommandResult {
    let known = store.environment_names()?;
    if let Some(unknown) = [from, to].into_iter().find(|name| !known.contains(name)) {
        let message = format!("no prompt is in environment {:?}", unknown.as_str());
        return Err(Failure::new(
            Exit::NotFound,
            "environment_not_found",
            message,
        ));
    }
    Ok(())
}

fn list(
    found: &[EnvironmentDifference],
    places: (&EnvironmentName, &EnvironmentName),
    args: &DiffArgs,
    session: &Session,
) -> CommandResult {
    let json = || EnvironmentsShape {
        prompts: found.iter().map(one_json).collect(),
    };
    session.write_output(json, || {
        let texts = found.iter().map(|one| one_text(one, places, args));
        texts.collect::<Vec<_>>().join("\n")
    })
}

#[derive(Serialize)]
struct EnvironmentsShape<'a> {
    prompts: Vec<PromptShape<'a>>,
}

#[derive(Serialize)]
struct PromptShape<'a> {
    prompt: Value,
    from: Option<Value>,
    to: Option<Value>,
    difference: Option<DifferenceShape<'a>>,
}

fn one_json(one: &EnvironmentDifference) -> PromptShape<'_> {
    PromptShape {
        prompt: json::prompt(&one.prompt),
        from: one.from.as_ref().map(json::version),
        to: one.to.as_ref().map(json::version),
        difference: one.difference.as_ref().map(json::difference),
    }
}

fn one_text(
    one: &EnvironmentDifference,
    (from, to): (&EnvironmentName, &EnvironmentName),
    args: &DiffArgs,
) -> String {
    let name = |prompt: &Prompt| text::name(prompt.name.as_str());
    let prompt = paint(NAME, name(&one.prompt));
    let only = |sign: &str, version: &crate::Version, name: &EnvironmentName, style| {
        let text = format!(
            "{sign} {} in {} only",
            version.number,
            text::line(name.as_str())
        );
        format!("{prompt} {}\n", paint(style, text))
    };
    match (&one.difference, &one.from, &one.to) {
        (Some(difference), ..) => {
            let title = title(&difference.from, &difference.to, "");
            let names = [from, to].map(|name| text::line(name.as_str())).join(" → ");
            let places = paint(DIM, format!("({names})"));
            format!(
                "{prompt} {title} {places}\n{}",
                whole_or_stat(difference, args.stat)
            )
        }
        (None, Some(version), _) => only("-", version, from, REMOVED),
        (None, None, Some(version)) => only("+", version, to, ADDED),
        (None, None, None) => String::new(),
    }
}
