//! The entry point of the command.

use std::process::ExitCode;

use clap::Parser;

use super::args::Arguments;
use super::exit::Exit;
use super::session::Session;
use super::{commands, parse_error, suggest};

/// Runs the command with the arguments of this process and returns its exit code.
#[must_use]
pub fn main() -> ExitCode {
    let Arguments { global, command } = match Arguments::try_parse() {
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
