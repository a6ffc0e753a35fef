//! Searches: the results of the index combined with those of the unindexed tail.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::current::{current_versions, searchable_words, text_in};
use super::merge::to_run_query;
use super::query;
use super::score::best_first;
use super::snippet::{Snippet, snippet};
use super::tail::UnindexedTail;
use super::words::words_of;
use crate::engine::read::bodies::BodyReader;
use crate::engine::visit;
use crate::model::error::Result;
use crate::model::id::{PromptId, VersionId};
use crate::model::record::{Prompt, Version};
use crate::storage::{SearchMatch, SearchQuery, Snapshot};

/// One result of a search.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SearchHit {
    /// The prompt.
    pub prompt: Prompt,
    /// The version whose text or message matched, with the environments that point to it.
    ///
    /// If the name matched, this is the prompt's highest version, if it has one.
    pub version: Option<Version>,
    /// The part in which the words were found.
    pub matched: MatchedIn,
    /// The part of the text around the match.
    pub snippet: Snippet,
}

/// The part of a prompt in which the words of a search were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MatchedIn {
    /// All words are in the prompt's name.
    Name,
    /// The words are in the text of a current version together with the prompt's name.
    Text,
    /// The words are in a version's message.
    Message,
}

/// Searches names and texts of current versions, and then messages.
///
/// Names and texts give one result per prompt. Messages are ordered from newest to oldest. A query
/// with too many words is an error.
pub(crate) fn search(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    text: &str,
    limit: usize,
) -> Result<Vec<SearchHit>> {
    let query = query::read(text)?;
    if query.phrases.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let search = SearchRun {
        snapshot,
        bodies,
        tail: UnindexedTail::of(snapshot)?,
        query,
    };
    let mut hits = search.prompts(limit)?;
    if hits.len() < limit {
        for id in search.messages(limit - hits.len())? {
            hits.extend(search.message_hit(id)?);
        }
    }
    Ok(hits)
}

/// The prompts found so far.
#[derive(Default)]
struct MatchedPrompt {
    named: Vec<SearchHit>,
    texts: Vec<SearchHit>,
}

impl MatchedPrompt {
    fn count(&self) -> usize {
        self.named.len() + self.texts.len()
    }
}

struct SearchRun<'a> {
    snapshot: &'a dyn Snapshot,
    bodies: &'a BodyReader,
    tail: UnindexedTail,
    query: SearchQuery,
}

impl SearchRun<'_> {
    /// Returns prompts whose names match, then prompts whose texts match, best first.
    ///
    /// Prompts of the tail are matched by the same words as an index would be, so that the order
    /// does not depend on what is indexed. The texts themselves are read for the best matches only,
    /// until there are enough hits.
    fn prompts(&self, limit: usize) -> Result<Vec<SearchHit>> {
        let query = to_run_query(&self.query);
        let mut matches = Vec::new();
        for id in &self.tail.prompts {
            matches.extend(self.match_of(&query, *id)?);
        }
        visit::matches(self.snapshot, &query, |one| {
            if !self.tail.touched(one.prompt) {
                matches.push(one);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let mut found = MatchedPrompt::default();
        for one in best_first(matches) {
            if found.count() >= limit {
                break;
            }
            self.look_into(one.prompt, &mut found)?;
        }
        let mut hits = found.named;
        hits.extend(found.texts);
        Ok(hits)
    }

    /// Returns the match of a prompt of the tail, if there is one.
    fn match_of(&self, query: &SearchQuery, id: PromptId) -> Result<Option<SearchMatch>> {
        let Some(prompt) = self.snapshot.prompt(id)? else {
            return Ok(None);
        };
        let words = searchable_words(self.snapshot, self.bodies, &prompt)?;
        let (name, text) = (&words.name, &words.text);
        Ok(SearchMatch::of(query, id, prompt.created_at, name, text))
    }

    /// Adds the match of a prompt, if there is one.
    fn look_into(&self, id: PromptId, found: &mut MatchedPrompt) -> Result<()> {
        let Some(prompt) = self.snapshot.prompt(id)? else {
            return Ok(());
        };
        let name = words_of(prompt.name.as_str());
        if self.query.is_in(&[&name]) {
            found.named.push(SearchHit {
                version: self.snapshot.highest_version(id, None)?,
                matched: MatchedIn::Name,
                snippet: snippet(prompt.name.as_str(), &self.query),
                prompt,
            });
            return Ok(());
        }
        for version in current_versions(self.snapshot, id)? {
            let text = text_in(self.snapshot, self.bodies, &version)?;
            let words = words_of(&text);
            if self.query.is_in(&[&name, &words]) {
                let hit = SearchHit {
                    prompt,
                    version: Some(version),
                    matched: MatchedIn::Text,
                    snippet: snippet(&text, &self.query),
                };
                found.texts.push(hit);
                break;
            }
        }
        Ok(())
    }

    /// Returns the versions whose messages match. Those of the tail are the newest and come first.
    fn messages(&self, limit: usize) -> Result<Vec<VersionId>> {
        let mut found = Vec::new();
        for (id, message) in self.tail.created.iter().rev() {
            if self.query.is_in(&[&words_of(message)]) && self.snapshot.version(*id)?.is_some() {
                found.push(*id);
                if found.len() == limit {
                    return Ok(found);
                }
            }
        }
        let most = limit - found.len();
        found.extend(self.snapshot.search_messages(&self.query, most)?);
        Ok(found)
    }

    fn message_hit(&self, id: VersionId) -> Result<Option<SearchHit>> {
        let Some(version) = self.snapshot.version(id)? else {
            return Ok(None);
        };
        let prompt = self.snapshot.prompt(version.prompt_id)?;
        Ok(prompt.map(|prompt| SearchHit {
            prompt,
            snippet: snippet(&version.message, &self.query),
            version: Some(version),
            matched: MatchedIn::Message,
        }))
    }
}
