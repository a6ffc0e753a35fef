//! The command `export`.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::bundle;
use super::obstacles::{check_folder, link_in_path, obstacle, refuse_obstacles};
use crate::cli::args::ExportArgs;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{NAME, NUMBER, PLAIN};
use crate::cli::progress::ProgressDisplay;
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::text;
use crate::file_name::{self, FolderSpellings};
use crate::fs::folder::Folder;
use crate::fs::text_file::{equal_but_for_line_ends, without_byte_order_mark};
use crate::{BlobId, Error, Prompt, Selector, Store, Version};

pub(super) fn export(args: &ExportArgs, session: &Session) -> CommandResult {
    let folder = match (&args.bundle.file, &args.folder) {
        (Some(file), _) => return bundle::export(file, args.force, session),
        (None, folder) => folder.as_deref().unwrap_or(Path::new(".")),
    };
    check_folder(folder)?;
    let store = session.reader()?;
    let selector = args
        .env
        .clone()
        .map_or(Selector::Latest, Selector::Environment);
    let planned = plan(&store, &selector, folder)?;
    let differing: Vec<String> = planned
        .iter()
        .flat_map(PlannedFile::files)
        .filter(|(_, state)| *state == FileState::Differs)
        .map(|(file, _)| file.display().to_string())
        .collect();
    if !differing.is_empty() && !args.force {
        let files = text::count(differing.len() as u64, "file differs", "files differ");
        let message = format!("{files} from what would be written, so nothing was written");
        return Err(Failure::new(Exit::Conflict, "files_differ", message)
            .details(differing)
            .hint(
                "commit the files first with promptbook import, or overwrite them with --force",
            ));
    }
    let mut links: Vec<String> = planned
        .iter()
        .flat_map(PlannedFile::files)
        .filter(|(_, state)| *state != FileState::Same)
        .filter_map(|(file, _)| link_in_path(folder, file))
        .map(|link| link.display().to_string())
        .collect();
    links.dedup();
    if !links.is_empty() {
        let count = text::count(links.len() as u64, "link is", "links are");
        let message = format!("{count} where files would be written, so nothing was written");
        return Err(Failure::new(Exit::Conflict, "links", message)
            .details(links)
            .hint("nothing is written through links; remove them, or export to another folder"));
    }
    let progress = ProgressDisplay::of(session, "exporting", planned.len());
    for one in &planned {
        write(&store, one, folder)?;
        progress.step();
    }
    drop(progress);
    if planned.is_empty() {
        session.note("no prompts to export");
    }
    let (json, text_output) = (|| report_json(&planned), || report_text(&planned));
    match counts(&planned) {
        (0, _) => session.write_output(json, text_output),
        _ => session.report(
            CompletedChange::Other("the files were written"),
            json,
            text_output,
        ),
    }
}

/// A file to export.
struct PlannedFile {
    /// The path below the folder.
    file: PathBuf,
    prompt: Prompt,
    version: Version,
    /// The state of the file before the export.
    state: FileState,
    /// The file for the prompt's name and its state, if the name is too long for the path.
    name: Option<(PathBuf, FileState)>,
}

impl PlannedFile {
    fn files(&self) -> impl Iterator<Item = (&Path, FileState)> {
        let name = self.name.iter().map(|(file, state)| (&**file, *state));
        std::iter::once((&*self.file, self.state)).chain(name)
    }

    fn is_there(&self) -> bool {
        self.files().all(|(_, state)| state == FileState::Same)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum FileState {
    Missing,
    Same,
    Differs,
}

/// Lists the files to export and compares them with the existing ones, before anything is written.
fn plan(store: &Store, selector: &Selector, folder: &Path) -> CommandResult<Vec<PlannedFile>> {
    let prompts = store.prompts().page(None, usize::MAX)?;
    let mut namesakes: HashMap<String, usize> = HashMap::new();
    let mut folders = FolderSpellings::default();
    for prompt in &prompts {
        let name = prompt.name.as_str();
        *namesakes.entry(file_name::fold(name)).or_default() += 1;
        folders.add(name);
    }
    let mut planned = Vec::with_capacity(prompts.len());
    let mut obstacles = Vec::new();
    for prompt in prompts {
        let version = match store.version((prompt.id, selector.clone())) {
            Ok(version) => version,
            Err(
                Error::VersionNotFound { .. }
                | Error::EnvironmentNotFound { .. }
                | Error::PromptNotFound { .. },
            ) => {
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let name = prompt.name.as_str();
        let is_unique = namesakes.get(&file_name::fold(name)) == Some(&1);
        let file = file_name::encode(name, prompt.id, is_unique, &folders);
        if let Some(obstacle) = obstacle(folder, &file) {
            obstacles.push(obstacle);
            continue;
        }
        let name = match file_name::name_file(&file) {
            Some(path) => {
                let name = BlobId::of(prompt.name.as_str().as_bytes());
                let state = state(&folder.join(&path), name)?;
                Some((path, state))
            }
            None => None,
        };
        planned.push(PlannedFile {
            state: body_state(store, &folder.join(&file), &version)?,
            name,
            file,
            prompt,
            version,
        });
    }
    refuse_obstacles(obstacles)?;
    planned.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(planned)
}

/// Returns the state of the file of a version.
///
/// A file that differs only in its line ends, or in a byte order mark, is not written again: git or
/// an editor may have converted it.
fn body_state(store: &Store, path: &Path, version: &Version) -> CommandResult<FileState> {
    let Some(bytes) = read(path)? else {
        return Ok(FileState::Missing);
    };
    if BlobId::of(&bytes) == version.blob {
        return Ok(FileState::Same);
    }
    let stored = store.resolve(version.id)?;
    let file = without_byte_order_mark(bytes);
    Ok(if equal_but_for_line_ends(&file, stored.body.as_bytes()) {
        FileState::Same
    } else {
        FileState::Differs
    })
}

fn state(path: &Path, blob: BlobId) -> CommandResult<FileState> {
    Ok(match read(path)? {
        None => FileState::Missing,
        Some(bytes) if BlobId::of(&bytes) == blob => FileState::Same,
        Some(_) => FileState::Differs,
    })
}

/// Reads a file. Returns `None` if it does not exist.
fn read(path: &Path) -> CommandResult<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::io(
            format!("{} cannot be read", path.display()),
            &error,
        )),
    }
}

fn write(store: &Store, one: &PlannedFile, folder: &Path) -> CommandResult {
    if let Some((file, state)) = &one.name {
        write_path(folder, file, *state, one.prompt.name.as_str().as_bytes())?;
    }
    if one.state == FileState::Same {
        return Ok(());
    }
    let body = store.resolve(one.version.id)?.body.clone();
    write_path(folder, &one.file, one.state, body.as_bytes())
}

fn write_path(folder: &Path, file: &Path, state: FileState, bytes: &[u8]) -> CommandResult {
    write_file(folder, file, state, bytes).map_err(|error| {
        let path = folder.join(file);
        Failure::io(format!("{} cannot be written", path.display()), &error)
    })
}

/// Writes a file below the folder that the user named.
///
/// Follows no symbolic link below the folder, because one may have been created since the check.
fn write_file(folder: &Path, file: &Path, state: FileState, bytes: &[u8]) -> io::Result<()> {
    if state == FileState::Same {
        return Ok(());
    }
    fs::create_dir_all(folder)?;
    let mut folder = Folder::open(folder)?;
    let mut parts = file.iter().peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_some() {
            folder = folder.make_child(part, false)?;
            continue;
        }
        let mut file = match state {
            // Never overwrites a file that was created since the check.
            FileState::Missing => folder.create_new(part)?,
            _ => folder.open_to_replace(part)?,
        };
        file.write_all(bytes)?;
    }
    Ok(())
}

fn effect(one: &PlannedFile) -> &'static str {
    if one.is_there() {
        "unchanged"
    } else {
        "written"
    }
}

fn counts(planned: &[PlannedFile]) -> (usize, usize) {
    let unchanged = planned.iter().filter(|one| one.is_there()).count();
    (planned.len() - unchanged, unchanged)
}

fn report_json(planned: &[PlannedFile]) -> Value {
    let files = planned.iter().map(|one| {
        json!({
            "file": one.file.to_string_lossy(),
            "prompt": one.prompt.name,
            "prompt_id": one.prompt.id,
            "number": one.version.number,
            "effect": effect(one),
        })
    });
    let (written, unchanged) = counts(planned);
    json!({"written": written, "unchanged": unchanged, "files": files.collect::<Vec<_>>()})
}

/// Returns a table of the written files, and the number of unchanged files.
fn report_text(planned: &[PlannedFile]) -> String {
    let mut table = TextTable::new(&["FILE", "PROMPT", "VERSION"]);
    for one in planned.iter().filter(|one| !one.is_there()) {
        table.row([
            (text::line(&one.file.to_string_lossy()), PLAIN),
            (text::name(one.prompt.name.as_str()), NAME),
            (one.version.number.to_string(), NUMBER),
        ]);
    }
    let (written, unchanged) = counts(planned);
    format!("{}{written} written, {unchanged} unchanged\n", table.text())
}
