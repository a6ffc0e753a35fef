//! Updates of environments: several at a time, each optionally conditional on the current version.

use std::collections::HashMap;

use super::breaking::{ComparedVersions, EnvironmentMove};
use super::writer::{WriteTransaction, check_expected};
use crate::engine::contract::Breakage;
use crate::engine::read::lookup::{find_prompt, one_prompt, select};
use crate::model::arguments::{Draft, IntoEnvironmentName, IntoPromptRef, IntoSelector};
use crate::model::error::{ConflictSubject, Result, VersionLabel};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::invalid_argument::{InvalidArgument, check_length};
use crate::model::record::{Change, Expected, OperationKind, Version};
use crate::model::selector::Selector;
use crate::model::version_spec::PromptRef;
use crate::model::work_counter;
use crate::storage::{Snapshot, VersionSummary};

/// A request to point an environment to a version, or to remove it.
///
/// Arguments are parsed when they are given. If one is not accepted, the call that uses the value
/// fails with the first such error.
///
/// ```
/// use promptbook::{EnvironmentUpdate, NewPrompt, Store};
///
/// let store = Store::in_memory()?;
/// let created = store.create_prompt(NewPrompt::new("greeting", r#"{"messages": []}"#))?;
/// store.update_environments([
///     EnvironmentUpdate::set("greeting", "staging", "1.0").reason("Try it"),
///     EnvironmentUpdate::remove("greeting", "production").expect(created.version.id),
/// ])?;
/// # Ok::<(), promptbook::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EnvironmentUpdate(Draft<UpdateDraft>);

/// The fields of an [`EnvironmentUpdate`].
#[derive(Clone, Debug)]
pub(crate) struct UpdateDraft {
    pub(crate) prompt: PromptRef,
    pub(crate) environment: EnvironmentName,
    /// The version to point to; none removes the environment.
    pub(crate) to: Option<Selector>,
    /// The version that the caller expects it to point to now.
    pub(crate) expected: Expected,
    /// The reason, for readers of the history.
    pub(crate) reason: Option<String>,
    /// Whether the version may break callers of the one that it points to now.
    pub(crate) allow_breaking: bool,
}

impl EnvironmentUpdate {
    /// Points an environment to a version.
    ///
    /// If a text does not parse, the update fails with
    /// [`InvalidArgument`](crate::Error::InvalidArgument).
    #[must_use]
    pub fn set(
        prompt: impl IntoPromptRef,
        environment: impl IntoEnvironmentName,
        to: impl IntoSelector,
    ) -> Self {
        let to = to.into_selector();
        Self::new(prompt, environment, to.map(Some))
    }

    /// Removes an environment; if it does not exist, nothing changes.
    ///
    /// If a text does not parse, the update fails with
    /// [`InvalidArgument`](crate::Error::InvalidArgument).
    #[must_use]
    pub fn remove(prompt: impl IntoPromptRef, environment: impl IntoEnvironmentName) -> Self {
        Self::new(prompt, environment, Ok(None))
    }

    fn new(
        prompt: impl IntoPromptRef,
        environment: impl IntoEnvironmentName,
        to: Result<Option<Selector>, InvalidArgument>,
    ) -> Self {
        let draft = || {
            Ok(UpdateDraft {
                prompt: prompt.into_prompt_ref()?,
                environment: environment.into_environment_name()?,
                to: to?,
                expected: Expected::Any,
                reason: None,
                allow_breaking: false,
            })
        };
        Self(Draft::new(draft()))
    }

    /// Makes the update conditional on the version that the environment points to now.
    ///
    /// If it points to another version, the update fails with [`Conflict`](crate::Error::Conflict)
    /// and nothing changes.
    #[must_use]
    pub fn expect(self, expected: impl Into<Expected>) -> Self {
        Self(self.0.set(|draft| draft.expected = expected.into()))
    }

    /// Allows a version that breaks callers of the one that the environment points to now.
    ///
    /// Otherwise the update fails with [`BreakingMove`](crate::Error::BreakingMove), unless the bump
    /// policy is [`Free`](crate::BumpPolicy::Free), or the environment pointed to the version before.
    #[must_use]
    pub fn allow_breaking(self) -> Self {
        Self(self.0.set(|draft| draft.allow_breaking = true))
    }

    /// Sets the reason, which is stored in the history.
    #[must_use]
    pub fn reason(self, reason: impl Into<String>) -> Self {
        Self(self.0.set(|draft| draft.reason = Some(reason.into())))
    }

    /// Returns the fields.
    pub(crate) fn finish(self) -> Result<UpdateDraft> {
        self.0.finish()
    }
}

/// The effect of an [`EnvironmentUpdate`].
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
    /// The ways in which the version breaks callers of the one before.
    ///
    /// They were allowed, or the environment pointed to the version before. Under the bump policy
    /// [`Free`](crate::BumpPolicy::Free), the two versions are not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakages: Vec<Breakage>,
}

impl WriteTransaction<'_> {
    /// Updates environments in the given order, as one operation.
    ///
    /// If no environment changes, nothing is recorded.
    pub(crate) fn update_environments(
        &mut self,
        moves: &[UpdateDraft],
    ) -> Result<Vec<EnvironmentChange>> {
        let at = self.context.now();
        let set = moves.iter().filter(|update| update.to.is_some());
        self.check_listed(set.map(|update| &update.environment))?;
        let mut moved: Vec<EnvironmentChange> = Vec::with_capacity(moves.len());
        let mut pointers = PointerLookup::new(self.transaction.snapshot(), moves);
        if let [update] = moves {
            pointers.known = self.heads.named(&update.prompt);
        }
        let mut compared = ComparedVersions::default();
        for update in moves {
            if let Some(reason) = &update.reason {
                check_length("reason", reason)?;
            }
            let UpdateTarget {
                prompt,
                now,
                to,
                rows,
            } = pointers.target(update)?;
            let subject = || ConflictSubject::Environment(update.environment.clone());
            let snapshot = self.transaction.snapshot();
            check_expected(snapshot, prompt, subject, update.expected, now)?;
            let breakages = match (now, to) {
                (Some(now), Some(to)) if now.id != to.id => {
                    let update = EnvironmentMove {
                        prompt,
                        environment: &update.environment,
                        from: now,
                        to,
                        rows,
                        allow_breaking: update.allow_breaking,
                    };
                    self.check_move(update, &mut compared)?
                }
                _ => Vec::new(),
            };
            pointers.move_to(prompt, &update.environment, to);
            moved.push(EnvironmentChange {
                prompt_id: prompt,
                environment: update.environment.clone(),
                before: now.map(|version| version.id),
                after: to.map(|version| version.id),
                breakages,
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
        if let ([update], [done]) = (moves, &moved[..]) {
            self.heads.name(&update.prompt, done.prompt_id);
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
    /// Whether the list has a single update, for which nothing is looked up twice.
    is_single: bool,
    /// The prompt of a single update, if it is known already.
    known: Option<PromptId>,
    /// The number of updates that refer to their prompt in this way.
    moves: HashMap<&'a PromptRef, usize>,
    prompts: HashMap<&'a PromptRef, PromptId>,
    /// All environments of the prompts with many updates, as they were before the first update.
    all: HashMap<PromptId, HashMap<EnvironmentName, VersionLabel>>,
    selected: HashMap<(PromptId, &'a Selector), VersionLabel>,
    moved: HashMap<(PromptId, &'a EnvironmentName), Option<VersionLabel>>,
}

/// The prompt and the versions that an update is about.
struct UpdateTarget {
    prompt: PromptId,
    /// The version that the environment points to before the update.
    now: Option<VersionLabel>,
    /// The version that it points to afterwards.
    to: Option<VersionLabel>,
    /// Both versions, if the lookup returned them.
    rows: Option<(VersionSummary, VersionSummary)>,
}

impl<'a> PointerLookup<'a> {
    fn new(snapshot: &'a dyn Snapshot, updates: &'a [UpdateDraft]) -> Self {
        let is_single = updates.len() == 1;
        let mut moves: HashMap<_, usize> = HashMap::new();
        for update in updates.iter().filter(|_| !is_single) {
            *moves.entry(&update.prompt).or_default() += 1;
        }
        Self {
            snapshot,
            is_single,
            known: None,
            moves,
            prompts: HashMap::new(),
            all: HashMap::new(),
            selected: HashMap::new(),
            moved: HashMap::new(),
        }
    }

    fn target(&mut self, update: &'a UpdateDraft) -> Result<UpdateTarget> {
        if self.is_single {
            return self.single_target(update);
        }
        let prompt = self.prompt(&update.prompt)?;
        let to = match &update.to {
            Some(selector) => Some(self.select(prompt, selector)?),
            None => None,
        };
        let now = self.of(prompt, &update.environment)?;
        Ok(UpdateTarget {
            prompt,
            now,
            to,
            rows: None,
        })
    }

    fn single_target(&self, update: &UpdateDraft) -> Result<UpdateTarget> {
        work_counter::step();
        let (name, to) = (&update.environment, update.to.as_ref());
        let known = self.known.map(PromptRef::Id);
        let prompt = known.as_ref().unwrap_or(&update.prompt);
        let found = self.snapshot.environment(prompt, name, to)?;
        let prompt = one_prompt(&update.prompt, found.prompts)?;
        let to = match to {
            Some(selector) => match found.selected.filter(|to| to.prompt_id == prompt) {
                Some(selected) => Some(selected),
                // It fails, and says why.
                None => Some((&select(self.snapshot, prompt, selector)?).into()),
            },
            None => None,
        };
        Ok(UpdateTarget {
            prompt,
            now: found.current.as_ref().map(VersionLabel::from),
            to: to.as_ref().map(VersionLabel::from),
            rows: found.current.zip(to),
        })
    }

    fn prompt(&mut self, prompt: &'a PromptRef) -> Result<PromptId> {
        if let Some(id) = self.prompts.get(prompt) {
            return Ok(*id);
        }
        let id = find_prompt(self.snapshot, prompt)?;
        self.prompts.insert(prompt, id);
        let moves = self.moves.get(prompt);
        if moves.is_some_and(|moves| *moves > MAX_SINGLE_LOOKUPS) && !self.all.contains_key(&id) {
            work_counter::step();
            let environments = self.snapshot.environments(id)?.into_iter();
            let labels = environments.map(|environment| {
                let label = VersionLabel {
                    id: environment.version_id,
                    number: environment.number,
                };
                (environment.name, label)
            });
            self.all.insert(id, labels.collect());
        }
        Ok(id)
    }

    /// Returns the version that a selector selected before the first update.
    fn select(&mut self, prompt: PromptId, selector: &'a Selector) -> Result<VersionLabel> {
        if let Some(selected) = self.selected.get(&(prompt, selector)) {
            return Ok(*selected);
        }
        if let Selector::Environment(name) = selector
            && let Some(pointer) = self.all.get(&prompt).and_then(|all| all.get(name))
        {
            return Ok(*pointer);
        }
        work_counter::step();
        let selected = VersionLabel::from(&select(self.snapshot, prompt, selector)?);
        self.selected.insert((prompt, selector), selected);
        Ok(selected)
    }

    /// Returns the version that an environment points to after the updates so far.
    fn of(&self, prompt: PromptId, name: &'a EnvironmentName) -> Result<Option<VersionLabel>> {
        work_counter::step();
        if let Some(moved) = self.moved.get(&(prompt, name)) {
            return Ok(*moved);
        }
        if let Some(all) = self.all.get(&prompt) {
            return Ok(all.get(name).copied());
        }
        let version = self.snapshot.version_in(prompt, name)?;
        Ok(version.as_ref().map(VersionLabel::from))
    }

    fn move_to(&mut self, prompt: PromptId, name: &'a EnvironmentName, to: Option<VersionLabel>) {
        if !self.is_single {
            self.moved.insert((prompt, name), to);
        }
    }
}
