//! The entry point of the command.

use std::process::ExitCode;

use clap_complete::CompleteEnv;

use super::args::Arguments;
use super::completion;
use super::exit::Exit;
use super::session::Session;
use super::{command_line, commands, parse_error, suggest};

/// Runs the command with the arguments of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    // Answers a shell's question for completions, and ends this process, if a variable says so.
    CompleteEnv::with_factory(command_line::command)
        .var(completion::VARIABLE)
        .bin("promptbook")
        .complete();
    let Arguments { global, command } = match command_line::parse() {
        Ok(arguments) => arguments,
        Err(error) => return parse_error::report(error),
    };
    let session = Session::new(global);
    let exit = match commands::run(&command, &session) {
        Ok(()) => Exit::Success,
        Err(mut failure) => {
            suggest::add_similar_names(&mut failure, &session);
            failure.print(session.json());
            failure.exit()
        }
    };
    ExitCode::from(exit as u8)
}
