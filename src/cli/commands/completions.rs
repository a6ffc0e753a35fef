//! The command `completions`.

use clap_complete::env::Shells;
use serde_json::json;

use crate::cli::args::CompletionsArgs;
use crate::cli::completion::VARIABLE;
use crate::cli::error::{CommandResult, Failure};
use crate::cli::output;
use crate::cli::session::Session;

/// The name of the command that the scripts complete and call.
const COMMAND: &str = "promptbook";

pub(super) fn completions(args: &CompletionsArgs, session: &Session) -> CommandResult {
    let shell = args.shell.to_string();
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell)
        .ok_or_else(|| Failure::usage(format!("{shell} is not supported")))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, COMMAND, COMMAND, COMMAND, &mut script)
        .map_err(|error| Failure::io("the script cannot be written", &error))?;
    if session.json() {
        let script = String::from_utf8_lossy(&script);
        return output::write_json(&json!({"shell": shell, "script": script}));
    }
    output::write_bytes(&script)
}
