//! The content of a prompt's file, independent of its format.

use super::finding::FormatFinding;
use crate::fs::text_file::equal_but_for_line_ends;
use crate::json::pretty;
use crate::model::body::Body;
use crate::model::id::EnvironmentName;

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
    /// The message of the commit, in the formats that have messages.
    pub message: Option<String>,
    /// The environments that point to the version; none in a format without environments.
    pub environments: Option<Vec<EnvironmentName>>,
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
                message: None,
                environments: None,
            }],
            tags: Vec::new(),
            findings: Vec::new(),
            is_verbatim,
        }
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
