//! Output of the command: results on standard output, notes and errors on standard error.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::error::{CommandResult, Failure};
use super::text;

/// The style of version numbers.
pub(crate) const NUMBER: Style = AnsiColor::Yellow.on_default();
/// The style of prompt names and other headings.
pub(crate) const NAME: Style = Style::new().bold();
/// The style of environment names.
pub(crate) const ENVIRONMENT: Style = AnsiColor::Green.on_default();
/// The style of search matches.
pub(crate) const FOUND: Style = AnsiColor::Red.on_default().bold();
/// The style of secondary text.
pub(crate) const DIM: Style = Style::new().dimmed();
/// The terminal's default style.
pub(crate) const PLAIN: Style = Style::new();
/// The style of errors.
pub(crate) const ERROR: Style = AnsiColor::Red.on_default().bold();
/// The style of warnings.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// The style of hints.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// The style of removed text.
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
/// The style of added text.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();

/// Returns a text in a style. The writers drop styles if the output does not support them.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes styled text to standard output.
pub(crate) fn write_text(text: &str) -> CommandResult {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(write_error)
}

/// Writes bytes unchanged to standard output.
pub(crate) fn write_bytes(bytes: &[u8]) -> CommandResult {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(write_error)
}

/// Writes JSON to standard output.
pub(crate) fn write_json(value: &(impl Serialize + ?Sized)) -> CommandResult {
    write_bytes(text::json(value).as_bytes())
}

/// Calls a function once the reader of standard output has closed it.
///
/// Without this, only a write would show it. If no thread can be started, it is not noticed.
#[cfg(unix)]
pub(crate) fn when_closed(closed: impl FnOnce() + Send + 'static) {
    use rustix::event::{PollFd, PollFlags, poll};
    let wait = move || {
        let out = io::stdout();
        loop {
            let mut polled = [PollFd::new(&out, PollFlags::empty())];
            match poll(&mut polled, None) {
                Ok(_) => break,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return,
            }
        }
        closed();
    };
    let _ = std::thread::Builder::new().spawn(wait);
}

/// Does nothing: on this platform only a write shows that the output is closed.
#[cfg(not(unix))]
pub(crate) fn when_closed(_closed: impl FnOnce() + Send + 'static) {}

/// Writes styled text to standard error.
///
/// Ignores failures, because there is no other place to report them.
pub(crate) fn write_stderr(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

fn write_error(error: io::Error) -> Failure {
    match error.kind() {
        // The reader closed the output because it has read enough.
        io::ErrorKind::BrokenPipe => Failure::closed(),
        _ => Failure::io("the output cannot be written", &error),
    }
}
