//! [`Frozen`], an open frozen file.

use super::FrozenPrompt;
use crate::frozen::format;
use std::borrow::Cow;
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::format::{FrozenEntry, ParsedFile};
use crate::engine::FrozenText;
use crate::engine::contract::Contract;
use crate::fs::checksummed_file::FileError;
use crate::model::arguments::{IntoInputs, IntoPromptRef, IntoVersionSpec};
use crate::model::error::{Error, PromptLabel, Result};
use crate::model::id::{EnvironmentName, Seal};
use crate::model::selector::{Selector, admits};
use crate::model::version_spec::VersionSpec;
use crate::storage;
use crate::template::mode::{RenderMode, RenderedBody};

/// The resolved prompts of one environment of a store at one moment, read-only and completely in
/// memory.
///
/// See the [module's documentation](crate::frozen). Opening checks everything: the seal, each body's hash,
/// and that each body is a JSON object. It takes about 1 ms for 100 bodies of 2 KB and 0.12 s for
/// 10,000 in an optimized build; the parsed JSON is discarded, so it takes no memory. A value is
/// cheap to clone, and usable from any number of threads. Two values are equal if their files are
/// equal, byte for byte.
#[derive(Clone)]
pub struct Frozen(Arc<FrozenData>);

struct FrozenData {
    /// The file.
    text: Cow<'static, str>,
    seal: Seal,
    contents: ParsedFile,
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
            .map_err(|error| storage::StorageError::io("writing a frozen file in memory", error))?;
        drop(texts);
        Self::from_bytes(bytes)
    }

    fn check(bytes: Cow<'static, [u8]>) -> Result<Self> {
        let (text, seal, contents) = format::read(bytes)?;
        Ok(Self(Arc::new(FrozenData {
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

    /// Returns the file, as it was written.
    ///
    /// If another program converted its line ends to CR LF, as git may, they are restored: the seal
    /// shows whether the result is the file that was written.
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
    /// [`InvalidArgument`](Error::InvalidArgument) for text that is not a valid reference.
    pub fn get(&self, prompt: impl IntoPromptRef) -> Result<FrozenPrompt<'_>> {
        let prompt = prompt.into_prompt_ref()?;
        let found: Vec<&FrozenEntry> = self.0.contents.matching(&prompt);
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
    /// As [`render`](Self::render), except for [`Render`](Error::Render).
    pub fn contract(&self, spec: impl IntoVersionSpec) -> Result<Contract> {
        Ok(self.select(&spec.into_version_spec()?)?.contract())
    }

    /// Fills a prompt's body with inputs.
    ///
    /// The file contains one version of each prompt. A spec must select it: by the environment that
    /// was frozen, by its number, a requirement that its number meets, or its id. `latest`, which is
    /// also the meaning of a spec without a selector, selects it too.
    ///
    /// Every variable must have an input of its type, and every input must be used, see
    /// [`RenderMode::Strict`].
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    /// [`VersionNotFound`](Error::VersionNotFound) if the spec selects another version;
    /// [`Render`](Error::Render), which lists every problem.
    pub fn render(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
    ) -> Result<RenderedBody> {
        self.render_as(spec, inputs, RenderMode::Strict)
    }

    /// Fills a prompt's body, as [`render`](Self::render) does, by the rules of a mode.
    ///
    /// # Errors
    ///
    /// As [`render`](Self::render); [`HeliconeRender`](Error::HeliconeRender) in Helicone mode, for a
    /// body that Helicone's client refuses.
    pub fn render_as(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
        mode: RenderMode,
    ) -> Result<RenderedBody> {
        self.select(&spec.into_version_spec()?)?
            .render_as(inputs, mode)
    }

    /// Returns the prompt whose version a spec selects.
    pub(super) fn select(&self, spec: &VersionSpec) -> Result<FrozenPrompt<'_>> {
        let not_found = |prompt| Error::VersionNotFound {
            prompt,
            selector: spec.selector.clone(),
        };
        let Some(prompt) = &spec.prompt else {
            let mut prompts = self.prompts();
            let found = prompts.find(|prompt| spec.selector == Selector::Id(prompt.version()));
            return found.ok_or_else(|| not_found(None));
        };
        let prompt = self.get(prompt)?;
        let selected = match &spec.selector {
            Selector::Latest => true,
            Selector::Id(id) => *id == prompt.version(),
            Selector::Number(number) => *number == prompt.number(),
            Selector::Requirement(requirement) => admits(requirement, prompt.number()),
            Selector::Environment(name) if name == self.environment() => true,
            Selector::Environment(name) => {
                return Err(Error::EnvironmentNotFound {
                    prompt: label(prompt),
                    environment: name.clone(),
                });
            }
        };
        if selected {
            Ok(prompt)
        } else {
            Err(not_found(Some(label(prompt))))
        }
    }
}

fn label(prompt: FrozenPrompt<'_>) -> PromptLabel {
    PromptLabel {
        id: prompt.id(),
        name: Some(prompt.name().clone()),
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
#[path = "tests.rs"]
mod tests;
