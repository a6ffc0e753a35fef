//! Creation of prompts and versions: numbering, the checks of base and contract, and the writes.

use chrono::{DateTime, Utc};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use super::bulk_bodies::delta_group_of;
use super::heads::PromptHead;
use super::numbering;
use super::prompt::check_tags;
use super::writer::{WriteTransaction, check_expected};
use crate::engine::contract::Breakage;
use crate::engine::read::lookup::{find_prompt, select};
use crate::model::body::Body;
use crate::model::error::{Error, Result, VersionLabel};
use crate::model::id::{EnvironmentName, PromptId, PromptName};
use crate::model::invalid_argument::check_length;
use crate::model::record::{
    BumpPolicy, Change, Expected, OperationKind, Prompt, PromptState, Version,
};
use crate::model::version_number::{Bump, PromptRef, Selector, VersionNumber};
use crate::storage::Numbering;
use crate::template::has_more_tags;

/// A prompt to create, with its first version.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewPrompt {
    /// The name.
    pub name: PromptName,
    /// The body of the first version.
    pub body: Body,
    /// The tags, stored as given.
    pub tags: Vec<String>,
    /// The commit message of the first version.
    pub message: String,
    /// The environment that is pointed to the first version.
    pub environment: Option<EnvironmentName>,
    /// The id of the prompt; if there is none, one is drawn at random.
    pub id: Option<PromptId>,
}

impl NewPrompt {
    /// Describes a prompt without tags, with the message "Initial version", in `production`.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] and [`Error::InvalidBody`] if a name or body is not accepted.
    pub fn new<N, B>(name: N, body: B) -> Result<Self>
    where
        N: TryInto<PromptName>,
        B: TryInto<Body>,
        Error: From<N::Error> + From<B::Error>,
    {
        Ok(Self {
            name: name.try_into()?,
            body: body.try_into()?,
            tags: Vec::new(),
            message: "Initial version".into(),
            environment: Some(EnvironmentName::production()),
            id: None,
        })
    }

    /// Checks everything that can be checked without a store.
    pub(crate) fn check(&self) -> Result<()> {
        check_tags(&self.tags)?;
        check_body(&self.body)
    }

    /// Adds a tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Sets the commit message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Sets the environment, or none.
    #[must_use]
    pub fn environment(mut self, name: impl Into<Option<EnvironmentName>>) -> Self {
        self.environment = name.into();
        self
    }

    /// Sets the id.
    #[must_use]
    pub fn id(mut self, id: PromptId) -> Self {
        self.id = Some(id);
        self
    }
}

/// A prompt that was created, and its first version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CreatedPrompt {
    /// The prompt.
    pub prompt: Prompt,
    /// Its first version.
    pub version: Version,
}

/// A version to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewVersion {
    /// The prompt that gets the version.
    pub prompt: PromptRef,
    /// The body.
    pub body: Body,
    /// The version that it is based on.
    pub base: Selector,
    /// The step from the number of the base to its number.
    pub bump: Bump,
    /// Whether a minor bump is allowed even if it breaks callers of the base.
    pub force: bool,
    /// The commit message.
    pub message: String,
    /// The environment to point to the new version.
    pub environment: Option<EnvironmentName>,
    /// The highest version that the caller expects the prompt to have.
    pub expected_head: Expected,
}

impl NewVersion {
    /// Describes a version based on the prompt's highest version.
    ///
    /// It has the smallest bump that the rules allow and an empty message, and no environment is
    /// pointed to it.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidArgument`] and [`Error::InvalidBody`] if a name or body is not accepted.
    pub fn new<P, B>(prompt: P, body: B) -> Result<Self>
    where
        P: TryInto<PromptRef>,
        B: TryInto<Body>,
        Error: From<P::Error> + From<B::Error>,
    {
        Ok(Self {
            prompt: prompt.try_into()?,
            body: body.try_into()?,
            base: Selector::Latest,
            bump: Bump::Auto,
            force: false,
            message: String::new(),
            environment: None,
            expected_head: Expected::Any,
        })
    }

    /// Checks everything that can be checked without a store.
    pub(crate) fn check(&self) -> Result<()> {
        check_body(&self.body)
    }

    /// Sets the version that the new one is based on.
    #[must_use]
    pub fn base(mut self, base: impl Into<Selector>) -> Self {
        self.base = base.into();
        self
    }

    /// Sets the bump.
    #[must_use]
    pub fn bump(mut self, bump: Bump) -> Self {
        self.bump = bump;
        self
    }

    /// Sets whether a requested minor bump is allowed even if it breaks callers of the base.
    #[must_use]
    pub fn force(mut self, force: bool) -> Self {
        self.force = force;
        self
    }

    /// Sets the commit message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// Sets the environment to point to the new version, or none.
    #[must_use]
    pub fn environment(mut self, name: impl Into<Option<EnvironmentName>>) -> Self {
        self.environment = name.into();
        self
    }

    /// Makes the commit conditional on the prompt's highest version.
    ///
    /// If that is another version, the commit fails with [`Conflict`](Error::Conflict) and changes
    /// nothing.
    #[must_use]
    pub fn expected_head(mut self, expected: Expected) -> Self {
        self.expected_head = expected;
        self
    }
}

/// Checks that a body has no more tags than a version may have.
///
/// A body that arrives as part of another store's history is not checked.
pub(crate) fn check_body(body: &Body) -> Result<()> {
    let most = Body::MAX_TAGS;
    // The cheap upper bound suffices for most bodies, so they are not parsed for this check.
    if max_tag_count(body.as_bytes()) <= most || !body.look(|json| has_more_tags(json, most)) {
        return Ok(());
    }
    let reason = format!(
        "it has more than {most} template tags, the limit; use fewer tags, or split the prompt"
    );
    Err(Error::InvalidBody { reason })
}

/// Returns an upper bound of the number of tags in a text.
///
/// Each tag begins with two braces, which may be escaped.
fn max_tag_count(text: &[u8]) -> usize {
    let plain = memmem::find_iter(text, b"{{").count();
    let escaped = memmem::find_iter(text, br"\u007").count();
    plain + escaped
}

impl WriteTransaction<'_> {
    /// Creates a prompt and its first version, as one operation.
    pub(crate) fn create(&mut self, new: &NewPrompt) -> Result<CreatedPrompt> {
        let at = self.context.now();
        let prompt = self.draw_prompt_id(new.id)?;
        let number = self.context.settings.first_version;
        let version = self.version(at, prompt, number, &new.body, &new.message, None)?;
        let created = Change::Prompt {
            id: prompt,
            before: None,
            after: Some(PromptState {
                name: new.name.clone(),
                tags: new.tags.clone(),
            }),
        };
        let environment = new.environment.as_ref();
        let version = self.write(
            OperationKind::Create,
            vec![created],
            version,
            environment,
            &new.body,
        )?;
        let prompt = self.prompt(prompt)?;
        Ok(CreatedPrompt { prompt, version })
    }

    /// Numbers and writes a version, as one operation.
    pub(crate) fn commit_version(&mut self, new: &NewVersion) -> Result<Version> {
        self.commit_judged(new, |writer, base| {
            let found = writer.breakages_within(base, new, u64::MAX)?;
            Ok::<_, Error>(found.unwrap_or_default())
        })
    }

    /// Commits as [`commit_version`](Self::commit_version) does, with breakages from `judge`.
    ///
    /// `judge` returns how the body breaks callers of a base.
    pub(crate) fn commit_judged<E: From<Error>>(
        &mut self,
        new: &NewVersion,
        judge: impl FnOnce(&Self, &Version) -> Result<Vec<Breakage>, E>,
    ) -> Result<Version, E> {
        let (line, chosen) = self.expected_line(new)?;
        let base = chosen.as_ref().or(line.head.as_ref());
        let is_minor = self.is_minor(line.prompt, base, new, judge)?;
        Ok(self.commit_on(new, line, chosen, is_minor)?)
    }

    /// Returns the prompt's head, and the base unless it is the highest version.
    ///
    /// Checks first that the head is the one that the caller expects.
    fn expected_line(&mut self, new: &NewVersion) -> Result<(PromptHead, Option<Version>)> {
        let line = self.line(&new.prompt)?;
        let subject = || format!("the highest version of prompt {}", line.prompt);
        check_expected(
            self.transaction.snapshot(),
            subject,
            new.expected_head,
            line.head.as_ref().map(VersionLabel::from),
        )?;
        let chosen = match &new.base {
            Selector::Latest => None,
            selector => Some(select(self.transaction.snapshot(), line.prompt, selector)?),
        };
        Ok((line, chosen))
    }

    fn commit_on(
        &mut self,
        new: &NewVersion,
        line: PromptHead,
        chosen: Option<Version>,
        is_minor: bool,
    ) -> Result<Version> {
        let at = self.context.now();
        let base = chosen.as_ref().or(line.head.as_ref());
        let used = match line.used {
            Some(used) if chosen.is_none() => used,
            _ => {
                let major = base.map_or(0, |base| base.number.major);
                self.transaction.snapshot().numbering(line.prompt, major)?
            }
        };
        let number = match base.filter(|_| is_minor).map(|base| base.number) {
            Some(base) => numbering::next_minor(base, used.highest_minor.unwrap_or(base.minor)),
            None => numbering::next_major(used.highest_major, self.context.settings.first_version),
        };
        let prompt = line.prompt;
        let number = number.ok_or(Error::NumbersExhausted { prompt })?;
        let version = self.version(at, prompt, number, &new.body, &new.message, base)?;
        let environment = new.environment.as_ref();
        let version = self.write(
            OperationKind::Commit,
            Vec::new(),
            version,
            environment,
            &new.body,
        )?;
        if line.head.is_none_or(|head| head.number < number) {
            self.lines.put(PromptHead {
                prompt: line.prompt,
                head: Some(version.clone()),
                used: Some(Numbering {
                    highest_major: used.highest_major.max(Some(number.major)),
                    highest_minor: Some(number.minor),
                }),
            });
        }
        Ok(version)
    }

    /// Returns the head of a prompt, from the cache if possible.
    ///
    /// A prompt that has a version exists, so it need not be looked up.
    fn line(&mut self, prompt: &PromptRef) -> Result<PromptHead> {
        if let PromptRef::Id(id) = prompt {
            if let Some(line) = self.lines.take(*id) {
                return Ok(line);
            }
            let head = self.transaction.snapshot().highest_version(*id, None)?;
            if head.is_some() {
                return Ok(PromptHead {
                    prompt: *id,
                    head,
                    used: None,
                });
            }
        }
        let id = find_prompt(self.transaction.snapshot(), prompt)?;
        Ok(PromptHead {
            prompt: id,
            head: self.transaction.snapshot().highest_version(id, None)?,
            used: None,
        })
    }

    /// Decides from the bump and the bump policy whether a new version is a minor one.
    ///
    /// Under the [`BumpPolicy::Free`] policy a requested minor bump is not checked; `Auto` still
    /// depends on the breakages.
    fn is_minor<E: From<Error>>(
        &self,
        prompt: PromptId,
        base: Option<&Version>,
        new: &NewVersion,
        judge: impl FnOnce(&Self, &Version) -> Result<Vec<Breakage>, E>,
    ) -> Result<bool, E> {
        let base = match (new.bump, base) {
            (Bump::Major, _) | (Bump::Auto, None) => return Ok(false),
            (Bump::Minor, None) => return Err(Error::NoBase { prompt }.into()),
            (Bump::Minor | Bump::Auto, Some(base)) => base,
        };
        let is_unchecked = new.force || self.context.policy == BumpPolicy::Free;
        if new.bump == Bump::Minor && is_unchecked || base.blob == new.body.id() {
            return Ok(true);
        }
        let reasons = judge(self, base)?;
        match (reasons.is_empty(), new.bump) {
            (is_minor, Bump::Auto) => Ok(is_minor),
            (true, _) => Ok(true),
            (false, _) => Err(Error::Breaking {
                base: base.number,
                reasons,
            }
            .into()),
        }
    }

    fn version(
        &self,
        at: DateTime<Utc>,
        prompt: PromptId,
        number: VersionNumber,
        body: &Body,
        message: &str,
        base: Option<&Version>,
    ) -> Result<Version> {
        check_length("commit message", message)?;
        Ok(Version {
            id: self.draw_version_id(at)?,
            prompt_id: prompt,
            number,
            model: body.model().map(str::to_owned),
            message: message.to_owned(),
            author: self.context.author.clone(),
            base: base.map(|base| base.id),
            created_at: at,
            blob: body.id(),
            size: body.as_bytes().len() as u64,
            environments: Vec::new(),
        })
    }

    /// Writes a new version: its body, and the operation that creates it.
    ///
    /// The operation consists of `changes`, the version, and the update of the environment that is
    /// pointed to it.
    fn write(
        &mut self,
        kind: OperationKind,
        mut changes: Vec<Change>,
        mut version: Version,
        environment: Option<&EnvironmentName>,
        body: &Body,
    ) -> Result<Version> {
        changes.push(Change::VersionCreated(Box::new(version.clone())));
        if let Some(name) = environment {
            changes.push(self.point_to_new(version.prompt_id, name, version.id)?);
            version.environments.push(name.clone());
        }
        let group = delta_group_of(version.prompt_id, version.number.major);
        self.record_with(version.created_at, kind, changes, &[(body, group)])?;
        Ok(version)
    }
}
