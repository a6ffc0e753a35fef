//! Versions, their bodies, renders and inputs, through a store.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value};

use super::Store;
use crate::backend::Snapshot;
use crate::body::Body;
use crate::engine::contract::{Breakage, Contract, breakages};
#[cfg(feature = "server")]
use crate::engine::{ImportedPrompt, export};
use crate::engine::{NewVersion, find_prompt, find_version, gather_partials};
use crate::error::{Error, Result};
use crate::id::{EnvironmentName, VersionId};
use crate::number::{PromptRef, Spec};
use crate::record::{RecordedInputs, Version, VersionCounts, VersionFilter};
use crate::template::{self, Partials, Uses, ValidationError};

/// A version and its body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Resolved {
    /// The version.
    pub version: Version,
    /// Its body, the bytes checked.
    pub body: Body,
}

/// Whose rules a body is filled by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Every variable must be given, with a value of its type, and nothing else; partials are filled at any depth.
    #[default]
    Strict,
    /// Exactly as Helicone's TypeScript client does: what is missing stays a tag, errors are told beside the body.
    Helicone,
}

/// A body with its variables and partials filled in.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rendered {
    /// The version that was rendered.
    pub version: Version,
    /// The filled body.
    pub body: Value,
    /// What [`Mode::Helicone`] found wrong; nothing in strict mode, where it is an error instead.
    pub errors: Vec<ValidationError>,
}

impl Store {
    /// Commits a version: numbers it, checks it against the bump rules, moves an environment to it if asked.
    ///
    /// # Errors
    ///
    /// [`Breaking`](Error::Breaking) with every reason, where a minor is asked for that is none;
    /// [`Conflict`](Error::Conflict) where the highest version is not the expected one; [`NoBase`](Error::NoBase),
    /// [`VersionNotFound`](Error::VersionNotFound) or [`ForeignVersion`](Error::ForeignVersion) for a base that is not
    /// there; as [`prompt`](Self::prompt).
    pub fn commit(&self, new: NewVersion) -> Result<Version> {
        self.write(|writer| writer.commit_version(&new))
    }

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
        let version = self.shared_version(&spec.try_into()?)?;
        Ok(Arc::unwrap_or_clone(version))
    }

    /// As [`version`](Self::version), shared with all who ask until somebody commits.
    pub(crate) fn shared_version(&self, spec: &Spec) -> Result<Arc<Version>> {
        let mark = self.0.index.change_mark();
        if let Some(version) = self.0.resolved.get(mark, spec) {
            return Ok(version);
        }
        let version = Arc::new(find_version(&**self.snapshot()?, spec)?);
        self.0.resolved.put(mark, spec, Arc::clone(&version));
        Ok(version)
    }

    /// What [`shared_version`](Self::shared_version) answers, if it is in memory and still so. It takes microseconds
    /// and waits for no disk, so a thread that must not block may ask.
    #[cfg(feature = "server")]
    pub(crate) fn remembered_version(&self, spec: &Spec) -> Option<Arc<Version>> {
        self.0.resolved.get(self.0.index.change_mark(), spec)
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
        let snapshot = self.snapshot()?;
        let prompt = find_prompt(&**snapshot, &prompt.try_into()?)?;
        match before {
            Some(id) if snapshot.version_ever(id)?.is_none() => Err(Error::VersionNotFound {
                prompt: Some(prompt),
                selector: id.into(),
            }),
            before => Ok(snapshot.versions(prompt, filter, before, limit)?),
        }
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

    /// Deletes a version, and the environments that point to it. Its number and id stay taken.
    ///
    /// # Errors
    ///
    /// As [`version`](Self::version).
    pub fn delete_version<S>(&self, spec: S) -> Result<Version>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        self.write(|writer| writer.delete_version(&spec))
    }

    /// The version that a spec names, with its body.
    ///
    /// # Errors
    ///
    /// [`Damaged`](Error::Damaged) where the body's bytes are not those that were stored; as
    /// [`version`](Self::version).
    pub fn resolve<S>(&self, spec: S) -> Result<Resolved>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        let mark = self.0.index.change_mark();
        if let Some(version) = self.0.resolved.get(mark, &spec)
            && let Some(body) = self.0.bodies.remembered(version.blob)
        {
            let version = Arc::unwrap_or_clone(version);
            return Ok(Resolved { version, body });
        }
        let (version, body, ()) = self.read(&spec, |_, _| Ok(()))?;
        self.0.resolved.put(mark, &spec, Arc::new(version.clone()));
        Ok(Resolved { version, body })
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
        Ok(Contract::of(body.json(), &partials))
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
        let (body, errors) = match mode {
            Mode::Strict => {
                let rendered = template::render_strict(body.json(), inputs, &partials);
                (
                    rendered.map_err(|problems| Error::Render { problems })?,
                    Vec::new(),
                )
            }
            Mode::Helicone => {
                let merged = template::render_helicone(body.json(), inputs, &partials);
                let merged = merged.map_err(Error::Unrenderable)?;
                (merged.body, merged.errors)
            }
        };
        Ok(Rendered {
            version,
            body,
            errors,
        })
    }

    fn read_with_partials(&self, spec: &Spec) -> Result<(Version, Body, Partials)> {
        self.read(spec, |snapshot, body| {
            gather_partials(snapshot, &self.0.bodies, Uses::of(body.json()).partials)
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
            let body = self.0.bodies.read(snapshot, version.blob)?;
            let more = more(snapshot, &body)?;
            Ok((version, body, more))
        })
    }

    /// All live prompts with their live versions, oldest first, as an import takes them: of one moment.
    #[cfg(feature = "server")]
    pub(crate) fn export(&self) -> Result<Vec<ImportedPrompt>> {
        self.look(|snapshot| export(snapshot, &self.0.bodies))
    }

    /// Looks at one moment, bodies included.
    pub(super) fn look<T>(&self, look: impl Fn(&dyn Snapshot) -> Result<T>) -> Result<T> {
        let attempt = || look(&**self.snapshot()?);
        match attempt() {
            // The body may have been collected after the snapshot was taken: a newer one tells, and then
            // what was deleted is not found, and what is damaged still is.
            Err(Error::Damaged { .. }) => attempt(),
            other => other,
        }
    }

    /// Records the inputs that a request gave to a version; those it gave before are replaced. This is a log
    /// beside the history: it has no operation, and goes with its version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound).
    pub fn record_inputs(
        &self,
        version: VersionId,
        request_id: impl Into<String>,
        inputs: Map<String, Value>,
        environment: Option<EnvironmentName>,
    ) -> Result<RecordedInputs> {
        let recorded = RecordedInputs {
            request_id: request_id.into(),
            version_id: version,
            inputs,
            environment,
            recorded_at: self.0.context.now(),
        };
        self.write(|writer| writer.record_inputs(&recorded))?;
        Ok(recorded)
    }

    /// The inputs that a request gave to a version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound); [`InputsNotFound`](Error::InputsNotFound) where none were recorded.
    pub fn inputs(&self, version: VersionId, request_id: &str) -> Result<RecordedInputs> {
        let snapshot = self.snapshot()?;
        if let Some(inputs) = snapshot.inputs(version, request_id)? {
            return Ok(inputs);
        }
        find_version(&**snapshot, &version.into())?;
        Err(Error::InputsNotFound {
            version,
            request: request_id.to_owned(),
        })
    }
}

#[cfg(all(test, feature = "server"))]
mod tests {
    use super::*;
    use crate::{Expected, NewPrompt};

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
