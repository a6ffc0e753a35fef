//! The user's editor, which `edit` opens on a draft.

use std::env;
use std::path::Path;
use std::process::Command;

use super::error::{CommandResult, Failure};
use super::exit::Exit;

/// The editor if neither `VISUAL` nor `EDITOR` is set, as with git.
const DEFAULT_EDITOR: &str = if cfg!(windows) { "notepad" } else { "vi" };

/// Opens a file in the editor, and waits until the editor ends.
pub(crate) fn edit(file: &Path) -> CommandResult {
    let named = ["VISUAL", "EDITOR"].into_iter().find_map(|name| {
        let editor = env::var(name).ok()?;
        (!editor.trim().is_empty()).then_some(editor)
    });
    let editor = named.unwrap_or_else(|| DEFAULT_EDITOR.into());
    let failed = |reason: String| {
        let message = format!("the editor {editor} {reason}");
        Failure::new(Exit::Failure, "editor", message)
            .hint("VISUAL or EDITOR names the editor, such as EDITOR='code --wait'")
    };
    let status = command(&editor, file).status();
    let status = status.map_err(|error| failed(format!("could not be started: {error}")))?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(format!("failed: {status}")))
    }
}

/// Returns the command of an editor, which may have options. A shell reads it, as with git.
#[cfg(unix)]
fn command(editor: &str, file: &Path) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{editor} \"$@\"")).arg("sh");
    command.arg(file);
    command
}

#[cfg(not(unix))]
fn command(editor: &str, file: &Path) -> Command {
    let mut words = editor.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or(DEFAULT_EDITOR));
    command.args(words).arg(file);
    command
}
