//! Full text search that compares the query with every text.

use std::ops::ControlFlow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use rpds::{RedBlackTreeMapSync as Map, RedBlackTreeSetSync as Set, VectorSync as Vector};

use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::storage::{
    Indexable, IndexedItem, IndexedItemVisitor, SearchMatch, SearchQuery, SearchVisitor,
    SearchablePrompt, WordQuery,
};

/// A partial: a prompt, and the environment that it is taken from.
type PartialRow = (PromptId, EnvironmentName);

/// The search index. Clones share their data.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchTables {
    pub(super) up_to: u64,
    prompts: Map<PromptId, Arc<SearchablePrompt>>,
    /// The versions that contain each partial.
    users: Map<PartialRow, Set<(PromptId, VersionId)>>,
    /// The messages in the order of their commits.
    messages: Vector<(VersionId, Arc<WordQuery>)>,
}

impl SearchTables {
    pub(super) fn tell(&mut self, news: &Indexable) {
        self.up_to = news.up_to;
        for prompt in &news.prompts {
            if let Some(told) = self.prompts.get(&prompt.id).cloned() {
                self.forget_partials(&told);
            }
            match prompt.name {
                Some(_) => {
                    let prompt = Arc::new(prompt.clone());
                    self.list_partials(&prompt);
                    self.prompts.insert_mut(prompt.id, prompt);
                }
                None => {
                    self.prompts.remove_mut(&prompt.id);
                }
            }
        }
        for (version, words) in news.messages.iter().filter(|(_, words)| !words.is_empty()) {
            let message = (*version, Arc::new(words.clone()));
            self.messages.push_back_mut(message);
        }
    }

    fn list_partials(&mut self, prompt: &SearchablePrompt) {
        for (partial, version) in uses(prompt) {
            let mut users = self.users.get(&partial).cloned().unwrap_or_default();
            users.insert_mut((prompt.id, version));
            self.users.insert_mut(partial, users);
        }
    }

    fn forget_partials(&mut self, prompt: &SearchablePrompt) {
        for (partial, version) in uses(prompt) {
            let Some(users) = self.users.get_mut(&partial) else {
                continue;
            };
            users.remove_mut(&(prompt.id, version));
            if users.is_empty() {
                self.users.remove_mut(&partial);
            }
        }
    }

    /// Visits the matches. `created_at` returns when a prompt was created.
    pub(super) fn find(
        &self,
        query: &SearchQuery,
        created_at: impl Fn(PromptId) -> Option<DateTime<Utc>>,
        visit: &mut SearchVisitor<'_>,
    ) {
        for prompt in self.prompts.values() {
            let found = prompt.name.as_ref().and_then(|name| {
                let created_at = created_at(prompt.id)?;
                SearchMatch::of(query, prompt.id, created_at, name, &prompt.text)
            });
            if found.is_some_and(|found| visit(found).is_break()) {
                break;
            }
        }
    }

    pub(super) fn find_messages(
        &self,
        query: &SearchQuery,
        is_live: impl Fn(VersionId) -> bool,
        limit: usize,
    ) -> Vec<VersionId> {
        let newest_first = (0..self.messages.len()).rev();
        newest_first
            .filter_map(|at| self.messages.get(at))
            .filter(|(id, words)| query.is_in(&[words]) && is_live(*id))
            .map(|(id, _)| *id)
            .take(limit)
            .collect()
    }

    pub(super) fn dependents(
        &self,
        prompt: PromptId,
        environment: &EnvironmentName,
    ) -> Vec<(PromptId, VersionId)> {
        let users = self.users.get(&(prompt, environment.clone()));
        users.into_iter().flatten().copied().collect()
    }

    pub(super) fn each(&self, visit: &mut IndexedItemVisitor<'_>) -> ControlFlow<()> {
        for prompt in self.prompts.values() {
            let versions = prompt.versions.iter().map(|version| {
                let mut partials = version.partials.clone();
                partials.sort();
                (version.id, partials)
            });
            visit(IndexedItem::Prompt(prompt.id, versions.collect()))?;
        }
        let mut messages = self.messages.iter();
        messages.try_for_each(|(id, _)| visit(IndexedItem::Message(*id)))
    }
}

/// Returns the partials that the versions of a prompt contain.
fn uses(prompt: &SearchablePrompt) -> impl Iterator<Item = (PartialRow, VersionId)> {
    prompt.versions.iter().flat_map(|version| {
        let partials = version.partials.iter().cloned();
        partials.map(|partial| (partial, version.id))
    })
}
