//! One prompt of a frozen file.

use std::fmt;

use serde_json::{Map, Value};

use super::format::Kept;
use crate::engine::contract::Contract;
use crate::model::error::Result;
use crate::model::id::{BlobId, PromptId, PromptName, VersionId};
use crate::model::version_number::VersionNumber;
use crate::template::Partials;
use crate::template::mode::{Filled, Mode};

/// A prompt of a [`Frozen`](super::file::Frozen): the version that the environment pointed to, its partials filled in.
#[derive(Clone, Copy)]
pub struct FrozenPrompt<'a> {
    kept: &'a Kept,
    text: &'a str,
}

impl<'a> FrozenPrompt<'a> {
    /// The prompt that is kept in this file.
    pub(super) fn new(file: &'a str, kept: &'a Kept) -> Self {
        // It was cut so before, when the file was checked.
        let text = file.get(kept.span.clone()).unwrap_or_default();
        Self { kept, text }
    }

    /// The prompt's id.
    #[must_use]
    pub fn id(&self) -> PromptId {
        self.kept.row.id
    }

    /// The prompt's name, as it was.
    #[must_use]
    pub fn name(&self) -> &'a PromptName {
        &self.kept.row.name
    }

    /// The version's id.
    #[must_use]
    pub fn version(&self) -> VersionId {
        self.kept.row.version
    }

    /// The version's number.
    #[must_use]
    pub fn number(&self) -> VersionNumber {
        self.kept.row.number
    }

    /// The address of the version's body in the store, partials not filled in.
    #[must_use]
    pub fn source(&self) -> BlobId {
        self.kept.row.source
    }

    /// The address of the frozen body: the same as [`source`](Self::source) for one that has no partials.
    #[must_use]
    pub fn hash(&self) -> BlobId {
        self.kept.row.hash
    }

    /// The frozen body's text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// The frozen body: an object, parsed when it is first asked for. Its numbers are integers of 64 bits or doubles;
    /// [`text`](Self::text) has them as they are written.
    #[must_use]
    pub fn json(&self) -> &'a Value {
        let parse = || serde_json::from_str(self.text).unwrap_or_default();
        // It was parsed before, when the file was checked.
        self.kept.json.get_or_init(parse)
    }

    /// What the body asks of its callers. Its partials are no partials any more.
    #[must_use]
    pub fn contract(&self) -> Contract {
        Contract::of_text(self.text, self.json(), &Partials::new())
    }

    /// Fills the body with inputs.
    ///
    /// # Errors
    ///
    /// As [`View::render`](crate::View::render): in strict mode [`Render`](crate::Error::Render) with every problem at
    /// once, in Helicone's mode [`Unrenderable`](crate::Error::Unrenderable).
    pub fn render(&self, inputs: &Map<String, Value>, mode: Mode) -> Result<Filled> {
        mode.fill(self.text, self.json(), inputs, &Partials::new())
    }
}

impl fmt::Debug for FrozenPrompt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrozenPrompt")
            .field("id", &self.id())
            .field("name", self.name())
            .field("version", &self.version())
            .field("number", &self.number())
            .field("source", &self.source())
            .field("hash", &self.hash())
            .field("text", &self.text)
            .finish()
    }
}
