//! The content of a prompt's file, independent of its format.

use super::finding::FormatFinding;
use crate::fs::text_file::equal_but_for_line_ends;
use crate::json::pretty;
use crate::model::body::Body;
use crate::model::id::EnvironmentName;
use crate::model::record::{Prompt, Version};
use crate::model::version_number::VersionNumber;

/// What a file says about a prompt.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PromptContent {
    /// The versions, oldest first. Most formats contain one.
    pub versions: Vec<PromptFileVersion>,
    /// The tags of the prompt, in the formats that have tags.
    pub tags: Vec<String>,
    /// What the file contains and the prompt does not get.
    pub findings: Vec<FormatFinding>,
    /// Whether the file contains the body byte for byte, so that its layout matters.
    pub(crate) is_verbatim: bool,
}

/// A version in a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PromptFileVersion {
    /// The body.
    pub body: Body,
    /// The number, in the formats that have numbers.
    pub number: Option<VersionNumber>,
    /// The message of the commit, in the formats that have messages.
    pub message: Option<String>,
    /// The environments that point to the version; none in a format without environments.
    pub environments: Option<Vec<EnvironmentName>>,
}

impl PromptFileVersion {
    /// Returns whether another version has the same environments.
    fn is_placed_as(&self, other: &Self) -> bool {
        let names = |version: &Self| {
            let names = version.environments.iter().flatten();
            let mut names: Vec<String> = names.map(|name| name.as_str().to_owned()).collect();
            names.sort();
            names
        };
        names(self) == names(other)
    }
}

/// A body as the text of a file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FormattedText {
    /// The text.
    pub text: String,
    /// What the format reads differently, if that was to be kept as text.
    pub findings: Vec<FormatFinding>,
}

impl PromptContent {
    /// Returns the content of a file with one body and nothing else.
    pub(crate) fn of_body(body: Body, is_verbatim: bool) -> Self {
        Self {
            versions: vec![PromptFileVersion {
                body,
                number: None,
                message: None,
                environments: None,
            }],
            tags: Vec::new(),
            findings: Vec::new(),
            is_verbatim,
        }
    }

    /// Returns the content of a file for a prompt, without versions.
    pub(crate) fn of_prompt(prompt: &Prompt) -> Self {
        Self {
            versions: Vec::new(),
            tags: prompt.tags.clone(),
            findings: Vec::new(),
            is_verbatim: false,
        }
    }

    /// Adds a version of the prompt, which is newer than those before.
    pub(crate) fn add_version(&mut self, body: Body, version: &Version) {
        self.versions.push(PromptFileVersion {
            body,
            number: Some(version.number),
            message: Some(version.message.clone()),
            environments: Some(version.environments.clone()),
        });
    }

    /// Returns whether a file that was read contains the newest body of what is to be written, and
    /// if it `has_history`, everything else.
    pub(crate) fn is_same_as(&self, wanted: &Self, has_history: bool) -> bool {
        let is_same = |(one, other): (&PromptFileVersion, &PromptFileVersion)| {
            self.is_same(&one.body, &other.body) && (!has_history || one.is_placed_as(other))
        };
        if !has_history {
            let newest = self.versions.last().zip(wanted.versions.last());
            return newest.is_some_and(is_same);
        }
        self.versions.len() == wanted.versions.len()
            && self.tags == wanted.tags
            && self.versions.iter().zip(&wanted.versions).all(is_same)
    }

    /// Returns whether a body of the file is the same as a stored one.
    ///
    /// Other line ends do not count: git may have converted those of the file. The layout counts
    /// only if the format has the layout of the body.
    pub(crate) fn is_same(&self, body: &Body, stored: &Body) -> bool {
        if body.id() == stored.id() {
            return true;
        }
        if self.is_verbatim {
            equal_but_for_line_ends(stored.as_bytes(), body.as_bytes())
        } else {
            is_equal(body, stored)
        }
    }
}

impl PromptContent {
    /// Returns a body of the file in the layout of a stored one: in several lines or in one.
    ///
    /// A file that contains the body byte for byte determines the layout itself.
    pub(crate) fn in_layout_of(&self, body: &Body, stored: &Body) -> Body {
        if self.is_verbatim || !stored.text().trim_end().contains('\n') {
            return body.clone();
        }
        // The limits of a body may not allow the indentation.
        Body::try_from(pretty(body.text())).unwrap_or_else(|_| body.clone())
    }
}

/// Returns whether two bodies have the same values, with numbers in the same notation.
///
/// White space, escapes and the order of members do not count.
pub(crate) fn is_equal(one: &Body, other: &Body) -> bool {
    one.as_ref().tree() == other.as_ref().tree()
}
