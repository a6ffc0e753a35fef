//! Creation of prompts and versions: numbering, the checks of base and contract, and the writes.

use std::cell::RefCell;

use chrono::{DateTime, Utc};

use super::bulk_bodies::delta_group_of;
use super::environment::UpdateDraft;
use super::heads::PromptHead;
use super::new_prompt::{CreatedPrompt, EnsuredPrompt, FirstEnvironment, PromptDraft};
use super::new_version::{EnsuredVersion, VersionDraft};
use super::numbering;
use super::writer::{WriteTransaction, check_expected};
use crate::engine::contract::{Breakage, ContractDigest};
use crate::engine::read::lookup::{find_version, one_prompt, prompt_label, prompt_named, select};
use crate::model::body::Body;
use crate::model::error::{ConflictSubject, Error, Result, VersionLabel};
use crate::model::id::{EnvironmentName, PromptId, VersionId};
use crate::model::invalid_argument::check_length;
use crate::model::record::{BumpPolicy, Change, Expected, OperationKind, PromptState, Version};
use crate::model::selector::Selector;
use crate::model::version_number::{Bump, VersionNumber};
use crate::model::version_spec::VersionSpec;
use crate::storage::Numbering;

/// The parts of a version that its author gives.
struct VersionContent<'a> {
    body: &'a Body,
    contract: Option<ContractDigest>,
    message: &'a str,
}

impl WriteTransaction<'_> {
    /// Creates a prompt and its first version, as one operation.
    ///
    /// Its name must be free, unless a duplicate is allowed.
    pub(crate) fn create(&mut self, new: &PromptDraft) -> Result<CreatedPrompt> {
        if !new.allow_duplicate_name {
            self.check_name_is_free(&new.name)?;
        }
        let environment = self.environment_of_new(new)?;
        let at = self.context.now();
        let prompt = self.draw_prompt_id(new.id)?;
        let number = self.context.settings.first_version;
        let content = VersionContent {
            body: &new.body,
            contract: new.contract,
            message: &new.message,
        };
        let version = self.version(at, prompt, number, content, None)?;
        let created = Change::Prompt {
            id: prompt,
            before: None,
            after: Some(PromptState {
                name: new.name.clone(),
                tags: new.tags.clone(),
            }),
        };
        let version = self.write(
            OperationKind::Create,
            vec![created],
            version,
            environment.as_ref(),
            &new.body,
        )?;
        self.heads.put(PromptHead {
            prompt,
            head: Some(version.clone()),
            used: Numbering {
                highest_major: Some(number.major),
                highest_minor: Some(number.minor),
            },
        });
        let prompt = self.prompt(prompt)?;
        Ok(CreatedPrompt { prompt, version })
    }

    /// Returns the environment that points to the first version of a new prompt.
    ///
    /// A prompt for which no environment was chosen goes to production, if the store allows that.
    fn environment_of_new(&mut self, new: &PromptDraft) -> Result<Option<EnvironmentName>> {
        match &new.environment {
            FirstEnvironment::Production => {
                let production = EnvironmentName::production();
                Ok(self.is_listed(&production)?.then_some(production))
            }
            FirstEnvironment::Named(name) => {
                self.check_listed([name])?;
                Ok(Some(name.clone()))
            }
            FirstEnvironment::Nothing => Ok(None),
        }
    }

    /// Returns the live prompt with the name of a new one, or creates it.
    pub(crate) fn ensure(&mut self, new: &PromptDraft) -> Result<EnsuredPrompt> {
        if let Some(prompt) = prompt_named(self.transaction.snapshot(), &new.name)? {
            return Ok(EnsuredPrompt {
                prompt,
                created: false,
            });
        }
        let CreatedPrompt { prompt, .. } = self.create(new)?;
        Ok(EnsuredPrompt {
            prompt,
            created: true,
        })
    }

    /// Numbers and writes a version, as one operation.
    ///
    /// A draft that is committed only if it changes the body may return its base instead.
    pub(crate) fn commit_version(&mut self, new: &VersionDraft) -> Result<EnsuredVersion> {
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
        new: &VersionDraft,
        judge: impl Fn(&Self, &Version) -> Result<Vec<Breakage>, E>,
    ) -> Result<EnsuredVersion, E> {
        self.check_listed(&new.environment)?;
        let (known, chosen) = self.expected_head(new)?;
        let base = chosen.as_ref().or(known.head.as_ref());
        if let Some(base) = base
            && new.only_if_changed
            && base.blob == new.body.id()
        {
            let version = self.point_to_unchanged(base.id, new)?;
            return Ok(EnsuredVersion {
                version,
                created: false,
            });
        }
        // The environment mostly points to the base, which is then compared only once.
        let compared = RefCell::new(None);
        let judge_once = |writer: &Self, version: &Version| -> Result<_, E> {
            if let Some((blob, reasons)) = &*compared.borrow()
                && *blob == version.blob
            {
                return Ok(Vec::clone(reasons));
            }
            let reasons = judge(writer, version)?;
            compared.replace(Some((version.blob, reasons.clone())));
            Ok(reasons)
        };
        let is_minor = self.is_minor(known.prompt, base, new, judge_once)?;
        self.check_environment_of(known.prompt, new, judge_once)?;
        let version = self.commit_on(new, known, chosen, is_minor)?;
        Ok(EnsuredVersion {
            version,
            created: true,
        })
    }

    /// Points the environment of a draft to a version that exists, and returns the version.
    fn point_to_unchanged(&mut self, id: VersionId, new: &VersionDraft) -> Result<Version> {
        let spec = VersionSpec::from(id);
        let version = find_version(self.transaction.snapshot(), &spec)?;
        let Some(name) = &new.environment else {
            return Ok(version);
        };
        if version.environments.contains(name) {
            return Ok(version);
        }
        self.update_environments(&[UpdateDraft {
            prompt: version.prompt_id.into(),
            environment: name.clone(),
            to: Some(id.into()),
            expected: Expected::Any,
            reason: None,
            allow_breaking: new.allow_breaking || new.bump == Bump::Major,
        }])?;
        find_version(self.transaction.snapshot(), &spec)
    }

    /// Returns the prompt's head, and the base unless it is the highest version.
    ///
    /// Checks first that the head is the one that the caller expects.
    fn expected_head(&mut self, new: &VersionDraft) -> Result<(PromptHead, Option<Version>)> {
        let known = self.prompt_head(new)?;
        check_expected(
            self.transaction.snapshot(),
            known.prompt,
            || ConflictSubject::Head,
            new.expected_head,
            known.head.as_ref().map(VersionLabel::from),
        )?;
        let chosen = match &new.base {
            Selector::Latest => None,
            selector => Some(select(self.transaction.snapshot(), known.prompt, selector)?),
        };
        Ok((known, chosen))
    }

    fn commit_on(
        &mut self,
        new: &VersionDraft,
        known: PromptHead,
        chosen: Option<Version>,
        is_minor: bool,
    ) -> Result<Version> {
        let at = self.context.now();
        let base = chosen.as_ref().or(known.head.as_ref());
        let used = match &chosen {
            None => known.used,
            Some(base) => {
                let snapshot = self.transaction.snapshot();
                snapshot.numbering(known.prompt, base.number.major)?
            }
        };
        let number = match base.filter(|_| is_minor).map(|base| base.number) {
            Some(base) => numbering::next_minor(base, used.highest_minor.unwrap_or(base.minor)),
            None => numbering::next_major(used.highest_major, self.context.settings.first_version),
        };
        let prompt = known.prompt;
        let Some(number) = number else {
            let prompt = prompt_label(self.transaction.snapshot(), prompt)?;
            return Err(Error::NumbersExhausted { prompt });
        };
        let content = VersionContent {
            body: &new.body,
            contract: new.contract,
            message: &new.message,
        };
        let version = self.version(at, prompt, number, content, base)?;
        let environment = new.environment.as_ref();
        let version = self.write(
            OperationKind::Commit,
            Vec::new(),
            version,
            environment,
            &new.body,
        )?;
        if known.head.is_none_or(|head| head.number < number) {
            self.heads.put(PromptHead {
                prompt: known.prompt,
                head: Some(version.clone()),
                used: Numbering {
                    highest_major: used.highest_major.max(Some(number.major)),
                    highest_minor: Some(number.minor),
                },
            });
        }
        Ok(version)
    }

    /// Returns the head of a prompt, from the cache if possible.
    fn prompt_head(&mut self, new: &VersionDraft) -> Result<PromptHead> {
        let prompt = &new.prompt;
        if let Some(known) = self.heads.take_named(prompt) {
            return Ok(known);
        }
        let contracts = &self.context.contracts;
        let is_known = |head: &Version| {
            contracts.are_compatible(head.contract, new.contract)
                || contracts
                    .get(head.blob)
                    .is_some_and(|contract| contract.partials.is_empty())
        };
        let found = self.transaction.snapshot().head(prompt, &is_known)?;
        let id = one_prompt(prompt, found.prompts)?;
        if let (Some(head), Some(stored)) = (&found.version, found.body) {
            self.prefetched.set(Some((head.blob, stored)));
        }
        self.heads.name(prompt, id);
        Ok(PromptHead {
            prompt: id,
            head: found.version,
            used: found.numbering,
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
        new: &VersionDraft,
        judge: impl FnOnce(&Self, &Version) -> Result<Vec<Breakage>, E>,
    ) -> Result<bool, E> {
        let base = match (new.bump, base) {
            (Bump::Major, _) | (Bump::Auto, None) => return Ok(false),
            (Bump::Minor, None) => {
                let prompt = prompt_label(self.transaction.snapshot(), prompt)?;
                return Err(Error::NoBase { prompt }.into());
            }
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
        content: VersionContent<'_>,
        base: Option<&Version>,
    ) -> Result<Version> {
        let VersionContent {
            body,
            contract,
            message,
        } = content;
        check_length("commit message", message)?;
        Ok(Version {
            id: self.draw_version_id(at)?,
            prompt_id: prompt,
            number,
            model: body.model().map(str::to_owned),
            message: message.to_owned(),
            author: self.author.to_string(),
            base: base.map(|base| base.id),
            created_at: at,
            blob: body.id(),
            size: body.as_bytes().len() as u64,
            contract,
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
