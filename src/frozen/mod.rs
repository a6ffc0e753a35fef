//! Frozen files: the prompts of one environment as one file, for programs without a store.
//!
//! [`View::freeze`](crate::View::freeze) and `promptbook freeze` create a [`Frozen`]. A program
//! opens it without a store and without SQLite, and without any file if it is compiled in.
//!
//! ```
//! use promptbook::{Frozen, Mode};
//! use serde_json::json;
//!
//! # fn main() -> promptbook::Result<()> {
//! static PROMPTS: &[u8] = include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/production.frozen"));
//!
//! let prompts = Frozen::from_static(PROMPTS)?;
//! let inputs = json!({"name": "Ada"}).as_object().cloned().unwrap_or_default();
//! let rendered = prompts.render("greeting", &inputs, Mode::Strict)?;
//! assert_eq!(rendered.body["messages"][1]["content"], "Greet Ada.");
//! # Ok(())
//! # }
//! ```
//!
//! # Partials
//!
//! Partials are filled in, at any depth, each from the environment that its tag names. A frozen
//! file therefore does not change when one of these environments moves. Variables stay. In strict
//! mode a frozen body renders exactly as the store rendered it at the moment of freezing; only the
//! limit on the added text is effectively higher, because the partials are already included. In
//! Helicone mode it renders like a body that contains these texts and no partials: the variables of
//! partials are checked like its own, and partials inside partials are filled, whereas Helicone's
//! client leaves them.
//!
//! A body whose partials cannot be filled cannot be frozen. Nor can a body in which text of a
//! partial and the text around it would together become a tag
//! ([`Problem::FormedTag`](crate::template::Problem::FormedTag)), because rendering treats them as
//! text.
//!
//! # The file
//!
//! ```text
//! promptbook frozen 1
//! {"environment":"production","prompts":[{"id":…,"name":…,"version":…,"number":…,"source":…,"hash":…,"bytes":…}, …]}
//! the first prompt's body
//! …
//! the last prompt's body
//! blake3 HEX
//! ```
//!
//! The file is UTF-8 text; lines end with a line feed. The second line is the table of prompts, by
//! id: `version` is the version's id, `number` its number, `source` the address of the stored body,
//! `hash` the address of the frozen body (BLAKE3, like the store's addresses), and `bytes` its
//! length. The bodies follow in this order. Each has the number of bytes in the table, followed by
//! a line feed; a body may contain line breaks. A body is the stored text with its partials filled
//! in; everything else is preserved byte for byte. The last line is the [`Seal`]: the BLAKE3 of
//! everything before it.
//!
//! The same prompts yield the same bytes; the file contains no time. Changing the line ends breaks
//! the seal.
//!
//! # The lockfile
//!
//! A [`Lock`] lists the contents of a frozen file, as JSON that people can read in a difference.
//! Compared with another one, it reports every [`Drift`]: a prompt that moved to another version,
//! or a partial that did.

mod drift;
mod format;
mod lock;
mod prompt;

use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

pub use self::drift::Drift;
pub use self::lock::{Lock, Locked};
pub use self::prompt::FrozenPrompt;

use self::format::{Contents, Kept};
use crate::backend;
use crate::engine::FrozenText;
use crate::engine::contract::Contract;
use crate::error::{Error, Result};
use crate::id::{EnvironmentName, Seal};
use crate::mode::{Filled, Mode};
use crate::number::PromptRef;
use crate::sealed::FileError;

/// The resolved prompts of one environment of a store at one moment, read-only and completely in
/// memory.
///
/// See the [module's documentation](self). Opening checks everything: the seal, each body's hash,
/// and that each body is a JSON object. It takes about 1 ms for 100 bodies of 2 KB and 0.12 s for
/// 10,000 in an optimized build; the parsed JSON is discarded, so it takes no memory. A value is
/// cheap to clone, and usable from any number of threads. Two values are equal if their files are
/// equal, byte for byte.
#[derive(Clone)]
pub struct Frozen(Arc<Inner>);

struct Inner {
    /// The file.
    text: Cow<'static, str>,
    seal: Seal,
    contents: Contents,
}

impl Frozen {
    /// Opens a file that is compiled in with `include_bytes!`. Bodies are not copied.
    ///
    /// # Errors
    ///
    /// [`File`](Error::File), which describes the problem, if any of the checks fails.
    pub fn from_static(bytes: &'static [u8]) -> Result<Self> {
        Self::check(Cow::Borrowed(bytes))
    }

    /// Opens a file that is in memory.
    ///
    /// # Errors
    ///
    /// As [`from_static`](Self::from_static).
    pub fn from_bytes(bytes: impl Into<Vec<u8>>) -> Result<Self> {
        Self::check(Cow::Owned(bytes.into()))
    }

    /// Reads a file into memory, and opens it.
    ///
    /// # Errors
    ///
    /// As [`from_static`](Self::from_static). Also [`File`](Error::File) if the file cannot be
    /// read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match fs::read(path) {
            Ok(bytes) => Self::from_bytes(bytes),
            Err(source) => Err(FileError::Unreadable {
                path: path.into(),
                source,
            }
            .into()),
        }
    }

    /// Freezes these texts, which must be in the order of their prompts' ids. The result is checked
    /// like any other file.
    pub(crate) fn of(environment: EnvironmentName, texts: Vec<FrozenText>) -> Result<Self> {
        let bytes = format::write(environment, &texts)
            .map_err(|error| backend::Error::io("writing a frozen file in memory", error))?;
        drop(texts);
        Self::from_bytes(bytes)
    }

    fn check(bytes: Cow<'static, [u8]>) -> Result<Self> {
        let (text, seal, contents) = format::read(bytes)?;
        Ok(Self(Arc::new(Inner {
            text,
            seal,
            contents,
        })))
    }

    /// Returns the environment that was frozen.
    #[must_use]
    pub fn environment(&self) -> &EnvironmentName {
        &self.0.contents.environment
    }

    /// Returns the hash at the end of the file. It is the same for the same prompts.
    #[must_use]
    pub fn seal(&self) -> Seal {
        self.0.seal
    }

    /// Returns the file.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.text.as_bytes()
    }

    /// Returns the prompts, by id.
    pub fn prompts(&self) -> impl ExactSizeIterator<Item = FrozenPrompt<'_>> {
        let view = |kept| FrozenPrompt::new(&self.0.text, kept);
        self.0.contents.prompts.iter().map(view)
    }

    /// Returns a prompt by id or name.
    ///
    /// # Errors
    ///
    /// [`PromptNotFound`](Error::PromptNotFound) if no prompt of the file has this id or name; a
    /// prompt that had no version in the environment may have been left out.
    /// [`AmbiguousPrompt`](Error::AmbiguousPrompt), with the ids in order, if several match.
    /// [`Invalid`](Error::Invalid) for text that is not a valid reference.
    pub fn get<P>(&self, prompt: P) -> Result<FrozenPrompt<'_>>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        let found: Vec<&Kept> = self.0.contents.answering(&prompt);
        match found[..] {
            [kept] => Ok(FrozenPrompt::new(&self.0.text, kept)),
            [] => Err(Error::PromptNotFound {
                prompt: prompt.to_string(),
            }),
            _ => Err(Error::AmbiguousPrompt {
                name: prompt.to_string(),
                ids: found.iter().map(|kept| kept.row.id).collect(),
            }),
        }
    }

    /// Returns the contract of a prompt's body: what it requires of its callers.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub fn contract<P>(&self, prompt: P) -> Result<Contract>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        Ok(self.get(prompt)?.contract())
    }

    /// Fills a prompt's body with inputs.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get) and [`FrozenPrompt::render`].
    pub fn render<P>(&self, prompt: P, inputs: &Map<String, Value>, mode: Mode) -> Result<Filled>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        self.get(prompt)?.render(inputs, mode)
    }
}

impl fmt::Debug for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frozen")
            .field("environment", self.environment())
            .field("prompts", &self.prompts().len())
            .field("seal", &self.seal())
            .finish()
    }
}

impl PartialEq for Frozen {
    fn eq(&self, other: &Self) -> bool {
        self.seal() == other.seal()
    }
}

impl Eq for Frozen {}

#[cfg(test)]
mod tests;
