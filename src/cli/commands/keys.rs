//! Reading of keys from the command line and from files.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::Path;
#[cfg(feature = "server")]
use std::path::PathBuf;

use crate::cli::error::{CommandResult, Failure};
use crate::cli::exit::Exit;
use crate::cli::output::{WARNING, paint, write_stderr};
use crate::cli::text;

/// The maximum number of bytes that are read from a key file, far more than a key needs.
const MAX_KEY_FILE_BYTES: u64 = 64 * 1024;

/// Returns the keys given by `--key` or in files. Fails if both are given.
///
/// Keys in files do not appear in the list of processes.
#[cfg(feature = "server")]
pub(super) fn read_keys(keys: Vec<String>, files: &[PathBuf]) -> CommandResult<Vec<String>> {
    if !keys.is_empty() && !files.is_empty() {
        let message = "keys are given both by --key (or PROMPTBOOK_KEY) and by --key-file";
        return Err(Failure::usage(message).hint("put all keys in files"));
    }
    let read = files.iter().map(|file| key_in(file));
    Ok(keys
        .into_iter()
        .chain(read.collect::<CommandResult<Vec<_>>>()?)
        .collect())
}

/// Returns the key in a file, without the line break at its end.
pub(super) fn key_in(path: &Path) -> CommandResult<String> {
    let name = path.display();
    let (text, found) = read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Failure::new(Exit::NotFound, "file_not_found", format!("no file {name}"))
        }
        io::ErrorKind::InvalidData => Failure::usage(format!("the key in {name} is not UTF-8")),
        _ => Failure::io(format!("{name} cannot be read"), &error),
    })?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let key = line.strip_suffix('\r').unwrap_or(line);
    if key.is_empty() {
        return Err(Failure::usage(format!("{name} contains no key")));
    }
    if others_may_read(&found) {
        let warning = format!("other users can read the key in {name}; chmod 600 prevents that");
        write_stderr(&format!(
            "{}: {}\n",
            paint(WARNING, "warning"),
            text::lines(&warning)
        ));
    }
    Ok(key.to_owned())
}

fn read(path: &Path) -> io::Result<(String, Metadata)> {
    let file = File::open(path)?;
    let found = file.metadata()?;
    let mut text = String::new();
    file.take(MAX_KEY_FILE_BYTES).read_to_string(&mut text)?;
    Ok((text, found))
}

#[cfg(unix)]
fn others_may_read(found: &Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    found.is_file() && found.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn others_may_read(_found: &Metadata) -> bool {
    false
}
