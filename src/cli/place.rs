//! The place of the store in the current directory or above it.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use crate::store::{url_in, without_credentials};

/// The name of the directory that is searched for a store, like git's `.git`.
pub(crate) const STORE: &str = ".promptbook";

/// Makes git ignore a new store, unless its directory contained files before.
///
/// A store in a repository would conflict at each merge, because every process changes its files. If
/// this fails, the store works all the same, and git lists it as untracked.
pub(crate) fn ignore_in_git(directory: &Path, was_empty: bool) {
    if was_empty {
        let _ = fs::write(directory.join(".gitignore"), "*\n");
    }
}

/// Returns whether a directory does not exist or has no files.
pub(crate) fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).map_or(true, |mut files| files.next().is_none())
}

/// Returns the directory that the option `--store` or the environment variable names, if any.
pub(crate) fn named(option: Option<OsString>) -> Option<PathBuf> {
    let named = option.or_else(|| env::var_os("PROMPTBOOK_STORE"));
    named.filter(|name| !name.is_empty()).map(PathBuf::from)
}

/// Returns the text of a place for output: a path, or a URL without its user and password.
pub(crate) fn shown(place: &Path) -> String {
    match url_in(place) {
        Some(url) => without_credentials(url),
        None => place.to_string_lossy().into_owned(),
    }
}

/// Returns the nearest store's directory in a directory or above it.
pub(crate) fn nearest(here: &Path) -> Option<PathBuf> {
    let candidates = here.ancestors().map(|directory| directory.join(STORE));
    candidates.into_iter().find(|path| path.is_dir())
}
