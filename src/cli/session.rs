//! One run of the command: its global options, its store, and how it answers.

use std::env;
use std::path::PathBuf;

use anstyle::Style;
use serde::Serialize;

use super::args::history::AsOf;
use super::args::{Expectation, Global};
use super::error::{Done, Failure, Outcome};
use super::exit::Exit;
use super::output;
use super::output::{DIM, PLAIN, WARNING, aside, paint};
use super::text;
use crate::{ErrorKind, Expected, PromptId, Selector, Store, StoreOptions, View};

/// The directory that a store is looked for in, as `.git` is for git.
pub(crate) const STORE: &str = ".promptbook";

/// One run of the command.
#[derive(Debug)]
pub(crate) struct Session {
    global: Global,
}

impl Session {
    pub(crate) fn new(global: Global) -> Self {
        Self { global }
    }

    /// Whether answers are in JSON.
    pub(crate) fn json(&self) -> bool {
        self.global.json
    }

    /// How stores are opened and made, by the global options.
    pub(crate) fn options(&self) -> StoreOptions {
        let mut options = StoreOptions::new().allow_network(self.global.allow_network);
        if let Some(wait) = self.global.wait {
            options = options.busy_timeout(wait);
        }
        if !self.json() {
            options = options.on_wait(|wait| say(DIM, "", &format!("waiting for {wait}")));
        }
        match self.global.author.as_deref() {
            None | Some("") => options,
            Some(author) => options.author(author),
        }
    }

    /// Opens the store for changes.
    pub(crate) fn store(&self) -> Outcome<Store> {
        Ok(self.options().open(self.find()?)?)
    }

    /// Opens the store for changes, by other options.
    #[cfg(feature = "server")]
    pub(crate) fn store_with(
        &self,
        change: impl FnOnce(StoreOptions) -> StoreOptions,
    ) -> Outcome<Store> {
        Ok(change(self.options()).open(self.find()?)?)
    }

    /// Opens the store for reading: also where it can't be written.
    pub(crate) fn reader(&self) -> Outcome<Store> {
        Ok(self.options().read_only(true).open(self.find()?)?)
    }

    /// Opens the store for reading. Answers its directory if it is too damaged to be opened.
    pub(crate) fn reader_or_damage(&self) -> Outcome<Result<Store, PathBuf>> {
        let path = self.find()?;
        match self.options().read_only(true).open(&path) {
            Ok(store) => Ok(Ok(store)),
            Err(error) if error.kind() == ErrorKind::Corrupt => Ok(Err(path)),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens the store for reading, as it is or as it was.
    pub(crate) fn view(&self, as_of: &AsOf) -> Outcome<View> {
        let store = self.reader()?;
        Ok(match as_of.at {
            Some(moment) => store.at(moment)?,
            None => View::clone(&store),
        })
    }

    /// The directory that is named, if one is.
    pub(crate) fn named(&self) -> Option<PathBuf> {
        let named = self.global.store.as_ref();
        named.filter(|name| !name.is_empty()).map(PathBuf::from)
    }

    fn find(&self) -> Outcome<PathBuf> {
        if let Some(named) = self.named() {
            return Ok(named);
        }
        let here = here()?;
        let candidates = here.ancestors().map(|directory| directory.join(STORE));
        candidates.into_iter().find(|path| path.is_dir()).ok_or_else(|| {
            let message = format!("no {STORE} in {} or above it", here.display());
            Failure::new(Exit::NotFound, "no_store", message)
                .hint("promptbook init makes a store here; --store DIR or PROMPTBOOK_STORE names one elsewhere")
        })
    }

    /// Answers, in JSON or in words.
    pub(crate) fn answer<J: Serialize>(
        &self,
        json: impl FnOnce() -> J,
        words: impl FnOnce() -> String,
    ) -> Outcome {
        if self.json() {
            output::json(&json())
        } else {
            output::words(&words())
        }
    }

    /// Answers about a change that took place: if the answer can't be written, the failure says that it did.
    pub(crate) fn report<J: Serialize>(
        &self,
        done: Done<'_>,
        json: impl FnOnce() -> J,
        words: impl FnOnce() -> String,
    ) -> Outcome {
        self.answer(json, words)
            .map_err(|failure| failure.after(done))
    }

    /// Says something beside the answer, to people only.
    pub(crate) fn note(&self, note: &str) {
        self.say(DIM, "", note);
    }

    /// Warns people; programs find it in the answer.
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
    aside(&format!("{start}{}\n", paint(style, text::lines(message))));
}

/// The current directory.
pub(crate) fn here() -> Outcome<PathBuf> {
    env::current_dir().map_err(|error| Failure::io("the current directory can't be read", &error))
}

/// What is expected of a pointer, the version looked up: the transaction that changes the pointer compares its id.
pub(crate) fn expected(
    store: &Store,
    prompt: PromptId,
    expectation: Option<&Expectation>,
) -> Outcome<Expected> {
    Ok(match expectation {
        None => Expected::Any,
        Some(Expectation::None) => Expected::Absent,
        Some(Expectation::Is(Selector::Id(id))) => Expected::Is(*id),
        Some(Expectation::Is(selector)) => {
            Expected::Is(store.version((prompt, selector.clone()))?.id)
        }
    })
}
