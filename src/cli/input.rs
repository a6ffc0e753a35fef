//! Reading of bodies and inputs from files and standard input.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;

use serde_json::{Map, Value};

use super::error::{CommandResult, Failure};
use super::exit::Exit;
use crate::fs::text_file::{BYTE_ORDER_MARK, without_byte_order_mark};
use crate::json::inexact_number;
use crate::{Body, Error};

/// Reads a body from a file, or from standard input if the file is `-` or absent.
pub(crate) fn body(file: Option<&Path>) -> CommandResult<Body> {
    if file.is_none() && io::stdin().is_terminal() {
        return Err(Failure::usage("no FILE was given, and standard input is a terminal")
            .hint("name the file of the body, or redirect standard input with < or |; - reads from the terminal"));
    }
    let file = file.unwrap_or_else(|| Path::new("-"));
    Body::try_from(read(file)?).map_err(|error| named(file, Error::from(error).into()))
}

/// Reads inputs, a JSON object, from a file, or from standard input if the file is `-`.
pub(crate) fn inputs(file: &Path) -> CommandResult<Map<String, Value>> {
    let bytes = read(file)?;
    let refuse = |message: &str| Failure::new(Exit::Usage, "invalid_inputs", message);
    let inputs = serde_json::from_slice(&bytes).map_err(|error| {
        let failure = refuse("the inputs are not a JSON object").with_causes(&error);
        let hint = "write the inputs as one JSON object, such as {\"name\": \"Ann\"}";
        named(file, failure.hint(hint))
    })?;
    match std::str::from_utf8(&bytes).ok().and_then(inexact_number) {
        None => Ok(inputs),
        Some(number) => {
            let failure = refuse(&format!("the inputs cannot hold the number {number}"));
            let hint = format!("{NUMBERS_HINT}; write it as a string: \"{number}\"");
            Err(named(file, failure.hint(hint)))
        }
    }
}

/// The start of a hint: the numbers that inputs can contain.
pub(crate) const NUMBERS_HINT: &str = "inputs can be 64-bit integers and doubles";

fn read(file: &Path) -> CommandResult<Vec<u8>> {
    let read = if is_stdin(file) {
        bounded(io::stdin().lock())
    } else {
        bytes(file)
    };
    read.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failure::new(
            Exit::NotFound,
            "file_not_found",
            format!("no file {}", file.display()),
        ),
        _ => Failure::io(format!("{} cannot be read", name_of(file)), &error),
    })
}

/// Reads a file that may be a body, up to one byte more than a body may have.
pub(crate) fn bytes(file: &Path) -> io::Result<Vec<u8>> {
    bounded(File::open(file)?)
}

/// Reads at least one byte more than a body may have, enough to see that it is too large.
///
/// A byte order mark is removed: editors write it, and it is not part of the JSON.
fn bounded(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = Body::MAX_BYTES + BYTE_ORDER_MARK.len();
    from.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(without_byte_order_mark(bytes))
}

fn named(file: &Path, failure: Failure) -> Failure {
    failure.with_subject(&name_of(file))
}

pub(crate) fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

/// Returns the name of a file for messages.
pub(crate) fn name_of(file: &Path) -> String {
    if is_stdin(file) {
        "standard input".into()
    } else {
        file.display().to_string()
    }
}
