//! A search: what the index finds, and what it was not told of yet.

use serde::Serialize;

use super::current::{searchable, text_in};
use super::query;
use super::score::Score;
use super::snippet::{Snippet, snippet};
use super::tail::Tail;
use super::words::words_of;
use crate::backend::{SearchMatch, SearchQuery, Snapshot};
use crate::engine::bodies::Bodies;
use crate::error::Result;
use crate::id::VersionId;
use crate::record::{Prompt, Version};

/// One thing that a search found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SearchHit {
    /// The prompt.
    pub prompt: Prompt,
    /// The version whose text or message it is, with the environments that point to it; where the name was found, the
    /// highest one, if there is any.
    pub version: Option<Version>,
    /// Where the words were found.
    pub matched: Matched,
    /// What it says there.
    pub snippet: Snippet,
}

/// Where the words of a search were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Matched {
    /// All of them in the prompt's name.
    Name,
    /// In the text of a current version, together with the name.
    Text,
    /// In a version's commit message.
    Message,
}

/// Searches names and texts of current versions, each prompt once; behind them messages, newest first.
pub(crate) fn search(
    snapshot: &dyn Snapshot,
    bodies: &Bodies,
    text: &str,
    limit: usize,
) -> Result<Vec<SearchHit>> {
    let query = query::read(text)?;
    if query.phrases.is_empty() || limit == 0 {
        return Ok(Vec::new());
    }
    let search = Search {
        snapshot,
        bodies,
        tail: Tail::of(snapshot)?,
        query,
    };
    let mut hits = Vec::new();
    for found in search.prompts(limit)? {
        hits.extend(search.prompt_hit(found)?);
    }
    if hits.len() < limit {
        for id in search.messages(limit - hits.len())? {
            hits.extend(search.message_hit(id)?);
        }
    }
    Ok(hits)
}

struct Search<'a> {
    snapshot: &'a dyn Snapshot,
    bodies: &'a Bodies,
    tail: Tail,
    query: SearchQuery,
}

impl Search<'_> {
    /// Names first: those that changed last, then those of the index as it orders them. Then texts, best first.
    fn prompts(&self, limit: usize) -> Result<Vec<SearchMatch>> {
        let mut found = Vec::new();
        let mut texts = Vec::new();
        for id in self.tail.prompts.iter().rev() {
            let prompt = searchable(self.snapshot, self.bodies, *id)?;
            let Some(name) = &prompt.name else { continue };
            if self.query.is_in(&[name]) {
                found.push(SearchMatch::Name(*id));
                continue;
            }
            let mut versions = prompt.versions.iter();
            let version = versions.find(|version| self.query.is_in(&[name, &version.text]));
            if let Some(version) = version {
                let score = Score::of(&self.query, name, &version.text);
                texts.push((SearchMatch::Text(*id, version.id), score));
            }
        }
        // As many of what the index finds may be outdated.
        let most = limit.saturating_add(self.tail.prompts.len());
        let mut indexed = self.snapshot.search(&self.query, most)?;
        indexed.retain(|found| !self.tail.touched(found.prompt()));
        let (named, mut indexed): (Vec<_>, Vec<_>) = indexed
            .into_iter()
            .partition(|found| matches!(found, SearchMatch::Name(_)));
        found.extend(named);
        found.truncate(limit);
        indexed.truncate(limit - found.len());
        // The index's scores are its own, and are not to be compared: where there are others, all are given anew.
        if !texts.is_empty() && found.len() < limit {
            for one in indexed {
                texts.extend(self.score(one)?.map(|score| (one, score)));
            }
            indexed = Score::best_first(texts);
        }
        found.extend(indexed);
        found.truncate(limit);
        Ok(found)
    }

    fn score(&self, found: SearchMatch) -> Result<Option<Score>> {
        let (Some(prompt), SearchMatch::Text(_, version)) =
            (self.snapshot.prompt(found.prompt())?, found)
        else {
            return Ok(None);
        };
        let Some(version) = self.snapshot.version(version)? else {
            return Ok(None);
        };
        let text = words_of(&text_in(self.snapshot, self.bodies, &version)?);
        let name = words_of(prompt.name.as_str());
        Ok(Some(Score::of(&self.query, &name, &text)))
    }

    /// The newest are those of the tail.
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

    fn prompt_hit(&self, found: SearchMatch) -> Result<Option<SearchHit>> {
        let (id, version, matched) = match found {
            SearchMatch::Name(id) => {
                let highest = self.snapshot.highest_version(id, None)?;
                (id, highest, Matched::Name)
            }
            SearchMatch::Text(id, version) => (id, self.snapshot.version(version)?, Matched::Text),
        };
        let Some(prompt) = self.snapshot.prompt(id)? else {
            return Ok(None);
        };
        let text = match (&version, matched) {
            (Some(version), Matched::Text) => text_in(self.snapshot, self.bodies, version)?,
            _ => prompt.name.to_string(),
        };
        Ok(Some(SearchHit {
            prompt,
            version,
            matched,
            snippet: snippet(&text, &self.query),
        }))
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
            matched: Matched::Message,
        }))
    }
}
