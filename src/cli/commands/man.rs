//! The command `man`.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::cli::args::ManArgs;
use crate::cli::command_line::command_without_help;
use crate::cli::error::{CommandResult, CompletedChange, Failure};
use crate::cli::output;
use crate::cli::session::Session;
use crate::cli::text;

pub(super) fn man(args: &ManArgs, session: &Session) -> CommandResult {
    if let Some(folder) = &args.dir {
        return to_folder(folder, session);
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command_without_help())
        .render(&mut page)
        .map_err(|error| Failure::io("the manual page cannot be written", &error))?;
    if session.json() {
        return output::write_json(&json!({"page": String::from_utf8_lossy(&page)}));
    }
    output::write_bytes(&page)
}

fn to_folder(folder: &Path, session: &Session) -> CommandResult {
    let written = fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(command_without_help(), folder));
    written.map_err(|error| {
        let message = format!("the manual pages cannot be written to {}", folder.display());
        Failure::io(message, &error)
    })?;
    session.report(
        CompletedChange::Other("the manual pages were written"),
        || json!({"path": folder.to_string_lossy()}),
        || {
            let folder = text::line(&folder.to_string_lossy());
            format!("Wrote a page for each command to {folder}\n")
        },
    )
}
