//! The commands `export --bundle` and `import` of a bundle.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};

#[cfg(feature = "remote")]
use super::remote::renumbered;
use crate::bundle::{BundleSummary, ImportSummary};
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::{input, text};
use crate::error::FileError;
use crate::fs::new_file::NewFile;
use crate::{Error, Store};

pub(super) fn export(path: &Path, force: bool, session: &Session) -> CommandResult {
    let store = session.reader()?;
    if path == Path::new("-") {
        return to_standard_output(&store);
    }
    if !force && path.exists() {
        return Err(in_the_way(path));
    }
    let summary = to_file(&store, path, force)?;
    session.report(
        CompletedChange::Other("the bundle was written"),
        || answer_json(path, &summary),
        || {
            format!(
                "{}: {}, {}\n",
                text::line(&path.to_string_lossy()),
                text::count(summary.operations, "operation", "operations"),
                text::count(summary.bodies, "body", "bodies"),
            )
        },
    )
}

pub(super) fn import(path: &Path, session: &Session) -> CommandResult {
    let store = session.store()?;
    let imported = store
        .import_bundle(open(path)?)
        .map_err(|error| Failure::from(error).with_subject(&input::name_of(path)))?;
    session.report(
        CompletedChange::Operations(&store),
        || answer_json(path, &imported),
        || words(&imported),
    )
}

/// Imports a bundle, and gives own versions other numbers if the bundle has used theirs.
#[cfg(feature = "remote")]
pub(super) fn import_renumbering(path: &Path, session: &Session) -> CommandResult {
    // It is closed again: the index can be replaced only while no process has the store open.
    let directory = session.store()?.path().map(Path::to_path_buf);
    let directory = directory.ok_or_else(|| {
        Failure::usage("--renumber needs a store in a directory, whose index it can replace")
    })?;
    let (store, imported) =
        crate::remote::import_renumbering(directory, &session.options(), open(path)?)
            .map_err(|error| Failure::from(error).with_subject(&input::name_of(path)))?;
    let (reassigned, previous) = (&imported.reassigned, &imported.previous_index);
    renumbered::notes(reassigned, previous.as_deref(), "bundle", false, session);
    session.report(
        CompletedChange::Operations(&store),
        || {
            let mut json = answer_json(path, &imported.import);
            json["reassigned"] = json!(reassigned);
            json["previous_index"] = json!(previous);
            json
        },
        || renumbered::lines(reassigned) + &words(&imported.import),
    )
}

/// Opens a bundle. Fails with its name.
fn open(path: &Path) -> CommandResult<File> {
    let name = input::name_of(path);
    open_seekable(path).map_err(|error| match error.kind() {
        ErrorKind::NotFound => {
            let message = format!("no file {name}");
            Failure::new(Exit::NotFound, "file_not_found", message)
        }
        _ => Failure::io(format!("{name} cannot be read"), &error),
    })
}

/// Opens a bundle.
///
/// A bundle is read twice, so input that cannot seek, such as a pipe, is copied to a temporary
/// file.
fn open_seekable(path: &Path) -> io::Result<File> {
    if input::is_stdin(path) {
        return spooled(io::stdin().lock());
    }
    let file = File::open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        spooled(file)
    }
}

/// Copies input to a temporary file.
///
/// Input that does not begin like a bundle is not read to its end: its beginning is enough to
/// refuse it.
fn spooled(mut from: impl Read) -> io::Result<File> {
    const BEGINNING: &[u8] = b"promptbook ";
    let mut file = tempfile::tempfile()?;
    let mut head = Vec::new();
    from.by_ref()
        .take(BEGINNING.len() as u64)
        .read_to_end(&mut head)?;
    file.write_all(&head)?;
    if head == BEGINNING {
        io::copy(&mut from, &mut file)?;
    }
    file.rewind()?;
    Ok(file)
}

/// Writes the bundle to standard output, and no report.
fn to_standard_output(store: &Store) -> CommandResult {
    match store.export_bundle(io::stdout().lock()) {
        Ok(_) => Ok(()),
        // The reader closed the output because it has read enough.
        Err(Error::File(FileError::Writing { source, .. }))
            if source.kind() == ErrorKind::BrokenPipe =>
        {
            Err(Failure::closed())
        }
        Err(error) => Err(error.into()),
    }
}

/// Writes the bundle to a new file, which replaces an existing one only when it is complete.
fn to_file(store: &Store, path: &Path, force: bool) -> CommandResult<BundleSummary> {
    let write_failure =
        |error: &io::Error| Failure::io(format!("{} cannot be written", path.display()), error);
    let mut file = NewFile::begin(path).map_err(|error| write_failure(&error))?;
    let summary = store.export_bundle(&mut file)?;
    // Without `force`, never overwrites a file that was created since the check.
    file.publish(force).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => in_the_way(path),
        _ => write_failure(&error),
    })?;
    Ok(summary)
}

fn in_the_way(path: &Path) -> Failure {
    let message = format!("{} already exists", path.display());
    Failure::new(Exit::Conflict, "file_exists", message).hint("pass --force to replace it")
}

fn answer_json(path: &Path, done: &impl Serialize) -> Value {
    let mut answer = json!({"bundle": path.to_string_lossy()});
    if let (Some(answer), Ok(Value::Object(done))) =
        (answer.as_object_mut(), serde_json::to_value(done))
    {
        answer.extend(done);
    }
    answer
}

fn words(imported: &ImportSummary) -> String {
    format!(
        "{} appended{}, {} already present; {} stored\n",
        text::count(imported.appended, "operation", "operations"),
        if imported.merged {
            " after the store's own operations"
        } else {
            ""
        },
        imported.present,
        text::count(imported.bodies, "body", "bodies"),
    )
}
