//! Updates of environments: several at a time, each optionally conditional on the current version.

use std::collections::HashMap;

use super::writer::{WriteTransaction, check_expected};
use crate::engine::read::lookup::{find_prompt, select};
use crate::model::error::{Result, VersionLabel};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::invalid_argument::check_length;
use crate::model::record::{Change, Expected, OperationKind, Version};
use crate::model::version_number::{PromptRef, Selector};
use crate::model::work_counter;
use crate::storage::Snapshot;

/// A request to point an environment to a version, or to remove it.
///
/// ```
/// use promptbook::{Expected, EnvironmentUpdate, Store};
///
/// let store = Store::in_memory()?; let created =
/// store.create_prompt(promptbook::NewPrompt::new("greeting", r#"{"messages": []}"#)?)?; let id =
/// created.prompt.id; store.move_environments(&[ EnvironmentUpdate::set(id, "staging", "1.0")?, EnvironmentUpdate::remove(id,
/// "production")?.expecting(Expected::Is(created.version.id)), ])?;
/// # Ok::<(), promptbook::Error>(()) ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct EnvironmentUpdate {
    /// The prompt that has the environment.
    pub prompt: PromptRef,
    /// The environment.
    pub environment: EnvironmentName,
    /// The version to point to; none removes the environment.
    pub to: Option<Selector>,
    /// The version that the caller expects it to point to now.
    pub expected: Expected,
    /// The reason, for readers of the history: a few words at most.
    pub reason: Option<String>,
}

impl EnvironmentUpdate {
    /// Points an environment to a version.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if a text does not parse.
    pub fn set<P, E, S>(prompt: P, environment: E, to: S) -> Result<Self>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        S: TryInto<Selector>,
        crate::Error: From<P::Error> + From<E::Error> + From<S::Error>,
    {
        Ok(Self {
            prompt: prompt.try_into()?,
            environment: environment.try_into()?,
            to: Some(to.try_into()?),
            expected: Expected::Any,
            reason: None,
        })
    }

    /// Removes an environment; if it does not exist, nothing changes.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`](crate::Error::InvalidArgument) if a text does not parse.
    pub fn remove<P, E>(prompt: P, environment: E) -> Result<Self>
    where
        P: TryInto<PromptRef>,
        E: TryInto<EnvironmentName>,
        crate::Error: From<P::Error> + From<E::Error>,
    {
        Ok(Self {
            prompt: prompt.try_into()?,
            environment: environment.try_into()?,
            to: None,
            expected: Expected::Any,
            reason: None,
        })
    }

    /// Makes the update conditional on the version that the environment points to now.
    ///
    /// If it points to another version, the update fails with [`Conflict`](crate::Error::Conflict)
    /// and nothing changes.
    #[must_use]
    pub fn expecting(mut self, expected: Expected) -> Self {
        self.expected = expected;
        self
    }

    /// Sets the reason, which is stored in the history.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

/// The effect of a [`EnvironmentUpdate`].
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[non_exhaustive]
pub struct EnvironmentChange {
    /// The prompt that has the environment.
    pub prompt_id: PromptId,
    /// The environment.
    pub environment: EnvironmentName,
    /// The version that it pointed to.
    pub before: Option<VersionId>,
    /// The version that it points to now.
    pub after: Option<VersionId>,
}

impl WriteTransaction<'_> {
    /// Updates environments in the given order, as one operation.
    ///
    /// If no environment changes, nothing is recorded.
    pub(crate) fn move_environments(
        &mut self,
        moves: &[EnvironmentUpdate],
    ) -> Result<Vec<EnvironmentChange>> {
        let at = self.context.now();
        let mut moved: Vec<EnvironmentChange> = Vec::with_capacity(moves.len());
        let mut pointers = PointerLookup::new(self.transaction.snapshot(), moves);
        for update in moves {
            if let Some(reason) = &update.reason {
                check_length("reason", reason)?;
            }
            let prompt = pointers.prompt(&update.prompt)?;
            let to = match &update.to {
                Some(selector) => Some(pointers.select(prompt, selector)?),
                None => None,
            };
            let now = pointers.of(prompt, &update.environment)?;
            let subject = || format!("{} of prompt {prompt}", update.environment);
            check_expected(self.transaction.snapshot(), subject, update.expected, now)?;
            pointers.move_to(prompt, &update.environment, to);
            moved.push(EnvironmentChange {
                prompt_id: prompt,
                environment: update.environment.clone(),
                before: now.map(|version| version.id),
                after: to.map(|version| version.id),
            });
        }
        let changes: Vec<Change> = moved
            .iter()
            .zip(moves)
            .filter(|(done, _)| done.before != done.after)
            .map(|(done, update)| Change::Environment {
                prompt: done.prompt_id,
                name: done.environment.clone(),
                before: done.before,
                after: done.after,
                reason: update.reason.clone(),
            })
            .collect();
        if !changes.is_empty() {
            self.record(at, OperationKind::Move, changes)?;
        }
        Ok(moved)
    }

    /// Returns the change that points an environment to a version that the same operation creates.
    pub(crate) fn point_to_new(
        &self,
        prompt: PromptId,
        name: &EnvironmentName,
        version: VersionId,
    ) -> Result<Change> {
        let before = self.transaction.snapshot().version_in(prompt, name)?;
        Ok(Change::Environment {
            prompt,
            name: name.clone(),
            before: before.map(|version| version.id),
            after: Some(version),
            reason: None,
        })
    }

    /// Returns the changes that remove all environments that point to a version.
    pub(crate) fn removals_of_version(version: &Version) -> Vec<Change> {
        let names = version.environments.iter();
        names
            .map(|name| removal(version.prompt_id, name, version.id))
            .collect()
    }

    /// Returns the changes that remove all environments of a prompt.
    pub(crate) fn removals_of_prompt(&self, prompt: PromptId) -> Result<Vec<Change>> {
        let environments = self.transaction.snapshot().environments(prompt)?;
        Ok(environments
            .iter()
            .map(|environment| removal(prompt, &environment.name, environment.version_id))
            .collect())
    }
}

fn removal(prompt: PromptId, name: &EnvironmentName, from: VersionId) -> Change {
    Change::Environment {
        prompt,
        name: name.clone(),
        before: Some(from),
        after: None,
        reason: None,
    }
}

/// The number of updates of one prompt up to which each environment is looked up separately.
///
/// For more updates, all environments of the prompt are read once.
const MAX_SINGLE_LOOKUPS: usize = 8;

/// The versions that environments point to after the updates of a list that were applied so far.
struct PointerLookup<'a> {
    snapshot: &'a dyn Snapshot,
    /// None for a single update, because no later one needs the cache.
    cache: Option<LookupCache<'a>>,
}

/// The results of earlier lookups.
#[derive(Default)]
struct LookupCache<'a> {
    /// The number of updates that refer to their prompt in this way.
    moves: HashMap<&'a PromptRef, usize>,
    prompts: HashMap<&'a PromptRef, PromptId>,
    /// All environments of the prompts with many updates, as they were before the first update.
    all: HashMap<PromptId, HashMap<EnvironmentName, VersionLabel>>,
    selected: HashMap<(PromptId, &'a Selector), VersionLabel>,
    moved: HashMap<(PromptId, &'a EnvironmentName), Option<VersionLabel>>,
}

impl<'a> PointerLookup<'a> {
    fn new(snapshot: &'a dyn Snapshot, moves: &'a [EnvironmentUpdate]) -> Self {
        let cache = (moves.len() > 1).then(|| {
            let mut cache = LookupCache::default();
            for update in moves {
                *cache.moves.entry(&update.prompt).or_default() += 1;
            }
            cache
        });
        Self { snapshot, cache }
    }

    fn prompt(&mut self, prompt: &'a PromptRef) -> Result<PromptId> {
        let Some(cache) = &mut self.cache else {
            return find_prompt(self.snapshot, prompt);
        };
        if let Some(id) = cache.prompts.get(prompt) {
            return Ok(*id);
        }
        let id = find_prompt(self.snapshot, prompt)?;
        cache.prompts.insert(prompt, id);
        if cache
            .moves
            .get(prompt)
            .is_some_and(|moves| *moves > MAX_SINGLE_LOOKUPS)
            && !cache.all.contains_key(&id)
        {
            work_counter::step();
            let environments = self.snapshot.environments(id)?.into_iter();
            let labels = environments.map(|environment| {
                let label = VersionLabel {
                    id: environment.version_id,
                    number: environment.number,
                };
                (environment.name, label)
            });
            cache.all.insert(id, labels.collect());
        }
        Ok(id)
    }

    /// Returns the version that a selector selected before the first update.
    fn select(&mut self, prompt: PromptId, selector: &'a Selector) -> Result<VersionLabel> {
        if let Some(cache) = &self.cache {
            if let Some(selected) = cache.selected.get(&(prompt, selector)) {
                return Ok(*selected);
            }
            if let Selector::Environment(name) = selector
                && let Some(pointer) = cache.all.get(&prompt).and_then(|all| all.get(name))
            {
                return Ok(*pointer);
            }
        }
        work_counter::step();
        let selected = VersionLabel::from(&select(self.snapshot, prompt, selector)?);
        if let Some(cache) = &mut self.cache {
            cache.selected.insert((prompt, selector), selected);
        }
        Ok(selected)
    }

    /// Returns the version that an environment points to after the updates so far.
    fn of(&self, prompt: PromptId, name: &'a EnvironmentName) -> Result<Option<VersionLabel>> {
        if let Some(cache) = &self.cache {
            if let Some(moved) = cache.moved.get(&(prompt, name)) {
                return Ok(*moved);
            }
            if let Some(all) = cache.all.get(&prompt) {
                return Ok(all.get(name).copied());
            }
        }
        work_counter::step();
        let version = self.snapshot.version_in(prompt, name)?;
        Ok(version.as_ref().map(VersionLabel::from))
    }

    fn move_to(&mut self, prompt: PromptId, name: &'a EnvironmentName, to: Option<VersionLabel>) {
        if let Some(cache) = &mut self.cache {
            cache.moved.insert((prompt, name), to);
        }
    }
}
