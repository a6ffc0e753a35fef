//! Versions, their bodies and what they render to.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::reads::View;
use crate::engine::contract::{Breakage, Contract, breakages};
#[cfg(feature = "server")]
use crate::engine::{ImportedPrompt, export};
use crate::engine::{Resolved, find_prompt, find_version, freeze, gather_partials};
use crate::frozen::Frozen;
use crate::json::Json;
use crate::model::body::Body;
use crate::model::error::{Error, Result};
#[cfg(feature = "server")]
use crate::model::id::PromptId;
use crate::model::id::{BlobId, EnvironmentName, VersionId};
#[cfg(feature = "server")]
use crate::model::record::Environment;
use crate::model::record::{Version, VersionCounts, VersionFilter};
use crate::model::version_number::{PromptRef, Spec};
use crate::storage::Snapshot;
use crate::template::mode::{Filled, Mode};
use crate::template::{Partials, Uses, ValidationError};

/// A body with its variables and partials filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rendered {
    /// The version that was rendered.
    pub version: Version,
    /// The filled body.
    pub body: Json,
    /// What [`Mode::Helicone`] found wrong; nothing in strict mode, where it is an error instead.
    pub errors: Vec<ValidationError>,
}

impl Rendered {
    /// The filled body's text: in strict mode, all but the tags is as it is in the version, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        self.body.text()
    }

    /// The filled body, parsed. It is lossy: numbers are integers of 64 bits or doubles.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.body.json()
    }
}

impl View {
    /// The version that a spec names: `"greeting@2.1"`, a [`VersionId`], or a prompt and a selector.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt); [`VersionNotFound`](Error::VersionNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound), [`ForeignVersion`](Error::ForeignVersion), or
    /// [`Invalid`](Error::Invalid) for text that is no spec.
    pub fn version<S>(&self, spec: S) -> Result<Version>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        if self.past.is_some() {
            return self.look(|snapshot| find_version(snapshot, &spec));
        }
        let version = self.shared_version(&spec)?;
        Ok(Arc::unwrap_or_clone(version))
    }

    /// As [`version`](Self::version) of the present, shared with all who ask until its prompt is changed.
    pub(crate) fn shared_version(&self, spec: &Spec) -> Result<Arc<Version>> {
        let known = &self.inner.resolved;
        let mark = self.inner.index.change_mark();
        if let Some(version) = known.version(mark, spec) {
            return Ok(version);
        }
        self.look(|snapshot| {
            let vouched = known.catch_up(mark, snapshot)?;
            if let Some(version) = known.version(mark, spec) {
                return Ok(version);
            }
            let version = Arc::new(find_version(snapshot, spec)?);
            known.put_version(vouched, spec, &version);
            if vouched.is_some() {
                self.inner.watch_location();
            }
            Ok(version)
        })
    }

    /// What [`shared_version`](Self::shared_version) answers, if it is in memory and still so. It takes microseconds
    /// and waits for no disk, so a thread that must not block may ask.
    #[cfg(feature = "server")]
    pub(crate) fn remembered_version(&self, spec: &Spec) -> Option<Arc<Version>> {
        let mark = self.inner.index.change_mark();
        self.inner.resolved.version(mark, spec)
    }

    /// A prompt's versions in the order they were committed, newest first: those committed before the version `before`,
    /// `limit` at most (`usize::MAX` for all). The last one's id is where the next page goes on, also if that
    /// version is deleted meanwhile.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound) where `before` never was a version; as [`prompt`](Self::prompt).
    pub fn versions<P>(
        &self,
        prompt: P,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<Vec<Version>>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = prompt.try_into()?;
        self.look(|snapshot| list(snapshot, &prompt, filter, before, limit))
    }

    /// As [`versions`](Self::versions); if they are as many as the limit, so that more may follow, with the prompt's
    /// environments at the same moment.
    #[cfg(feature = "server")]
    pub(crate) fn first_versions(
        &self,
        prompt: PromptId,
        filter: &VersionFilter,
        before: Option<VersionId>,
        limit: usize,
    ) -> Result<(Vec<Version>, Vec<Environment>)> {
        let prompt = prompt.into();
        self.look(|snapshot| {
            let versions = list(snapshot, &prompt, filter, before, limit)?;
            let environments = match versions.first() {
                Some(version) if versions.len() == limit => {
                    snapshot.environments(version.prompt_id)?
                }
                _ => Vec::new(),
            };
            Ok((versions, environments))
        })
    }

    /// How many versions a prompt has, and its highest major.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    pub fn version_counts<P>(&self, prompt: P) -> Result<VersionCounts>
    where
        P: TryInto<PromptRef>,
        Error: From<P::Error>,
    {
        let prompt = self.prompt(prompt)?;
        Ok(VersionCounts {
            total: prompt.versions,
            highest_major: prompt.latest.map_or(0, |number| number.major),
        })
    }

    /// The version that a spec names, with its body.
    ///
    /// What was resolved is kept in memory, and shared with all who ask, until its prompt is changed, by whichever process:
    /// then it takes some hundred nanoseconds, a third of which are saved by a [`Spec`] that is made once and passed by
    /// reference.
    ///
    /// # Errors
    ///
    /// [`Damaged`](Error::Damaged) where the body's bytes are not those that were stored; of an earlier moment
    /// [`BodyCollected`](Error::BodyCollected), unless this handle still has the body in memory; as
    /// [`version`](Self::version).
    pub fn resolve<S>(&self, spec: S) -> Result<Arc<Resolved>>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        if self.past.is_some() {
            return self.look(|snapshot| self.read_resolved(snapshot, &spec));
        }
        let known = &self.inner.resolved;
        let mark = self.inner.index.change_mark();
        if let Some(resolved) = known.resolved(mark, &spec) {
            return Ok(resolved);
        }
        self.look(|snapshot| {
            let vouched = known.catch_up(mark, snapshot)?;
            if let Some(resolved) = known.resolved(mark, &spec) {
                return Ok(resolved);
            }
            let resolved = self.read_resolved(snapshot, &spec)?;
            known.put_resolved(vouched, &spec, &resolved);
            if vouched.is_some() {
                self.inner.watch_location();
            }
            Ok(resolved)
        })
    }

    fn read_resolved(&self, snapshot: &dyn Snapshot, spec: &Spec) -> Result<Arc<Resolved>> {
        let version = Arc::new(find_version(snapshot, spec)?);
        let body = self.inner.bodies.read(snapshot, version.blob)?;
        Ok(Arc::new(Resolved { version, body }))
    }

    /// What a version asks of its callers, its partials as they are now.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn contract<S>(&self, spec: S) -> Result<Contract>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let (_, body, partials) = self.read_with_partials(&spec.try_into()?)?;
        Ok(Contract::of(body.as_ref(), &partials))
    }

    /// How callers of one version would break with another: nothing where it could be a minor of it.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn breakages<A, B>(&self, from: A, to: B) -> Result<Vec<Breakage>>
    where
        A: TryInto<Spec>,
        B: TryInto<Spec>,
        Error: From<A::Error> + From<B::Error>,
    {
        Ok(breakages(&self.contract(from)?, &self.contract(to)?))
    }

    /// Fills a version's body with inputs, and with its partials as they are now.
    ///
    /// Inputs hold integers of 64 bits and doubles. Any other number is exact only as a string, such as `"1.50"`.
    ///
    /// # Errors
    ///
    /// In strict mode [`Render`](Error::Render) with every problem at once, never a half-filled body; in
    /// Helicone's mode [`Unrenderable`](Error::Unrenderable) for a body that its client refuses; as
    /// [`resolve`](Self::resolve).
    pub fn render<S>(&self, spec: S, inputs: &Map<String, Value>, mode: Mode) -> Result<Rendered>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let (version, body, partials) = self.read_with_partials(&spec.try_into()?)?;
        let Filled { body, errors } = mode.fill(body.text(), body.json(), inputs, &partials)?;
        Ok(Rendered {
            version,
            body,
            errors,
        })
    }

    /// What an environment resolves to, partials filled in, as one file for programs that have no store: all of one moment.
    /// Prompts without that environment are left out, and there may be none that have it.
    ///
    /// # Errors
    ///
    /// [`Freeze`](Error::Freeze) with the problems of all prompts at once, if partials can't be filled;
    /// [`Damaged`](Error::Damaged) or [`BodyCollected`](Error::BodyCollected) as [`resolve`](Self::resolve);
    /// [`Invalid`](Error::Invalid) for text that is no environment's name.
    pub fn freeze<E>(&self, environment: E) -> Result<Frozen>
    where
        E: TryInto<EnvironmentName>,
        Error: From<E::Error>,
    {
        let environment = environment.try_into()?;
        let texts = self.look(|snapshot| freeze(snapshot, &self.inner.bodies, &environment))?;
        Frozen::of(environment, texts)
    }

    /// The body of this address, whatever versions have it or had it, until it is collected.
    ///
    /// # Errors
    ///
    /// [`BodyNotFound`](Error::BodyNotFound), [`Damaged`](Error::Damaged), [`Backend`](Error::Backend).
    pub fn body(&self, blob: BlobId) -> Result<Body> {
        self.look(|snapshot| match snapshot.blob(blob)? {
            Some(_) => self.inner.bodies.read(snapshot, blob),
            None => Err(Error::BodyNotFound { blob }),
        })
    }

    fn read_with_partials(&self, spec: &Spec) -> Result<(Version, Body, Partials)> {
        self.read(spec, |snapshot, body| {
            gather_partials(
                snapshot,
                &|id| self.inner.bodies.read(snapshot, id),
                Uses::of(body.json()).partials,
            )
        })
    }

    /// Reads a version, its body and what else is asked for, all of one moment.
    fn read<T>(
        &self,
        spec: &Spec,
        more: impl Fn(&dyn Snapshot, &Body) -> Result<T>,
    ) -> Result<(Version, Body, T)> {
        self.look(|snapshot| {
            let version = find_version(snapshot, spec)?;
            let body = self.inner.bodies.read(snapshot, version.blob)?;
            let more = more(snapshot, &body)?;
            Ok((version, body, more))
        })
    }

    /// All live prompts with their live versions, oldest first, as an import takes them: of one moment.
    #[cfg(feature = "server")]
    pub(crate) fn export(&self) -> Result<Vec<ImportedPrompt>> {
        self.look(|snapshot| export(snapshot, &self.inner.bodies))
    }
}

fn list(
    snapshot: &dyn Snapshot,
    prompt: &PromptRef,
    filter: &VersionFilter,
    before: Option<VersionId>,
    limit: usize,
) -> Result<Vec<Version>> {
    let prompt = find_prompt(snapshot, prompt)?;
    match before {
        Some(id) if snapshot.version_ever(id)?.is_none() => Err(Error::VersionNotFound {
            prompt: Some(prompt),
            selector: id.into(),
        }),
        before => Ok(snapshot.versions(prompt, filter, before, limit)?),
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;
    use crate::{EnvironmentName, Expected, NewPrompt, Store};

    #[test]
    fn a_version_is_remembered_until_somebody_commits() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(directory.path()).unwrap();
        let other = Store::open(directory.path()).unwrap();
        let new = NewPrompt::new("greeting", r#"{"messages": []}"#).unwrap();
        let created = store.create_prompt(new).unwrap();
        // Settling commits too, at a moment of its own.
        store.settle(|_| ()).unwrap();

        let production = Spec::new(created.prompt.id, EnvironmentName::production());
        assert_eq!(store.remembered_version(&production), None, "never asked");
        let found = store.shared_version(&production).unwrap();
        assert_eq!(found.id, created.version.id);
        let remembered = store.remembered_version(&production).unwrap();
        assert!(Arc::ptr_eq(&found, &remembered), "a copy");

        let moved = other.set_environment(created.prompt.id, "other", "1.0", Expected::Any);
        moved.unwrap();
        assert_eq!(store.remembered_version(&production), None, "a commit");
        store.delete_version(created.version.id).unwrap();
        assert!(store.shared_version(&production).is_err());
        assert_eq!(store.remembered_version(&production), None, "an error");
    }
}
