//! The command `freeze`.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::Error;
use crate::cli::args::freeze::FreezeArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::text;
use crate::error::FileError;
use crate::frozen::{Frozen, Lockfile};
use crate::fs::new_file::{NewFile, folder_of};

pub(super) fn freeze(args: &FreezeArgs, session: &Session) -> CommandResult {
    let files = Files::of(args)?;
    if args.check && args.as_of.at.is_none() && !session.has_store()? {
        return check_files(&files, args, session);
    }
    let now = session.view(&args.as_of)?.freeze(args.env.clone())?;
    if args.check {
        check(&files, &now, session)
    } else {
        write(&files, &now, session)
    }
}

/// The paths of the frozen file and its lockfile.
struct Files {
    frozen: PathBuf,
    lock: PathBuf,
}

impl Files {
    fn of(args: &FreezeArgs) -> CommandResult<Self> {
        let beside = || {
            let mut name = args.file.clone().into_os_string();
            name.push(".lock");
            name.into()
        };
        let lock = args.lock.clone().unwrap_or_else(beside);
        if canonical(&lock) == canonical(&args.file) {
            return Err(Failure::usage("FILE and the lockfile are the same file"));
        }
        // Both files are read first, and a pipe or device may have no end.
        for path in [&args.file, &lock] {
            if fs::metadata(path).is_ok_and(|there| !there.is_file()) {
                let message = format!("{} is not a regular file", path.display());
                return Err(Failure::new(Exit::Conflict, "file_in_the_way", message)
                    .hint("name another file"));
            }
        }
        Ok(Self {
            frozen: args.file.clone(),
            lock,
        })
    }

    /// Reads the frozen file. Returns `None` if it is missing, or the error if it is invalid.
    fn read_frozen(&self) -> CommandResult<Option<Result<Frozen, FileError>>> {
        optional(Frozen::open(&self.frozen))
    }

    /// Reads the lockfile, with the same results.
    fn read_lock(&self) -> CommandResult<Option<Result<Lockfile, FileError>>> {
        optional(Lockfile::open(&self.lock))
    }

    /// Returns a file that this command must not overwrite, and the reason.
    fn obstacle<'a>(
        &'a self,
        frozen: &'a Option<Result<Frozen, FileError>>,
        lock: &'a Option<Result<Lockfile, FileError>>,
    ) -> Option<(&'a Path, &'a FileError)> {
        match (frozen, lock) {
            (Some(Err(error @ (FileError::Foreign { .. } | FileError::NewerFormat { .. }))), _) => {
                Some((&self.frozen, error))
            }
            (_, Some(Err(error))) if !was_a_lock(&self.lock) => Some((&self.lock, error)),
            _ => None,
        }
    }
}

const NOTHING_HINT: &str = "promptbook ls lists the prompts; --env names another environment";

fn optional<T>(opened: crate::Result<T>) -> CommandResult<Option<Result<T, FileError>>> {
    match opened {
        Ok(opened) => Ok(Some(Ok(opened))),
        Err(Error::File(FileError::Unreadable { source, .. }))
            if source.kind() == io::ErrorKind::NotFound =>
        {
            Ok(None)
        }
        Err(Error::File(error @ FileError::Unreadable { .. })) => Err(Error::File(error).into()),
        Err(Error::File(error)) => Ok(Some(Err(error))),
        Err(other) => Err(other.into()),
    }
}

fn write(files: &Files, now: &Frozen, session: &Session) -> CommandResult {
    if now.prompts().len() == 0 {
        let environment = text::line(now.environment().as_str());
        let message = format!("no prompt has a version in {environment}, so nothing was written");
        return Err(Failure::new(Exit::NotFound, "nothing_to_freeze", message).hint(NOTHING_HINT));
    }
    let (frozen_before, lock_before) = (files.read_frozen()?, files.read_lock()?);
    if let Some((path, error)) = files.obstacle(&frozen_before, &lock_before) {
        return Err(obstacle_failure(path, error));
    }
    let lock = Lockfile::of(now);
    let changes = match lock_before {
        Some(Ok(before)) => drift_lines(&before, &lock),
        _ => Vec::new(),
    };
    let wrote_frozen = replace(&files.frozen, now.as_bytes())?;
    let wrote_lock = replace(&files.lock, lock.to_json().as_bytes())?;
    let effect = if wrote_frozen || wrote_lock {
        "written"
    } else {
        "unchanged"
    };
    answer(files, &lock, effect, &changes, session)
}

/// Returns whether an invalid lockfile looks like a former lockfile, for example after a merge.
///
/// Such a file may be overwritten.
fn was_a_lock(path: &Path) -> bool {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.contains("\"promptbook_lock\": 1,")
}

fn obstacle_failure(path: &Path, error: &FileError) -> Failure {
    let message = format!("{} is in the way, so nothing was written", path.display());
    Failure::new(Exit::Conflict, "file_in_the_way", message)
        .with_causes(error)
        .hint("remove it, or name another file")
}

/// Writes a file entirely or not at all. Returns false if it already has these contents.
fn replace(path: &Path, bytes: &[u8]) -> CommandResult<bool> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(false);
    }
    let written = NewFile::begin(path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.publish(true)
    });
    written
        .map_err(|error| Failure::io(format!("{} cannot be written", path.display()), &error))?;
    Ok(true)
}

fn check(files: &Files, now: &Frozen, session: &Session) -> CommandResult {
    let mut details = Vec::new();
    let mut take = |path: &Path, drifts: Vec<String>| {
        let path = path.display();
        details.extend(drifts.iter().map(|drift| format!("{path}: {drift}")));
    };
    let (lock, frozen) = (files.read_lock()?, files.read_frozen()?);
    let hint = match files.obstacle(&frozen, &lock) {
        Some((path, _)) => format!(
            "{} is in the way: remove it, or name another file",
            path.display()
        ),
        None if now.prompts().len() == 0 => NOTHING_HINT.into(),
        None => "run the same command without --check to write both files again".into(),
    };
    let lock = require(lock);
    let frozen = require(frozen).map(|frozen| Lockfile::of(&frozen));
    let lock_now = Lockfile::of(now);
    match (&lock, &frozen) {
        (Ok(lock), Ok(frozen)) => {
            take(Path::new("the store"), drift_lines(lock, &lock_now));
            take(&files.frozen, drift_lines(lock, frozen));
        }
        (Ok(one), Err(wrong)) => {
            take(&files.frozen, vec![wrong.clone()]);
            take(Path::new("the store"), drift_lines(one, &lock_now));
        }
        (Err(wrong), Ok(one)) => {
            take(&files.lock, vec![wrong.clone()]);
            take(Path::new("the store"), drift_lines(one, &lock_now));
        }
        (Err(wrong_lock), Err(wrong_frozen)) => {
            take(&files.frozen, vec![wrong_frozen.clone()]);
            take(&files.lock, vec![wrong_lock.clone()]);
        }
    }
    if details.is_empty() {
        return answer(files, &lock_now, "checked", &[], session);
    }
    let message = format!(
        "{}, {} and the store differ",
        files.frozen.display(),
        files.lock.display()
    );
    Err(Failure::new(Exit::Conflict, "drift", message)
        .details(details)
        .hint(hint))
}

/// Checks the frozen file against its lockfile, without a store, as in a checkout of a repository.
fn check_files(files: &Files, args: &FreezeArgs, session: &Session) -> CommandResult {
    let mut details = Vec::new();
    let mut take = |path: &Path, wrong: Vec<String>| {
        let path = path.display();
        details.extend(wrong.iter().map(|wrong| format!("{path}: {wrong}")));
    };
    let lock = require(files.read_lock()?);
    let frozen = require(files.read_frozen()?).map(|frozen| Lockfile::of(&frozen));
    if let Err(wrong) = &frozen {
        take(&files.frozen, vec![wrong.clone()]);
    }
    match (&lock, &frozen) {
        (Err(wrong), _) => take(&files.lock, vec![wrong.clone()]),
        (Ok(lock), _) if *lock.environment() != args.env => {
            let environment = text::line(lock.environment().as_str());
            take(
                &files.lock,
                vec![format!("its environment is {environment}")],
            );
        }
        (Ok(lock), Ok(frozen)) => take(&files.frozen, drift_lines(lock, frozen)),
        (Ok(_), Err(_)) => {}
    }
    if let (true, Ok(lock)) = (details.is_empty(), &lock) {
        answer(files, lock, "checked", &[], session)?;
        session.note("there is no store here: only the file and its lockfile were compared");
        return Ok(());
    }
    let message = format!(
        "{} and {} differ",
        files.frozen.display(),
        files.lock.display()
    );
    Err(Failure::new(Exit::Conflict, "drift", message)
        .details(details)
        .hint("commit both files as promptbook freeze wrote them together"))
}

/// Returns the canonical folder and the name of a file, which need not exist.
fn canonical(path: &Path) -> (PathBuf, Option<&OsStr>) {
    let folder = folder_of(path);
    let canonical = fs::canonicalize(folder).unwrap_or_else(|_| folder.into());
    (canonical, path.file_name())
}

/// Returns the opened file, or a description of what is wrong with it.
fn require<T>(found: Option<Result<T, FileError>>) -> Result<T, String> {
    match found {
        Some(found) => found.map_err(|error| error.to_string()),
        None => Err("it is missing".into()),
    }
}

fn drift_lines(before: &Lockfile, after: &Lockfile) -> Vec<String> {
    let drifts = before.drift(after).into_iter();
    drifts.map(|drift| drift.to_string()).collect()
}

fn answer(
    files: &Files,
    lock: &Lockfile,
    effect: &str,
    changes: &[String],
    session: &Session,
) -> CommandResult {
    let json = || {
        let prompts = lock.prompts().iter().map(|prompt| {
            json!({
                "id": prompt.id,
                "name": prompt.name,
                "number": prompt.number,
                "version": prompt.version,
                "hash": prompt.hash,
                "source": prompt.source,
            })
        });
        json!({
            "file": files.frozen.to_string_lossy(),
            "lock": files.lock.to_string_lossy(),
            "environment": lock.environment(),
            "seal": lock.frozen(),
            "effect": effect,
            "prompts": prompts.collect::<Vec<Value>>(),
            "changes": changes,
        })
    };
    let words = || {
        let mut text: String = changes
            .iter()
            .map(|change| format!("{}\n", text::line(change)))
            .collect();
        let effect = match effect {
            "checked" => "up to date",
            other => other,
        };
        text.push_str(&format!(
            "{}: {} in {}, {effect}\n",
            text::line(&files.frozen.to_string_lossy()),
            text::count(lock.prompts().len() as u64, "prompt", "prompts"),
            text::line(lock.environment().as_str()),
        ));
        text
    };
    match effect {
        "written" => session.report(
            CompletedChange::Other("the files were written"),
            json,
            words,
        ),
        _ => session.write_output(json, words),
    }
}
