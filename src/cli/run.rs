//! TODO

use crate::cli::commands;
use crate::cli::text;
use std::error::Error as _;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ContextKind;

use super::args::Arguments;
use super::error::Failure;
use super::exit::Exit;
use super::session::Session;

/// Runs the command with the arguments of this process, and says how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { global, command } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return unparsed(&error),
    };
    let session = Session::new(global);
    let exit = match commands::run(&command, &session) {
        Ok(()) => Exit::Success,
        Err(failure) => {
            failure.tell(session.json());
            failure.exit()
        }
    };
    ExitCode::from(exit as u8)
}

/// Answers arguments that are no command: with help, the version, or what is wrong with them.
fn unparsed(error: &clap::Error) -> ExitCode {
    let wants_json = std::env::args_os()
        .take_while(|argument| argument != "--")
        .any(|argument| argument == "--json");
    let (message, is_claps) = why_unparsed(error);
    if error.use_stderr() && (wants_json || !is_claps) {
        let failure = Failure::usage(message).hint("promptbook help tells all commands");
        failure.tell(wants_json);
        return ExitCode::from(failure.exit() as u8);
    }
    // Where the output can't be written, there is nobody to tell.
    let _ = error.print();
    if error.use_stderr() {
        ExitCode::from(Exit::Usage as u8)
    } else {
        ExitCode::SUCCESS
    }
}

/// The size of a message of clap's own, in bytes, beyond which it is not shown.
const MAX_MESSAGE: usize = 4096;

/// Returns what is wrong with the arguments, and whether that is clap's own text. That has each argument as it was typed, so
/// it is replaced if it is long or not fit for a terminal.
fn why_unparsed(error: &clap::Error) -> (String, bool) {
    let text = error.to_string();
    // It begins as ours does.
    let own = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
    if own.len() <= MAX_MESSAGE && text::lines(own) == own {
        return (own.to_owned(), true);
    }
    let argument = error.get(ContextKind::InvalidArg);
    let message = match (argument, error.source()) {
        (Some(argument), Some(source)) => format!("{argument}: {source}"),
        _ => own.chars().take(MAX_MESSAGE).collect(),
    };
    (message, false)
}
