//! Full text search: the data of the search index, its queries and its answers.
//!
//! The engine decides what a word is, which spellings are equal, and which match is better. An index
//! receives folded words, compares them exactly and counts them, so every backend gives the same
//! answers in the same order.

use std::ops::ControlFlow;

use chrono::{DateTime, Utc};

use crate::model::id::{EnvironmentName, PromptId, VersionId};

/// Folded words in the order of a text.
///
/// A word consists of ASCII digits, lower case ASCII letters and characters beyond ASCII only. The
/// text has a space before and after each word: `" be kind "`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordQuery(String);

/// A gap, written like a word. U+FDD0 is a noncharacter, so no text contains this word.
const GAP: &str = "\u{fdd0}";

impl Default for WordQuery {
    fn default() -> Self {
        Self(" ".into())
    }
}

impl WordQuery {
    /// Adds a word. Text that is not a word is ignored.
    pub fn push(&mut self, word: &str) {
        let is_one = |c: char| !c.is_ascii() || c.is_ascii_digit() || c.is_ascii_lowercase();
        if !word.is_empty() && word != GAP && word.chars().all(is_one) {
            self.0.push_str(word);
            self.0.push(' ');
        }
    }

    /// Adds a gap, which no phrase spans: the next word does not follow the previous one.
    pub fn gap(&mut self) {
        self.0.push_str(GAP);
        self.0.push(' ');
    }

    /// Returns the words with a space before and after each, or one space if there are none.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether there is no word and no gap.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.len() == 1
    }

    /// Returns the words one by one. A gap counts as a word.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split(' ').filter(|word| !word.is_empty())
    }

    /// Returns whether these words contain a phrase.
    #[must_use]
    pub fn have(&self, phrase: &Phrase) -> bool {
        let closed = phrase.words.as_str();
        let wanted = if phrase.open {
            &closed[..closed.len() - 1]
        } else {
            closed
        };
        self.0.contains(wanted)
    }

    /// Returns how often a phrase can occur at most: the count of its rarest word.
    ///
    /// An index knows the counts of words, and would have to read positions for those of phrases.
    /// The last word of an open phrase counts as the beginning of words.
    #[must_use]
    pub fn occurrences(&self, phrase: &Phrase) -> u64 {
        let count = |(wanted, is_open): (&str, bool)| {
            let is_found = |word: &&str| {
                if is_open {
                    word.starts_with(wanted)
                } else {
                    *word == wanted
                }
            };
            self.iter().filter(is_found).count() as u64
        };
        phrase.parts().map(count).min().unwrap_or(0)
    }
}

impl<'a> FromIterator<&'a str> for WordQuery {
    fn from_iter<I: IntoIterator<Item = &'a str>>(words: I) -> Self {
        let mut all = Self::default();
        words.into_iter().for_each(|word| all.push(word));
        all
    }
}

/// A sequence of words that follow each other. It contains at least one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phrase {
    /// The words.
    pub words: WordQuery,
    /// Whether the last word may be a prefix: "gre" then matches "greeting".
    pub open: bool,
}

impl Phrase {
    /// Returns each word, and whether it is only the beginning of words.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut words = self.words.iter().peekable();
        std::iter::from_fn(move || {
            let word = words.next()?;
            Some((word, self.open && words.peek().is_none()))
        })
    }
}

/// A query: every phrase must be found. A query without phrases finds nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchQuery {
    /// The phrases.
    pub phrases: Vec<Phrase>,
}

impl SearchQuery {
    /// Returns whether each phrase is contained in one of these texts.
    #[must_use]
    pub fn is_in(&self, texts: &[&WordQuery]) -> bool {
        let found = |phrase: &Phrase| texts.iter().any(|words| words.have(phrase));
        !self.phrases.is_empty() && self.phrases.iter().all(found)
    }
}

/// An update of the search index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Indexable {
    /// The number of the last operation that the update reflects.
    pub up_to: u64,
    /// The current state of prompts, each at most once.
    ///
    /// It replaces all that is indexed of them.
    pub prompts: Vec<SearchablePrompt>,
    /// The messages of versions that are not indexed yet, in the order of their commits.
    pub messages: Vec<(VersionId, WordQuery)>,
}

/// The searched texts of a prompt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchablePrompt {
    /// The prompt's id.
    pub id: PromptId,
    /// Its name; `None` if the prompt is deleted, and nothing of it remains to be indexed.
    pub name: Option<WordQuery>,
    /// The words of its current versions.
    pub text: WordQuery,
    /// Its current versions: the one with the highest number, and those that environments point to.
    pub versions: Vec<SearchableVersion>,
}

/// A current version of a prompt, with the partials of its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchableVersion {
    /// The version's id.
    pub id: VersionId,
    /// The partials that its body contains, each once.
    pub partials: Vec<(PromptId, EnvironmentName)>,
}

/// A prompt that a search found, with the figures by which the engine ranks it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchMatch {
    /// The prompt.
    pub prompt: PromptId,
    /// When it was created.
    pub created_at: DateTime<Utc>,
    /// Whether its name contains all of the query. Otherwise its text does, together with its name.
    pub in_name: bool,
    /// The words of its name and of its text.
    pub words: PlaceCounts,
    /// For each phrase of the query, how often it occurs. See [`WordQuery::occurrences`].
    pub occurrences: Vec<PlaceCounts>,
}

/// A count for the name and one for the text of a prompt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlaceCounts {
    /// The count in the name.
    pub name: u64,
    /// The count in the text.
    pub text: u64,
}

impl SearchMatch {
    /// Returns the match of a prompt whose words are known, or `None` if the query is not in them.
    ///
    /// A backend that can count words without reading them gives the same figures.
    #[must_use]
    pub fn of(
        query: &SearchQuery,
        prompt: PromptId,
        created_at: DateTime<Utc>,
        name: &WordQuery,
        text: &WordQuery,
    ) -> Option<Self> {
        if !query.is_in(&[name, text]) {
            return None;
        }
        let counts = |phrase: &Phrase| PlaceCounts {
            name: name.occurrences(phrase),
            text: text.occurrences(phrase),
        };
        Some(Self {
            prompt,
            created_at,
            in_name: query.is_in(&[name]),
            words: PlaceCounts {
                name: name.iter().count() as u64,
                text: text.iter().count() as u64,
            },
            occurrences: query.phrases.iter().map(counts).collect(),
        })
    }
}

/// A callback that receives what a search finds, and returns whether to continue.
pub type SearchVisitor<'a> = dyn FnMut(SearchMatch) -> ControlFlow<()> + 'a;

/// A callback that receives what is indexed for search, and returns whether to continue.
pub type IndexedItemVisitor<'a> = dyn FnMut(IndexedItem) -> ControlFlow<()> + 'a;

/// An item of the search index.
///
/// [`Snapshot::each_searchable`](crate::storage::SearchReads::each_searchable) visits them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IndexedItem {
    /// A prompt with its indexed versions, and for each version the partials in its body, sorted.
    Prompt(PromptId, Vec<(VersionId, Vec<(PromptId, EnvironmentName)>)>),
    /// The message of a version, live or not. Messages without a word are not visited.
    Message(VersionId),
}
