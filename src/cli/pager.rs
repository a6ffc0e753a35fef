//! The pager: a program that shows long output on a terminal page by page, as with git.
//!
//! The pager is a child process, as the user chose it in `PAGER`. A pager within this process would
//! be one more terminal interface, with keys that no user knows.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anstream::{AutoStream, ColorChoice};

use super::error::CommandResult;
use super::output;

/// The pager if `PAGER` is not set.
const DEFAULT_PAGER: &str = if cfg!(windows) { "more" } else { "less" };

/// The options of `less`, as git sets them: end if the output fits on the screen, keep colours, and
/// leave the output on the screen.
const LESS_OPTIONS: &str = "FRX";

/// The exit code of a shell that does not find the pager.
const NOT_FOUND: i32 = 127;

/// Writes styled text to standard output, through the pager if that is a terminal.
pub(crate) fn write_text(text: &str) -> CommandResult {
    if !io::stdout().is_terminal() {
        return output::write_text(text);
    }
    match pager() {
        Some(pager) if shown_by(&pager, text) => Ok(()),
        _ => output::write_text(text),
    }
}

/// Returns the user's pager. Returns `None` if the user wants none.
fn pager() -> Option<String> {
    let named = ["PROMPTBOOK_PAGER", "PAGER"]
        .into_iter()
        .find_map(|name| env::var(name).ok());
    let pager = named.unwrap_or_else(|| DEFAULT_PAGER.into());
    let pager = pager.trim();
    (!pager.is_empty() && pager != "cat").then(|| pager.to_owned())
}

/// Shows a text in a pager. Returns false if the pager could not be started.
fn shown_by(pager: &str, text: &str) -> bool {
    let mut command = shell(pager);
    if env::var_os("LESS").is_none() {
        command.env("LESS", LESS_OPTIONS);
    }
    // The user presses Ctrl-C for the pager, which must not lose its terminal to the shell. If this
    // fails, Ctrl-C ends this process too.
    let interrupted = Arc::new(AtomicBool::new(false));
    let _ = signal_hook::flag::register(signal_hook::consts::SIGINT, interrupted);
    let Ok(mut child) = command.stdin(Stdio::piped()).spawn() else {
        return false;
    };
    if let Some(mut input) = child.stdin.take() {
        let plain;
        let shown = if AutoStream::choice(&io::stdout()) == ColorChoice::Never {
            plain = anstream::adapter::strip_str(text).to_string();
            &plain
        } else {
            text
        };
        // Fails if the user leaves the pager before the end.
        let _ = input.write_all(shown.as_bytes());
    }
    match child.wait() {
        Ok(status) => status.code() != Some(NOT_FOUND),
        Err(_) => true,
    }
}

/// Returns the command that runs a pager with its options.
#[cfg(not(windows))]
fn shell(pager: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(pager);
    command
}

/// Returns the command that runs a pager with its options.
#[cfg(windows)]
fn shell(pager: &str) -> Command {
    let mut command = Command::new("cmd");
    command.arg("/C").arg(pager);
    command
}
