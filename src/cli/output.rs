//! Where answers go: to standard output, in words or in JSON; notes and errors go to standard error.

use std::fmt::Display;
use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use super::error::{Failure, Outcome};
use super::text;

/// The number of a version.
pub(crate) const NUMBER: Style = AnsiColor::Yellow.on_default();
/// A prompt's name, and what else stands out.
pub(crate) const NAME: Style = Style::new().bold();
/// An environment.
pub(crate) const ENVIRONMENT: Style = AnsiColor::Green.on_default();
/// What was searched.
pub(crate) const FOUND: Style = AnsiColor::Red.on_default().bold();
/// What may be overlooked.
pub(crate) const DIM: Style = Style::new().dimmed();
/// What it is by default.
pub(crate) const PLAIN: Style = Style::new();
/// What is wrong.
pub(crate) const WRONG: Style = AnsiColor::Red.on_default().bold();
/// What may be wrong.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// What to do.
pub(crate) const HINT: Style = AnsiColor::Cyan.on_default().bold();
/// What is there no more.
pub(crate) const REMOVED: Style = AnsiColor::Red.on_default();
/// What is new.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();

/// A text in a style. The style is dropped where the output is no terminal or wants none.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Writes words to standard output.
pub(crate) fn words(text: &str) -> Outcome {
    let mut out = anstream::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(unwritten)
}

/// Writes exactly these bytes to standard output.
pub(crate) fn bytes(bytes: &[u8]) -> Outcome {
    let mut out = io::stdout().lock();
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(unwritten)
}

/// Writes JSON to standard output.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> Outcome {
    bytes(text::json(value).as_bytes())
}

/// Whether the reader of standard output went away, which is otherwise seen when something is written.
#[cfg(unix)]
pub(crate) fn is_closed() -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let out = io::stdout();
    let mut polled = [PollFd::new(&out, PollFlags::empty())];
    let now = Timespec::default();
    let found = poll(&mut polled, Some(&now));
    let gone = PollFlags::ERR | PollFlags::HUP;
    found.is_ok() && polled[0].revents().intersects(gone)
}

/// Not known before something is written.
#[cfg(not(unix))]
pub(crate) fn is_closed() -> bool {
    false
}

/// Writes words to standard error. Where even that fails, there is nobody to tell.
pub(crate) fn aside(text: &str) {
    let mut err = anstream::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

fn unwritten(error: io::Error) -> Failure {
    match error.kind() {
        // Whoever read the output has read enough.
        io::ErrorKind::BrokenPipe => Failure::closed(),
        _ => Failure::io("the output can't be written", &error),
    }
}
