//! The entry point of the command.

use std::error::Error as _;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ContextKind;

use super::args::Arguments;
use super::error::Failure;
use super::exit::Exit;
use super::session::Session;
use super::{commands, text};

/// Runs the command with the arguments of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { global, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return report_parse_error(&error),
    };
    let session = Session::new(global);
    let exit = match commands::run(&command, &session) {
        Ok(()) => Exit::Success,
        Err(failure) => {
            failure.print(session.json());
            failure.exit()
        }
    };
    ExitCode::from(exit as u8)
}

/// Handles arguments that are not a command: prints the help, the version, or the error.
fn report_parse_error(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os()
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    let (message, is_from_clap) = describe_parse_error(error);
    if error.use_stderr() && (wants_json || !is_from_clap) {
        let failure = Failure::usage(message).hint("promptbook help lists all commands");
        failure.print(wants_json);
        return ExitCode::from(failure.exit() as u8);
    }
    // If this write fails, there is no other place to report it.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(Exit::Usage as u8)
    } else {
        ExitCode::SUCCESS
    }
}

/// The maximum size in bytes of an error message from clap that is shown.
const MAX_MESSAGE_BYTES: usize = 4096;

/// Returns the error in the arguments, and whether the text is clap's.
///
/// clap's text quotes the arguments as typed. It is replaced if it is long or contains unprintable
/// characters.
fn describe_parse_error(error: &clap::Error) -> (String, bool) {
    let text = error.to_string();
    // `Failure` writes the same prefix.
    let full = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    if full.len() <= MAX_MESSAGE_BYTES && text::lines(full) == full {
        return (full.to_owned(), true);
    }
    let argument = error.get(ContextKind::InvalidArg);
    let message = match (argument, error.source()) {
        (Some(argument), Some(source)) => format!("{argument}: {source}"),
        _ => full.chars().take(MAX_MESSAGE_BYTES).collect(),
    };
    (message, false)
}
