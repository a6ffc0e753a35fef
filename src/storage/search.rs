//! What full text search is told, what it is asked, and what it answers.
//!
//! An index is given words that are folded already, and compares them as they are: what a word is, and which spellings
//! are one, is the engine's to say, and the same on every backend.

use std::ops::ControlFlow;

use crate::model::id::{EnvironmentName, PromptId, VersionId};

/// Folded words in the order of a text.
///
/// A word has ASCII digits, small ASCII letters and characters beyond ASCII, no other. It is written with a space
/// before and after: `" be kind "`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(String);

/// Written like a word that is none: U+FDD0 is no character, in no script.
const GAP: &str = "\u{fdd0}";

impl Default for Words {
    fn default() -> Self {
        Self(" ".into())
    }
}

impl Words {
    /// Adds a word; what is none is left out.
    pub fn push(&mut self, word: &str) {
        let is_one = |c: char| !c.is_ascii() || c.is_ascii_digit() || c.is_ascii_lowercase();
        if !word.is_empty() && word != GAP && word.chars().all(is_one) {
            self.0.push_str(word);
            self.0.push(' ');
        }
    }

    /// What comes now does not follow what was before: no phrase stands across a gap.
    pub fn gap(&mut self) {
        self.0.push_str(GAP);
        self.0.push(' ');
    }

    /// The words with a space before and after each; one space where there is none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether there is no word and no gap.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    /// The words, one by one; not to be asked of words with gaps.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }

    /// Whether a phrase stands in these words.
    #[must_use]
    pub fn have(&self, phrase: &Phrase) -> bool {
        let closed = phrase.words.as_str();
        let wanted = match phrase.open {
            true => &closed[..closed.len() - 1],
            false => closed,
        };
        self.0.contains(wanted)
    }
}

impl<'a> FromIterator<&'a str> for Words {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut all = Self::default();
        words.into_iter().for_each(|word| all.push(word));
        all
    }
}

/// Words that follow each other; one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words.
    pub words: Words,
    /// Whether the last of them may go on: "gre" is found in "greeting".
    pub open: bool,
}

/// What is searched: every phrase is to be found. None at all finds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// The phrases.
    pub phrases: Vec<Phrase>,
}

impl SearchQuery {
    /// Whether each phrase stands in one of these texts.
    #[must_use]
    pub fn is_in(&self, texts: &[&Words]) -> bool {
        let found = |phrase: &Phrase| texts.iter().any(|words| words.have(phrase));
        !self.phrases.is_empty() && self.phrases.iter().all(found)
    }
}

/// What search is told next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Searchable {
    /// The number of the last operation that this goes by.
    pub up_to: u64,
    /// Prompts as they are now: all that was told of them before goes. Each at most once.
    pub prompts: Vec<SearchablePrompt>,
    /// The messages of versions that search was not told of before, in the order they were committed.
    pub messages: Vec<(VersionId, Words)>,
}

/// What is searched of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchablePrompt {
    /// Which.
    pub id: PromptId,
    /// Its name; none where it is deleted, and nothing is left to be told.
    pub name: Option<Words>,
    /// The words of its current versions.
    pub text: Words,
    /// Its current versions: the highest, and those that environments point to.
    pub versions: Vec<SearchableVersion>,
}

/// What is asked of a current version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchableVersion {
    /// Which.
    pub id: VersionId,
    /// The partials that its body names, each once.
    pub partials: Vec<(PromptId, EnvironmentName)>,
}

/// What a search found among the prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchMatch {
    /// The prompt's name has all that was searched.
    Name(PromptId),
    /// The prompt's text has it, together with its name.
    Text(PromptId),
}

impl SearchMatch {
    /// The prompt that was found.
    #[must_use]
    pub fn prompt(&self) -> PromptId {
        match self {
            Self::Name(prompt) | Self::Text(prompt) => *prompt,
        }
    }
}

/// Is shown what a search finds, and says whether to go on.
pub type SearchVisitor<'a> = dyn FnMut(SearchMatch) -> crate::Result<ControlFlow<()>> + 'a;

/// What search was told before, as it is visited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// Of a prompt: which versions, each with the partials that it names, sorted.
    Prompt(PromptId, Vec<(VersionId, Vec<(PromptId, EnvironmentName)>)>),
    /// The message of a version, live or not. One without a word is left out.
    Message(VersionId),
}
