//! The command `completions`.

use clap::CommandFactory;
use serde_json::json;

use crate::cli::args::{Arguments, CompletionsArgs};
use crate::cli::error::CommandResult;
use crate::cli::output;
use crate::cli::session::Session;

pub(super) fn completions(args: &CompletionsArgs, session: &Session) -> CommandResult {
    // To memory first, because clap_complete panics if a write fails.
    let mut script = Vec::new();
    clap_complete::generate(
        args.shell,
        &mut Arguments::command(),
        "promptbook",
        &mut script,
    );
    if session.json() {
        let script = String::from_utf8_lossy(&script);
        return output::write_json(&json!({"shell": args.shell.to_string(), "script": script}));
    }
    output::write_bytes(&script)
}
