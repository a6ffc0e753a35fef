//! A prompt of a frozen file.

use std::fmt;

use serde_json::Value;

use super::format::FrozenEntry;
use crate::engine::contract::Contract;
use crate::model::arguments::IntoInputs;
use crate::model::error::Result;
use crate::model::id::{BlobId, PromptId, PromptName, VersionId};
use crate::model::version_number::VersionNumber;
use crate::template::Partials;
use crate::template::mode::{RenderMode, RenderedBody};

/// A prompt of a [`Frozen`](super::Frozen): the environment's version, with its partials filled in.
#[derive(Clone, Copy)]
pub struct FrozenPrompt<'a> {
    kept: &'a FrozenEntry,
    text: &'a str,
}

impl<'a> FrozenPrompt<'a> {
    /// Creates the prompt of an entry in this file.
    pub(super) fn new(file: &'a str, kept: &'a FrozenEntry) -> Self {
        // The range is valid: the check of the file has used it.
        let text = file.get(kept.span.clone()).unwrap_or_default();
        Self { kept, text }
    }

    /// Returns the prompt's id.
    #[must_use]
    pub fn id(&self) -> PromptId {
        self.kept.row.id
    }

    /// Returns the prompt's name at the time of freezing.
    #[must_use]
    pub fn name(&self) -> &'a PromptName {
        &self.kept.row.name
    }

    /// Returns the version's id.
    #[must_use]
    pub fn version(&self) -> VersionId {
        self.kept.row.version
    }

    /// Returns the version's number.
    #[must_use]
    pub fn number(&self) -> VersionNumber {
        self.kept.row.number
    }

    /// Returns the address of the version's body in the store, in which partials are not filled in.
    #[must_use]
    pub fn source(&self) -> BlobId {
        self.kept.row.source
    }

    /// Returns the address of the frozen body, which equals [`source`](Self::source) if the body
    /// has no partials.
    #[must_use]
    pub fn hash(&self) -> BlobId {
        self.kept.row.hash
    }

    /// Returns the frozen body's text.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Returns the frozen body, an object that is parsed on first use.
    ///
    /// Its numbers are integers of 64 bits or doubles; [`text`](Self::text) contains them as they
    /// are written.
    #[must_use]
    pub fn json(&self) -> &'a Value {
        let parse = || serde_json::from_str(self.text).unwrap_or_default();
        // Parsing cannot fail, because the check of the file has parsed the body.
        self.kept.json.get_or_init(parse)
    }

    /// Returns the contract of the body: what it requires of its callers. It contains no partials,
    /// because they are filled in.
    #[must_use]
    pub fn contract(&self) -> Contract {
        Contract::of_text(self.text, &Partials::new(), |derive| derive(self.json()))
    }

    /// Fills the body with inputs.
    ///
    /// # Errors
    ///
    /// As [`View::render`](crate::View::render): [`Render`](crate::Error::Render) with all problems
    /// together.
    pub fn render(&self, inputs: impl IntoInputs) -> Result<RenderedBody> {
        self.render_as(inputs, RenderMode::Strict)
    }

    /// Fills the body with inputs by the rules of a mode.
    ///
    /// # Errors
    ///
    /// As [`render`](Self::render); in Helicone mode
    /// [`HeliconeRender`](crate::Error::HeliconeRender).
    pub fn render_as(&self, inputs: impl IntoInputs, mode: RenderMode) -> Result<RenderedBody> {
        let inputs = inputs.into_inputs()?;
        mode.fill(self.text, self.json(), inputs.as_map(), &Partials::new())
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
