//! The model: a few lists and maps, and the effect of each call on them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::history::OperationKind;
use promptbook::{Bump, BumpPolicy, Error, PromptId, VersionId, VersionNumber};

use super::op::{Base, Commit, ENVIRONMENTS, EnvironmentMove, Expectation, Target, breaks};

/// The reason why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoPrompt,
    NoVersion,
    NoEnvironment,
    Conflict,
    NoBase,
    Breaking,
    IdTaken,
    NotListed,
    EnvironmentInUse,
    EmptyList,
}

impl Refusal {
    /// Returns the refusal that corresponds to an error.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::PromptNotFound { .. } => Self::NoPrompt,
            Error::VersionNotFound { .. } => Self::NoVersion,
            Error::EnvironmentNotFound { .. } => Self::NoEnvironment,
            Error::Conflict { .. } => Self::Conflict,
            Error::NoBase { .. } => Self::NoBase,
            Error::Breaking { .. } => Self::Breaking,
            Error::PromptIdTaken { .. } => Self::IdTaken,
            Error::EnvironmentNotListed { .. } => Self::NotListed,
            Error::EnvironmentInUse { .. } => Self::EnvironmentInUse,
            Error::InvalidArgument(error) if error.what == "environment list" => Self::EmptyList,
            other => panic!("an error that the model does not know: {other}"),
        }
    }
}

/// The expected contents of a store.
#[derive(Clone, Debug)]
pub struct Book {
    pub policy: BumpPolicy,
    pub first: VersionNumber,
    /// In the order of creation, including deleted ones.
    pub prompts: Vec<ModelPrompt>,
    pub operations: Vec<ModelOperation>,
    /// The names that environments can have.
    pub list: Option<Vec<String>>,
    /// The time of the last record by version and request.
    pub inputs: BTreeMap<(VersionId, usize), DateTime<Utc>>,
    /// The stored bodies. If no live version uses a body, since when, and the number of the
    /// operation that deleted the last one.
    pub bodies: BTreeMap<String, Option<(DateTime<Utc>, usize)>>,
}

/// A prompt.
#[derive(Clone, Debug)]
pub struct ModelPrompt {
    pub id: PromptId,
    pub name: String,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub live: bool,
    /// In the order of creation, including deleted ones.
    pub versions: Vec<ModelVersion>,
    pub environments: BTreeMap<String, (VersionId, DateTime<Utc>)>,
}

/// A version.
#[derive(Clone, Debug)]
pub struct ModelVersion {
    pub id: VersionId,
    pub number: VersionNumber,
    pub body: String,
    pub message: String,
    pub base: Option<VersionId>,
    pub created_at: DateTime<Utc>,
    pub live: bool,
}

/// An operation, without its position in the hash chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelOperation {
    pub at: DateTime<Utc>,
    pub kind: OperationKind,
    /// As formatted by [`words`](super::compare::words).
    pub changes: Vec<String>,
}

impl ModelPrompt {
    pub fn live_versions(&self) -> impl DoubleEndedIterator<Item = &ModelVersion> {
        self.versions.iter().filter(|take| take.live)
    }

    pub fn head(&self) -> Option<&ModelVersion> {
        self.live_versions().max_by_key(|take| take.number)
    }

    pub fn version(&self, id: VersionId) -> Option<&ModelVersion> {
        self.live_versions().find(|take| take.id == id)
    }

    /// Returns version `at` in the order of creation, if it is live.
    fn made(&self, at: usize) -> Option<&ModelVersion> {
        self.versions.get(at).filter(|take| take.live)
    }

    fn in_environment(&self, name: &str) -> Option<&ModelVersion> {
        self.version(self.environments.get(name)?.0)
    }
}

impl Book {
    pub fn new(policy: BumpPolicy, first: VersionNumber) -> Self {
        Self {
            policy,
            first,
            prompts: Vec::new(),
            operations: Vec::new(),
            list: None,
            inputs: BTreeMap::new(),
            bodies: BTreeMap::new(),
        }
    }

    /// Checks that an environment may be set.
    pub fn check_listed(&self, environment: Option<usize>) -> Result<(), Refusal> {
        let is_listed = |name: usize| {
            let list = self.list.as_ref();
            list.is_none_or(|list| list.iter().any(|one| one == ENVIRONMENTS[name]))
        };
        if environment.is_none_or(is_listed) {
            Ok(())
        } else {
            Err(Refusal::NotListed)
        }
    }

    /// Checks that a list can follow the current one, which allows every environment in use.
    pub fn check_list(&self, list: &[String]) -> Result<(), Refusal> {
        if list.is_empty() {
            return Err(Refusal::EmptyList);
        }
        let mut used = self.live().flat_map(|line| line.environments.keys());
        if used.all(|name| list.contains(name)) {
            Ok(())
        } else {
            Err(Refusal::EnvironmentInUse)
        }
    }

    /// Returns the live prompts in the order of creation.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &ModelPrompt> {
        self.prompts.iter().filter(|line| line.live)
    }

    /// Returns prompt `at` in the order of creation, if it is live.
    pub fn prompt(&self, at: usize) -> Result<&ModelPrompt, Refusal> {
        self.prompts
            .get(at)
            .filter(|line| line.live)
            .ok_or(Refusal::NoPrompt)
    }

    pub fn prompt_mut(&mut self, id: PromptId) -> &mut ModelPrompt {
        self.prompts
            .iter_mut()
            .find(|line| line.id == id)
            .expect("a prompt of the model")
    }

    /// Returns the version that the commit's base selects, and the number of the new version.
    pub fn number(&self, commit: &Commit) -> Result<(Option<VersionId>, VersionNumber), Refusal> {
        self.check_listed(commit.environment)?;
        let line = self.prompt(commit.prompt)?;
        check(commit.expected, line.head())?;
        let base = match commit.base {
            Base::Latest => line.head(),
            Base::Numbered(at) => Some(line.made(at).ok_or(Refusal::NoVersion)?),
            Base::In(name) => {
                let found = line.in_environment(ENVIRONMENTS[name]);
                Some(found.ok_or(Refusal::NoEnvironment)?)
            }
        };
        let breaking = base.is_some_and(|base| breaks(&base.body, &commit.body));
        let allowed = commit.force || self.policy == BumpPolicy::Free;
        let minor_of = match (commit.bump, base) {
            (Bump::Minor, None) => return Err(Refusal::NoBase),
            (Bump::Minor, Some(_)) if breaking && !allowed => return Err(Refusal::Breaking),
            (Bump::Minor, Some(base)) => Some(base),
            (Bump::Auto, Some(base)) if !breaking => Some(base),
            (Bump::Auto | Bump::Major, _) => None,
        };
        let ever = || line.versions.iter().map(|take| take.number);
        let number = match minor_of {
            Some(base) => {
                let major = base.number.major;
                let minors = ever()
                    .filter(|number| number.major == major)
                    .map(|number| number.minor);
                VersionNumber::new(major, minors.max().expect("the base has this major") + 1)
            }
            None => {
                let highest = ever().map(|number| number.major).max();
                highest.map_or(self.first, |major| VersionNumber::new(major + 1, 0))
            }
        };
        Ok((base.map(|base| base.id), number))
    }

    /// Returns the version that an environment points to after the earlier moves of the list.
    fn pointer<'a>(
        line: &'a ModelPrompt,
        name: &str,
        moved: &[ModelMove],
    ) -> Option<&'a ModelVersion> {
        match moved
            .iter()
            .rfind(|done| done.0 == line.id && done.1 == name)
        {
            Some((_, _, _, after)) => after.and_then(|id| line.version(id)),
            None => line.in_environment(name),
        }
    }

    /// Returns the version that the environment of the last move points to before that move.
    pub fn before_last(&self, wishes: &[EnvironmentMove]) -> Option<VersionId> {
        let (last, earlier) = wishes.split_last()?;
        let line = self.prompt(last.prompt).ok()?;
        let moved = self.moves(earlier).ok()?;
        Self::pointer(line, ENVIRONMENTS[last.environment], &moved).map(|take| take.id)
    }

    /// Returns the changes of a list of moves, in order.
    pub fn moves(&self, wishes: &[EnvironmentMove]) -> Result<Vec<ModelMove>, Refusal> {
        let mut set = wishes.iter().filter(|wish| wish.to.is_some());
        set.try_for_each(|wish| self.check_listed(Some(wish.environment)))?;
        let mut moved: Vec<ModelMove> = Vec::new();
        for wish in wishes {
            let line = self.prompt(wish.prompt)?;
            let name = ENVIRONMENTS[wish.environment];
            let to = match &wish.to {
                None => None,
                Some(Target::Latest) => Some(line.head().ok_or(Refusal::NoVersion)?),
                Some(Target::Version(at)) => Some(line.made(*at).ok_or(Refusal::NoVersion)?),
                Some(Target::In(name)) => {
                    let found = line.in_environment(ENVIRONMENTS[*name]);
                    Some(found.ok_or(Refusal::NoEnvironment)?)
                }
            };
            let now = Self::pointer(line, name, &moved);
            check(wish.expected, now)?;
            moved.push((
                line.id,
                name,
                now.map(|take| take.id),
                to.map(|take| take.id),
            ));
        }
        Ok(moved)
    }

    /// Points an environment to another version, or removes it.
    pub fn point(
        &mut self,
        at: DateTime<Utc>,
        prompt: PromptId,
        name: &str,
        to: Option<VersionId>,
    ) {
        let environments = &mut self.prompt_mut(prompt).environments;
        match to {
            Some(id) => environments.insert(name.to_owned(), (id, at)),
            None => environments.remove(name),
        };
    }

    /// Adds a version.
    pub fn add(&mut self, prompt: PromptId, take: ModelVersion) {
        self.bodies.insert(take.body.clone(), None);
        self.prompt_mut(prompt).versions.push(take);
    }

    /// Deletes a version, or all versions of a prompt.
    pub fn drop_versions(&mut self, at: DateTime<Utc>, prompt: PromptId, only: Option<VersionId>) {
        let mut dropped = Vec::new();
        let versions = self.prompt_mut(prompt).versions.iter_mut();
        for take in versions.filter(|take| take.live && only.is_none_or(|id| id == take.id)) {
            take.live = false;
            dropped.push(take.body.clone());
        }
        for body in dropped {
            let mut live = self.prompts.iter().flat_map(ModelPrompt::live_versions);
            if !live.any(|take| take.body == body) {
                self.bodies
                    .insert(body, Some((at, self.operations.len() + 1)));
            }
        }
    }

    /// Removes bodies that no live version has used for the retention period. Returns their number,
    /// their size in bytes, and the number of recorded inputs that are removed with them.
    ///
    /// A body is unused since its deletion, or since the latest time of an earlier operation that
    /// is not in the future.
    pub fn collect(&mut self, now: DateTime<Utc>, retention: Duration) -> (u64, u64, u64) {
        let before = self.bodies.clone();
        let is_kept = |(since, by): (DateTime<Utc>, usize)| {
            let earlier = self.operations.iter().take(by).map(|entry| entry.at);
            let since = earlier.filter(|at| *at <= now).max().max(Some(since));
            !retention.is_zero() && since.is_some_and(|since| since > now - retention)
        };
        self.bodies.retain(|_, unused| unused.is_none_or(is_kept));
        let gone = before
            .keys()
            .filter(|body| !self.bodies.contains_key(*body));
        let (bodies, bytes) = gone.fold((0, 0), |(bodies, bytes), body| {
            (bodies + 1, bytes + body.len() as u64)
        });
        let (stored, inputs) = (&self.bodies, self.inputs.len());
        let versions = self.prompts.iter().flat_map(|line| &line.versions);
        let lost: Vec<VersionId> = versions
            .filter(|take| !take.live && !stored.contains_key(&take.body))
            .map(|take| take.id)
            .collect();
        self.inputs
            .retain(|(version, _), _| !lost.contains(version));
        (bodies, bytes, (inputs - self.inputs.len()) as u64)
    }
}

/// A prompt, its environment, and the version that the environment pointed to before and after a
/// move.
pub type ModelMove = (PromptId, &'static str, Option<VersionId>, Option<VersionId>);

fn check(expected: Expectation, found: Option<&ModelVersion>) -> Result<(), Refusal> {
    match (expected, found) {
        (Expectation::Any | Expectation::Right, _) | (Expectation::Absent, None) => Ok(()),
        _ => Err(Refusal::Conflict),
    }
}
