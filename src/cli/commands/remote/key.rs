//! Reading of a remote's key: from a file, standard input or the environment.

use std::env;
use std::io::{IsTerminal, Read, stdin};

use crate::cli::args::remote::KeyArgs;
use crate::cli::commands::keys;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::input;
use crate::cli::output::write_stderr;
use crate::remote::RemoteKey;

/// The environment variable that contains the key.
const VARIABLE: &str = "HELICONE_API_KEY";

/// The maximum number of bytes that are read from standard input.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// Returns the key of a remote.
pub(super) fn key(args: &KeyArgs) -> CommandResult<RemoteKey> {
    let text = match &args.file {
        Some(file) if input::is_stdin(file) => from_standard_input()?,
        Some(file) => keys::key_in(file)?,
        None => env::var(VARIABLE).unwrap_or_default(),
    };
    RemoteKey::new(&text).ok_or_else(|| {
        let (message, hint) = match &args.file {
            Some(_) => (
                "the key is empty",
                "the file contains the key and nothing else",
            ),
            None => (
                "no key for the remote",
                "put it into a file and pass --key-file FILE, pass --key-file - to type it, \
                 or set HELICONE_API_KEY",
            ),
        };
        Failure::new(Exit::Usage, "key_needed", message).hint(hint)
    })
}

fn from_standard_input() -> CommandResult<String> {
    if stdin().is_terminal() {
        write_stderr("Key (end with Enter): ");
        let mut line = String::new();
        let read = stdin().read_line(&mut line);
        return match read {
            Ok(_) => Ok(line),
            Err(error) => Err(Failure::io("the key cannot be read", &error)),
        };
    }
    let mut text = String::new();
    let read = stdin().take(MAX_KEY_BYTES).read_to_string(&mut text);
    match read {
        Ok(_) => Ok(text),
        Err(error) => Err(Failure::io(
            "the key cannot be read from standard input",
            &error,
        )),
    }
}
