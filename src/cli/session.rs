//! Session of one command: its global options, its store and its output.

use std::env;
use std::mem;
use std::path::PathBuf;

use anstyle::Style;
use serde::Serialize;

use super::args::history::AsOfArgs;
use super::args::{ExpectationArgs, Global};
use super::error::{CommandResult, CompletedChange, Failure};
use super::exit::Exit;
use super::output;
use super::output::{DIM, PLAIN, WARNING, paint, write_stderr};
pub(crate) use super::place::STORE;
use super::text;
use super::{pager, place};
use crate::history::Operation;
use crate::{ErrorKind, Expected, PromptId, Selector, Store, StoreOptions, View};

/// The author of changes if nothing names one, as the library records it.
const UNKNOWN_AUTHOR: &str = "unknown";

/// The state of one run of the command.
#[derive(Debug)]
pub(crate) struct Session {
    global: Global,
}

impl Session {
    pub(crate) fn new(global: Global) -> Self {
        Self { global }
    }

    /// Returns the global options.
    pub(crate) fn global(&self) -> &Global {
        &self.global
    }

    /// Returns whether the output is JSON.
    pub(crate) fn json(&self) -> bool {
        self.global.json
    }

    /// Returns the author that the command line names, as a filter of a list.
    pub(crate) fn author_filter(&self) -> Option<&str> {
        self.global.author_filter()
    }

    /// Returns the options for opening and creating stores, as the global options set them.
    pub(crate) fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new().allow_network(self.global.allow_network);
        if let Some(wait) = self.global.wait {
            options = options.busy_timeout(wait);
        }
        if !self.json() {
            options = options.on_wait(|wait| say(DIM, "", &format!("waiting for {wait}")));
        }
        match self.author() {
            None => options,
            Some(author) => options.author(author),
        }
    }

    /// Returns the author that `--author` or `PROMPTBOOK_AUTHOR` names, if any.
    ///
    /// clap does not read the variable: it would show the option in every usage line.
    fn author(&self) -> Option<String> {
        let named = self.global.author.clone();
        let author = named.or_else(|| env::var("PROMPTBOOK_AUTHOR").ok());
        author.filter(|author| !author.is_empty())
    }

    /// Opens the store for reading and writing.
    pub(crate) fn store(&self) -> CommandResult<Store> {
        Ok(self.options().open_place(&self.place()?)?)
    }

    /// Returns the directory of the store, which must exist.
    #[cfg(feature = "remote")]
    pub(crate) fn store_directory(&self) -> CommandResult<PathBuf> {
        let store = self.store()?;
        // A store without a directory has no remotes.
        store.remotes()?;
        Ok(store.path().map_or_else(PathBuf::new, PathBuf::from))
    }

    /// Opens the store for reading and writing, with changed options.
    #[cfg(feature = "server")]
    pub(crate) fn store_with(
        &self,
        change: impl FnOnce(StoreOptions) -> StoreOptions,
    ) -> CommandResult<Store> {
        Ok(change(self.options()).open_place(&self.place()?)?)
    }

    /// Opens the store read-only, which needs no permission to write.
    ///
    /// It stays open until the process ends: the system closes its files faster than it would, and a
    /// reader leaves nothing to finish.
    pub(crate) fn reader(&self) -> CommandResult<Store> {
        let store = self.options().read_only(true).open_place(&self.place()?)?;
        mem::forget(store.clone());
        Ok(store)
    }

    /// Opens the store read-only. Returns its directory if it is too damaged to be opened.
    pub(crate) fn reader_or_damage(&self) -> CommandResult<Result<Store, PathBuf>> {
        let path = self.place()?;
        match self.options().read_only(true).open_place(&path) {
            Ok(store) => Ok(Ok(store)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Err(path)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the store read-only, in its current state or as of an earlier moment.
    pub(crate) fn view(&self, as_of: &AsOfArgs) -> CommandResult<View> {
        let store = self.reader()?;
        Ok(match as_of.at {
            Some(moment) => store.at(moment)?,
            None => store.as_view().clone(),
        })
    }

    /// Returns the directory that `--store` or `PROMPTBOOK_STORE` names, if any.
    pub(crate) fn named(&self) -> Option<PathBuf> {
        place::named(self.global.store.clone())
    }

    /// Returns whether a store is named, or found in this directory or above it.
    pub(crate) fn has_store(&self) -> CommandResult<bool> {
        Ok(self.named().is_some() || place::nearest(&here()?).is_some())
    }

    /// Returns the directory or the URL of the store that the command works on.
    pub(crate) fn place(&self) -> CommandResult<PathBuf> {
        if let Some(named) = self.named() {
            return Ok(named);
        }
        let here = here()?;
        place::nearest(&here).ok_or_else(|| {
            let message = format!("no {STORE} in {} or above it", here.display());
            Failure::new(Exit::NotFound, "no_store", message).hint(
                "create a store here with promptbook init, \
                 or name another one with --store DIR or PROMPTBOOK_STORE",
            )
        })
    }

    /// Writes the output of a command, as JSON, or as text through the pager.
    pub(crate) fn write_output<J: Serialize>(
        &self,
        json: impl FnOnce() -> J,
        words: impl FnOnce() -> String,
    ) -> CommandResult {
        if self.json() {
            output::write_json(&json())
        } else if self.global.no_pager {
            output::write_text(&words())
        } else {
            pager::write_text(&words())
        }
    }

    /// Writes the output of a command that made a change.
    ///
    /// If the output cannot be written, the error says that the change took place.
    pub(crate) fn report<J: Serialize>(
        &self,
        done: CompletedChange<'_>,
        json: impl FnOnce() -> J,
        words: impl FnOnce() -> String,
    ) -> CommandResult {
        let written = if self.json() {
            output::write_json(&json())
        } else {
            output::write_text(&words())
        };
        written.map_err(|failure| failure.for_completed_change(done))?;
        self.note_unknown_author(done);
        Ok(())
    }

    /// Notes once in a store that its changes have no author's name.
    fn note_unknown_author(&self, done: CompletedChange<'_>) {
        let CompletedChange::Operations(store) = done else {
            return;
        };
        // Without text output there is no note.
        let Some(made) = store.operations_made().filter(|_| !self.json()) else {
            return;
        };
        let is_unknown = |operation: &Operation| operation.content.author == UNKNOWN_AUTHOR;
        let newest = store.operations().page(Some(made.end() + 1), 1);
        if !newest.is_ok_and(|newest| newest.iter().all(is_unknown)) {
            return;
        }
        // The index has no list of an author's operations, so no more are looked for than needed.
        let count = usize::try_from(made.end() - made.start() + 1).unwrap_or(usize::MAX);
        let of_unknown = store.operations().author(UNKNOWN_AUTHOR);
        let found = of_unknown.page(None, count.saturating_add(1));
        // All operations of unknown authors are those that this command made.
        if found.is_ok_and(|found| found.len() == count) {
            self.note(
                "the author is recorded as \"unknown\": set PROMPTBOOK_AUTHOR, or pass --author NAME",
            );
        }
    }

    /// Prints a note to standard error, unless the output is JSON.
    pub(crate) fn note(&self, note: &str) {
        self.say(DIM, "", note);
    }

    /// Notes that a list was cut, if there are more of `what`.
    pub(crate) fn note_more(&self, more: bool, what: &str) {
        if more {
            self.note(&format!("there are {what}: -n N or --all shows them"));
        }
    }

    /// Prints a warning to standard error, unless the output is JSON.
    ///
    /// The JSON output contains the same information.
    pub(crate) fn warn(&self, warning: &str) {
        self.say(PLAIN, &format!("{}: ", paint(WARNING, "warning")), warning);
    }

    fn say(&self, style: Style, start: &str, message: &str) {
        if !self.json() {
            say(style, start, message);
        }
    }
}

fn say(style: Style, start: &str, message: &str) {
    write_stderr(&format!("{start}{}\n", paint(style, text::lines(message))));
}

/// Returns the current directory.
pub(crate) fn here() -> CommandResult<PathBuf> {
    env::current_dir().map_err(|error| Failure::io("the current directory cannot be read", &error))
}

/// Converts an expectation of a pointer, looking up the version that it names.
///
/// The transaction that changes the pointer compares the version's id.
pub(crate) fn expected(
    store: &Store,
    prompt: PromptId,
    expectation: Option<&ExpectationArgs>,
) -> CommandResult<Expected> {
    Ok(match expectation {
        None => Expected::Any,
        Some(ExpectationArgs::None) => Expected::Absent,
        Some(ExpectationArgs::Is(Selector::Id(id))) => Expected::Is(*id),
        Some(ExpectationArgs::Is(selector)) => {
            Expected::Is(store.version((prompt, selector.clone()))?.id)
        }
    })
}
