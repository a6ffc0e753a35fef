//! The model: a few lists and maps, and what each call makes of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use promptbook::history::OperationKind;
use promptbook::{Bump, BumpPolicy, Error, PromptId, VersionId, VersionNumber};

use super::op::{Base, Commit, ENVIRONMENTS, Expectation, Target, Wish, breaks};

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    NoPrompt,
    NoVersion,
    NoEnvironment,
    Conflict,
    NoBase,
    Breaking,
    IdTaken,
}

impl Refusal {
    /// The refusal that an error is.
    pub fn of(error: &Error) -> Self {
        match error {
            Error::PromptNotFound { .. } => Self::NoPrompt,
            Error::VersionNotFound { .. } => Self::NoVersion,
            Error::EnvironmentNotFound { .. } => Self::NoEnvironment,
            Error::Conflict { .. } => Self::Conflict,
            Error::NoBase { .. } => Self::NoBase,
            Error::Breaking { .. } => Self::Breaking,
            Error::PromptIdTaken { .. } => Self::IdTaken,
            other => panic!("no call of the model is refused so: {other}"),
        }
    }
}

/// All that a store must hold.
#[derive(Clone, Debug)]
pub struct Book {
    pub policy: BumpPolicy,
    pub first: VersionNumber,
    /// In the order of their creation, deleted ones too.
    pub prompts: Vec<Line>,
    pub operations: Vec<Entry>,
    /// By version and request, which of two values was recorded last.
    pub inputs: BTreeMap<(VersionId, usize), DateTime<Utc>>,
    /// Bodies that are stored, with the moment since which no live version has them, and the number of the operation by which
    /// the last one went.
    pub bodies: BTreeMap<String, Option<(DateTime<Utc>, usize)>>,
}

/// A prompt.
#[derive(Clone, Debug)]
pub struct Line {
    pub id: PromptId,
    pub name: String,
    pub tags: Vec<String>,
    pub created_at: DateTime<Utc>,
    pub live: bool,
    /// In the order of their creation, deleted ones too.
    pub versions: Vec<Take>,
    pub environments: BTreeMap<String, (VersionId, DateTime<Utc>)>,
}

/// A version.
#[derive(Clone, Debug)]
pub struct Take {
    pub id: VersionId,
    pub number: VersionNumber,
    pub body: String,
    pub message: String,
    pub base: Option<VersionId>,
    pub created_at: DateTime<Utc>,
    pub live: bool,
}

/// An operation, without its place in the hash chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub at: DateTime<Utc>,
    pub kind: OperationKind,
    /// In the words of [`words`](super::compare::words).
    pub changes: Vec<String>,
}

impl Line {
    pub fn live_versions(&self) -> impl DoubleEndedIterator<Item = &Take> {
        self.versions.iter().filter(|take| take.live)
    }

    pub fn head(&self) -> Option<&Take> {
        self.live_versions().max_by_key(|take| take.number)
    }

    pub fn take(&self, id: VersionId) -> Option<&Take> {
        self.live_versions().find(|take| take.id == id)
    }

    /// The version that was made as number `at` of all.
    fn made(&self, at: usize) -> Option<&Take> {
        self.versions.get(at).filter(|take| take.live)
    }

    fn in_environment(&self, name: &str) -> Option<&Take> {
        self.take(self.environments.get(name)?.0)
    }
}

impl Book {
    pub fn new(policy: BumpPolicy, first: VersionNumber) -> Self {
        Self {
            policy,
            first,
            prompts: Vec::new(),
            operations: Vec::new(),
            inputs: BTreeMap::new(),
            bodies: BTreeMap::new(),
        }
    }

    /// The live prompts, in the order of their creation.
    pub fn live(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.prompts.iter().filter(|line| line.live)
    }

    /// The prompt that was made as number `at` of all.
    pub fn line(&self, at: usize) -> Result<&Line, Refusal> {
        self.prompts
            .get(at)
            .filter(|line| line.live)
            .ok_or(Refusal::NoPrompt)
    }

    pub fn line_mut(&mut self, id: PromptId) -> &mut Line {
        self.prompts
            .iter_mut()
            .find(|line| line.id == id)
            .expect("a prompt of the model")
    }

    /// The version that `base` names in a prompt, and the number of a commit on it.
    pub fn number(&self, commit: &Commit) -> Result<(Option<VersionId>, VersionNumber), Refusal> {
        let line = self.line(commit.prompt)?;
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
                VersionNumber::new(major, minors.max().expect("the base's own") + 1)
            }
            None => {
                let highest = ever().map(|number| number.major).max();
                highest.map_or(self.first, |major| VersionNumber::new(major + 1, 0))
            }
        };
        Ok((base.map(|base| base.id), number))
    }

    /// Where an environment points behind the moves before it.
    fn pointer<'a>(line: &'a Line, name: &str, moved: &[Moved]) -> Option<&'a Take> {
        match moved
            .iter()
            .rfind(|done| done.0 == line.id && done.1 == name)
        {
            Some((_, _, _, after)) => after.and_then(|id| line.take(id)),
            None => line.in_environment(name),
        }
    }

    /// Where the environment of the last wish points before it is moved.
    pub fn before_last(&self, wishes: &[Wish]) -> Option<VersionId> {
        let (last, earlier) = wishes.split_last()?;
        let line = self.line(last.prompt).ok()?;
        let moved = self.moves(earlier).ok()?;
        Self::pointer(line, ENVIRONMENTS[last.environment], &moved).map(|take| take.id)
    }

    /// What each move of a list changes, in order.
    pub fn moves(&self, wishes: &[Wish]) -> Result<Vec<Moved>, Refusal> {
        let mut moved: Vec<Moved> = Vec::new();
        for wish in wishes {
            let line = self.line(wish.prompt)?;
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

    /// Points an environment elsewhere.
    pub fn point(
        &mut self,
        at: DateTime<Utc>,
        prompt: PromptId,
        name: &str,
        to: Option<VersionId>,
    ) {
        let environments = &mut self.line_mut(prompt).environments;
        match to {
            Some(id) => environments.insert(name.to_owned(), (id, at)),
            None => environments.remove(name),
        };
    }

    /// Adds a version.
    pub fn add(&mut self, prompt: PromptId, take: Take) {
        self.bodies.insert(take.body.clone(), None);
        self.line_mut(prompt).versions.push(take);
    }

    /// Deletes a version, or all of a prompt.
    pub fn drop_versions(&mut self, at: DateTime<Utc>, prompt: PromptId, only: Option<VersionId>) {
        let mut dropped = Vec::new();
        let versions = self.line_mut(prompt).versions.iter_mut();
        for take in versions.filter(|take| take.live && only.is_none_or(|id| id == take.id)) {
            take.live = false;
            dropped.push(take.body.clone());
        }
        for body in dropped {
            let mut live = self.prompts.iter().flat_map(Line::live_versions);
            if !live.any(|take| take.body == body) {
                self.bodies
                    .insert(body, Some((at, self.operations.len() + 1)));
            }
        }
    }

    /// Removes bodies that no live version has had for a time; gives how many, their bytes, and how many requests' inputs went
    /// with them.
    ///
    /// A body is unused since its deletion, or since the latest operation before that whose moment has come.
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

/// A prompt, its environment, from where, and where to.
pub type Moved = (PromptId, &'static str, Option<VersionId>, Option<VersionId>);

fn check(expected: Expectation, found: Option<&Take>) -> Result<(), Refusal> {
    match (expected, found) {
        (Expectation::Any | Expectation::Right, _) | (Expectation::Absent, None) => Ok(()),
        _ => Err(Refusal::Conflict),
    }
}
