//! The requests of a push of one prompt, each recorded in the state once it is performed.

use super::steps::PushStep;
use super::summary::MappedNumber;
use crate::remote::error::RemoteError;
use crate::remote::helicone::{BaseVersion, NewPromptRequest, Sent, ServicePrompt, ServiceVersion};
use crate::remote::pull::{TransferTarget, link, look};
use crate::remote::state::{LinkedPrompt, PendingPush, RemoteState};
use crate::{Prompt, PromptId, PromptName, Version, VersionId};

/// A push of one prompt.
pub(super) struct PromptPusher<'a> {
    pub(super) target: &'a TransferTarget<'a>,
    pub(super) state: &'a mut RemoteState,
    /// The prompts there, as they were when the push began.
    pub(super) names: &'a [(PromptId, PromptName)],
    /// The id here.
    pub(super) here: PromptId,
    /// The prompt here; none if it is deleted.
    pub(super) prompt: Option<&'a Prompt>,
    pub(super) live: &'a [Version],
}

impl PromptPusher<'_> {
    /// Performs a request, and records it.
    ///
    /// Returns the numbers of a version that was created.
    pub(super) fn perform(&mut self, step: &PushStep) -> Result<Option<MappedNumber>, RemoteError> {
        let remote = self.target.remote;
        match step {
            PushStep::Create { version, .. } => return self.create(*version).map(Some),
            PushStep::Add {
                version,
                base,
                new_major,
                ..
            } => return self.add(*version, *base, *new_major).map(Some),
            PushStep::DeletePrompt => {
                remote.delete_prompt(self.linked()?.there)?;
                self.state.prompts.remove(&self.here);
                return self.target.save(self.state).map(|()| None);
            }
            _ => {}
        }
        let linked = self.linked()?;
        let there = linked.there;
        let seen = &mut linked.seen;
        match step {
            PushStep::Rename(name) => {
                remote.rename(there, name)?;
                seen.name = name.clone();
            }
            PushStep::Tag(tags) => {
                remote.set_tags(there, tags)?;
                seen.tags.clone_from(tags);
            }
            PushStep::Point { name, version, .. } => {
                let id = linked.there(*version);
                remote.set_environment(there, id, name)?;
                linked.seen.environments.insert(name.clone(), *version);
            }
            PushStep::Unpoint { name, version } => {
                let id = linked.there(*version);
                remote.remove_environment(there, id, name)?;
                linked.seen.environments.remove(name);
            }
            PushStep::DeleteVersion { version, .. } => {
                let id = linked.there(*version);
                remote.delete_version(there, id)?;
                linked.seen.versions.remove(version);
                linked.seen.environments.retain(|_, to| to != version);
                linked.links.remove(version);
            }
            PushStep::Create { .. } | PushStep::Add { .. } | PushStep::DeletePrompt => {}
        }
        self.target.save(self.state)?;
        Ok(None)
    }

    fn linked(&mut self) -> Result<&mut LinkedPrompt, RemoteError> {
        let here = self.here;
        let linked = self.state.prompts.get_mut(&here);
        linked.ok_or_else(|| RemoteError::PromptNotFound {
            prompt: here.to_string(),
        })
    }

    fn create(&mut self, version: VersionId) -> Result<MappedNumber, RemoteError> {
        let prompt = self.prompt.ok_or_else(|| RemoteError::PromptNotFound {
            prompt: self.here.to_string(),
        })?;
        // A prompt that was deleted there becomes a new one.
        self.state.prompts.remove(&self.here);
        let named = self.names.iter().filter(|(_, name)| *name == prompt.name);
        let pending = PendingPush {
            prompt: self.here,
            version,
            there: None,
            known_versions: Vec::new(),
            known_prompts: named.map(|(id, _)| *id).collect(),
        };
        self.send(pending, |target, own| {
            let body = target.store.body(own.blob)?;
            let new = NewPromptRequest {
                name: &prompt.name,
                tags: &prompt.tags,
                body: &body,
            };
            Ok(match target.remote.create(&new)? {
                Sent::Done(ids) => Sent::Done(ids),
                Sent::Unknown => Sent::Unknown,
            })
        })
    }

    fn add(
        &mut self,
        version: VersionId,
        base: VersionId,
        new_major: bool,
    ) -> Result<MappedNumber, RemoteError> {
        let linked = self.linked()?;
        let there = linked.there;
        let known = linked
            .seen
            .versions
            .keys()
            .map(|id| linked.there(*id))
            .collect();
        let base = BaseVersion {
            prompt: there,
            version: linked.there(base),
            new_major,
        };
        let pending = PendingPush {
            prompt: self.here,
            version,
            there: Some(there),
            known_versions: known,
            known_prompts: Vec::new(),
        };
        self.send(pending, |target, own| {
            let body = target.store.body(own.blob)?;
            Ok(match target.remote.update(base, &own.message, &body)? {
                Sent::Done(id) => Sent::Done((there, id)),
                Sent::Unknown => Sent::Unknown,
            })
        })
    }

    /// Sends a request that creates a version, and looks for the version if it is not answered.
    fn send(
        &mut self,
        pending: PendingPush,
        send: impl Fn(&TransferTarget<'_>, &Version) -> Result<Sent<(PromptId, VersionId)>, RemoteError>,
    ) -> Result<MappedNumber, RemoteError> {
        let target = self.target;
        let own = self
            .live
            .iter()
            .find(|version| version.id == pending.version);
        let own = own.ok_or_else(|| RemoteError::PromptNotFound {
            prompt: self.here.to_string(),
        })?;
        self.state.settings.pending = Some(pending.clone());
        target.save(self.state)?;
        let mut attempt = 0;
        let (prompt, version) = loop {
            attempt += 1;
            match send(target, own) {
                Ok(Sent::Done((prompt, id))) => match self.created(prompt, id)? {
                    Some(created) => break created,
                    None => return Err(self.unanswered("it was deleted at once")),
                },
                Ok(Sent::Unknown) => {
                    let goes_on = target.remote.wait_after(attempt)?;
                    if let Some(found) = look(target, &pending, own)? {
                        break found;
                    }
                    if !goes_on {
                        return Err(self.unanswered("the request was repeated in vain"));
                    }
                }
                Err(error) => {
                    // The remote refused the request, so it created nothing.
                    if matches!(
                        error,
                        RemoteError::Refused { .. } | RemoteError::KeyRefused { .. }
                    ) {
                        self.state.settings.pending = None;
                        target.save(self.state)?;
                    }
                    return Err(error);
                }
            }
        };
        link(self.state, &pending, &prompt, &version);
        self.state.settings.pending = None;
        let number = MappedNumber {
            version: own.id,
            here: own.number,
            there: version.number,
        };
        if number.here != number.there {
            self.linked()?.is_mapped = true;
        }
        target.save(self.state)?;
        Ok(number)
    }

    /// Reads what was created, whose number the service chose.
    fn created(
        &self,
        prompt: PromptId,
        version: VersionId,
    ) -> Result<Option<(ServicePrompt, ServiceVersion)>, RemoteError> {
        let remote = self.target.remote;
        let (found, version) = (remote.prompt(prompt)?, remote.version(prompt, version)?);
        Ok(found.zip(version))
    }

    fn unanswered(&self, reason: &str) -> RemoteError {
        RemoteError::Unanswered {
            host: self.target.remote.host().to_owned(),
            request: "the creation of a version".into(),
            reason: reason.into(),
        }
    }
}
