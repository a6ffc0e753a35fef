//! The names and the file endings of the formats.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use super::content::{FormattedText, PromptContent};
use super::finding::FormatFinding;
use super::json;
use super::unsupported::Unsupported;
#[cfg(feature = "formats")]
use super::{dotprompt, langfuse, markdown_read, markdown_write, prompt_yml, promptfoo, prompty};
use crate::model::body::Body;
use crate::model::invalid_argument::InvalidArgument;

/// A file format of prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Format {
    /// A body as it is stored, byte for byte, or a list of messages: `.json`.
    Json,
    /// YAML front matter, then a block for each message, made to be read in a review: `.md`.
    #[cfg(feature = "formats")]
    Markdown,
    /// GitHub Models' `.prompt.yml`.
    #[cfg(feature = "formats")]
    PromptYml,
    /// The versions of a prompt as Langfuse's API returns them: `.langfuse.json`.
    #[cfg(feature = "formats")]
    Langfuse,
    /// Prompty: `.prompty`.
    #[cfg(feature = "formats")]
    Prompty,
    /// Genkit's `.prompt`.
    #[cfg(feature = "formats")]
    Dotprompt,
    /// Chat prompts of promptfoo: `.promptfoo.yaml`.
    #[cfg(feature = "formats")]
    Promptfoo,
}

impl Format {
    /// All formats of this build.
    pub const ALL: &[Self] = &[
        Self::Json,
        #[cfg(feature = "formats")]
        Self::Markdown,
        #[cfg(feature = "formats")]
        Self::PromptYml,
        #[cfg(feature = "formats")]
        Self::Langfuse,
        #[cfg(feature = "formats")]
        Self::Prompty,
        #[cfg(feature = "formats")]
        Self::Dotprompt,
        #[cfg(feature = "formats")]
        Self::Promptfoo,
    ];

    /// Returns the name, such as `json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            #[cfg(feature = "formats")]
            Self::Markdown => "md",
            #[cfg(feature = "formats")]
            Self::PromptYml => "prompt-yml",
            #[cfg(feature = "formats")]
            Self::Langfuse => "langfuse",
            #[cfg(feature = "formats")]
            Self::Prompty => "prompty",
            #[cfg(feature = "formats")]
            Self::Dotprompt => "dotprompt",
            #[cfg(feature = "formats")]
            Self::Promptfoo => "promptfoo",
        }
    }

    /// Returns the ending of the files that are written in this format, such as `.json`.
    #[must_use]
    pub fn ending(self) -> &'static str {
        self.endings()[0]
    }

    /// Returns the text that every file in this format begins with, or an empty text.
    ///
    /// A file that does not begin with it is no prompt: many folders have a `README.md`.
    pub(crate) fn beginning(self) -> &'static str {
        match self {
            #[cfg(feature = "formats")]
            Self::Markdown => super::front_matter::FENCE,
            _ => "",
        }
    }

    /// Returns the endings that only files in this format have.
    pub(crate) fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Json => &[".json"],
            #[cfg(feature = "formats")]
            Self::Markdown => &[".md"],
            #[cfg(feature = "formats")]
            Self::PromptYml => &[".prompt.yml", ".prompt.yaml"],
            #[cfg(feature = "formats")]
            Self::Langfuse => &[".langfuse.json"],
            #[cfg(feature = "formats")]
            Self::Prompty => &[".prompty"],
            #[cfg(feature = "formats")]
            Self::Dotprompt => &[".prompt"],
            #[cfg(feature = "formats")]
            Self::Promptfoo => &[".promptfoo.yaml", ".promptfoo.json"],
        }
    }

    /// Returns the endings of files that are in this format only if the caller says so.
    fn shared_endings(self) -> &'static [&'static str] {
        match self {
            #[cfg(feature = "formats")]
            Self::Langfuse => &[".json"],
            #[cfg(feature = "formats")]
            Self::Promptfoo => &[".json", ".yaml", ".yml"],
            _ => &[],
        }
    }

    /// Returns the format and the ending of a file by its name, if it is one of a known format.
    pub(crate) fn of_file(file: &Path) -> Option<(Self, &'static str)> {
        let known = Self::ALL.iter().filter_map(|format| {
            let ending = longest(file, format.endings())?;
            Some((*format, ending))
        });
        // `.langfuse.json` is also `.json`.
        known.max_by_key(|(_, ending)| ending.len())
    }

    /// Returns the ending of a file, if the caller says that it is in this format.
    pub(crate) fn ending_of(self, file: &Path) -> Option<&'static str> {
        longest(file, self.endings()).or_else(|| longest(file, self.shared_endings()))
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    ///
    /// Everything that the format cannot read, or that a body cannot contain, with its line.
    pub fn read(
        self,
        text: &str,
        unsupported: Unsupported,
    ) -> Result<PromptContent, Vec<FormatFinding>> {
        // Only other template languages have something to refuse.
        let _ = unsupported;
        match self {
            Self::Json => json::read(text).map_err(|finding| vec![finding]),
            #[cfg(feature = "formats")]
            Self::Markdown => markdown_read::read(text).map_err(|finding| vec![finding]),
            #[cfg(feature = "formats")]
            Self::PromptYml => prompt_yml::read(text, unsupported),
            #[cfg(feature = "formats")]
            Self::Langfuse => langfuse::read(text, unsupported),
            #[cfg(feature = "formats")]
            Self::Prompty => prompty::read(text, unsupported),
            #[cfg(feature = "formats")]
            Self::Dotprompt => dotprompt::read(text, unsupported),
            #[cfg(feature = "formats")]
            Self::Promptfoo => promptfoo::read(text, unsupported),
        }
    }

    /// Returns whether a file contains all versions of its prompt, with environments and tags.
    #[must_use]
    pub fn has_history(self) -> bool {
        match self {
            #[cfg(feature = "formats")]
            Self::Langfuse => true,
            _ => false,
        }
    }

    /// Writes a prompt: its newest version, or all versions in a format that
    /// [has them](Self::has_history).
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_prompt(
        self,
        name: &str,
        content: &PromptContent,
        unsupported: Unsupported,
    ) -> Result<FormattedText, Vec<FormatFinding>> {
        #[cfg(feature = "formats")]
        if self == Self::Langfuse {
            return langfuse::write(name, content, unsupported);
        }
        let _ = name;
        match content.versions.last() {
            Some(newest) => self.write(&newest.body, unsupported),
            None => Err(vec![FormatFinding::new(None, "the prompt has no version")]),
        }
    }

    /// Writes a body as the text of a file.
    ///
    /// # Errors
    ///
    /// Everything that the format would read differently, unless it is to be
    /// [kept as text](Unsupported::KeepAsText).
    pub fn write(
        self,
        body: &Body,
        unsupported: Unsupported,
    ) -> Result<FormattedText, Vec<FormatFinding>> {
        let _ = unsupported;
        let plain = |text| {
            Ok(FormattedText {
                text,
                findings: Vec::new(),
            })
        };
        match self {
            Self::Json => plain(json::write(body)),
            #[cfg(feature = "formats")]
            Self::Markdown => plain(markdown_write::write(body)),
            #[cfg(feature = "formats")]
            Self::PromptYml => prompt_yml::write(body, unsupported),
            #[cfg(feature = "formats")]
            Self::Prompty => prompty::write(body, unsupported),
            #[cfg(feature = "formats")]
            Self::Dotprompt => dotprompt::write(body, unsupported),
            #[cfg(feature = "formats")]
            Self::Promptfoo => promptfoo::write(body, unsupported),
            #[cfg(feature = "formats")]
            Self::Langfuse => {
                let content = PromptContent::of_body(body.clone(), false);
                langfuse::write("prompt", &content, unsupported)
            }
        }
    }
}

/// Returns the longest of the endings that a file has.
fn longest(file: &Path, endings: &[&'static str]) -> Option<&'static str> {
    let name = file.file_name()?.as_encoded_bytes();
    let endings = endings.iter().copied();
    endings
        .filter(|ending| name.ends_with(ending.as_bytes()))
        .max_by_key(|ending| ending.len())
}

impl serde::Serialize for Format {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = InvalidArgument;

    fn from_str(name: &str) -> Result<Self, InvalidArgument> {
        let found = Self::ALL.iter().find(|format| format.name() == name);
        found.copied().ok_or_else(|| {
            let names: Vec<&str> = Self::ALL.iter().map(|format| format.name()).collect();
            let reason = format!("the formats are {}", names.join(", "));
            InvalidArgument::new("file format", name, reason)
        })
    }
}
