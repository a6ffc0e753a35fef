//! Reads of versions, bodies, contracts and rendered bodies.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::reads::View;
use crate::engine::contract::{Breakage, Contract, breakages};
use crate::engine::{
    PortablePrompt, Resolved, export, find_version, freeze, gather_partials, resolve,
};
use crate::frozen::Frozen;
use crate::json::Json;
use crate::model::arguments::{IntoEnvironmentName, IntoInputs, IntoPromptRef, IntoVersionSpec};
use crate::model::body::Body;
use crate::model::error::{Error, Result};
use crate::model::id::BlobId;
use crate::model::log_position::LogPosition;
use crate::model::record::{Version, VersionCounts};
use crate::model::version_spec::{PromptRef, VersionSpec};
use crate::storage::Snapshot;
use crate::template::mode::{RenderMode, RenderedBody};
use crate::template::{Partials, UnfilledTag, Uses, ValidationError};

/// A body with its variables and partials filled in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RenderedVersion {
    /// The version that was rendered.
    pub version: Version,
    /// The filled body.
    pub body: Json,
    /// The errors that [`RenderMode::Helicone`] found.
    ///
    /// Strict mode returns an error instead, so the list is empty.
    pub errors: Vec<ValidationError>,
    /// The tags that [`RenderMode::Helicone`] left in the body. Empty in strict mode.
    pub unfilled: Vec<UnfilledTag>,
}

impl RenderedVersion {
    /// Returns the text of the filled body.
    ///
    /// In strict mode, everything except the tags is unchanged, byte for byte.
    #[must_use]
    pub fn text(&self) -> &str {
        self.body.text()
    }

    /// Returns the filled body as parsed JSON.
    ///
    /// This loses precision: numbers become 64-bit integers or doubles.
    #[must_use]
    pub fn json(&self) -> &Value {
        self.body.json()
    }
}

impl View {
    /// Returns the version that a spec selects.
    ///
    /// The spec is text such as `"greeting@2.1"`, a [`VersionId`](crate::VersionId), or a prompt and a selector.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt); [`VersionNotFound`](Error::VersionNotFound),
    /// [`EnvironmentNotFound`](Error::EnvironmentNotFound) or
    /// [`MismatchedVersion`](Error::MismatchedVersion) if the prompt has no such version;
    /// [`InvalidArgument`](Error::InvalidArgument) if the text is not a spec.
    pub fn version(&self, spec: impl IntoVersionSpec) -> Result<Version> {
        let spec = spec.into_version_spec()?;
        if self.past.is_some() {
            return self.look(|snapshot| find_version(snapshot, &spec));
        }
        let version = self.shared_version(&spec)?;
        Ok(Arc::unwrap_or_clone(version))
    }

    /// Returns the version that a spec selects now.
    ///
    /// The version is shared by all callers until its prompt is changed.
    pub(crate) fn shared_version(&self, spec: &VersionSpec) -> Result<Arc<Version>> {
        let known = &self.inner.resolved;
        let mark = self.inner.index.change_mark();
        if let Some(version) = known.version(mark, spec) {
            return Ok(version);
        }
        self.look(|snapshot| {
            known.catch_up(mark, snapshot)?;
            if let Some(version) = known.version(mark, spec) {
                return Ok(version);
            }
            let found = resolve(snapshot, spec, mark.is_some(), &|_| true)?;
            let version = Arc::new(found.version);
            let stamp = known.stamp(mark, found.last);
            known.put_version(stamp, spec, &version);
            if stamp.is_some() {
                self.inner.watch_location();
            }
            Ok(version)
        })
    }

    /// Returns the version that a spec selects, if it is in memory.
    ///
    /// The answer is the one that [`version`](Self::version) would return now, so it is never stale.
    /// As with [`try_resolve_cached`](Self::try_resolve_cached), the call waits for neither the disk
    /// nor a lock, and a view of an earlier moment and a store on a server always return none.
    #[must_use]
    pub fn try_version_cached(&self, spec: &VersionSpec) -> Option<Arc<Version>> {
        if self.past.is_some() {
            return None;
        }
        let mark = self.inner.index.change_mark_at_hand();
        self.inner.resolved.version(mark, spec)
    }

    /// Returns the number of live versions of a prompt, and its highest major number.
    ///
    /// # Errors
    ///
    /// As [`prompt`](Self::prompt).
    pub fn version_counts(&self, prompt: impl IntoPromptRef) -> Result<VersionCounts> {
        let prompt = self.prompt(prompt)?;
        Ok(VersionCounts {
            total: prompt.versions,
            highest_major: prompt.latest.map_or(0, |number| number.major),
        })
    }

    /// Returns the version that a spec selects, with its body.
    ///
    /// Resolved specs are cached in memory and shared by all callers, until any process changes
    /// their prompt. A cached answer takes a few hundred nanoseconds. A third of this is saved by
    /// creating a [`VersionSpec`] once and passing it by reference.
    ///
    /// # Errors
    ///
    /// - [`CorruptBody`](Error::CorruptBody) if the body's bytes do not match its address.
    /// - [`BodyCollected`](Error::BodyCollected) for a view of an earlier moment, if the body was
    ///   removed by garbage collection and is not in this handle's memory.
    /// - As [`version`](Self::version).
    pub fn resolve(&self, spec: impl IntoVersionSpec) -> Result<Arc<Resolved>> {
        let spec = spec.into_version_spec()?;
        if self.past.is_some() {
            return self.look(|snapshot| Ok(self.read_resolved(snapshot, &spec, false)?.0));
        }
        let known = &self.inner.resolved;
        let mark = self.inner.index.change_mark();
        if let Some(resolved) = known.resolved(mark, &spec) {
            return Ok(resolved);
        }
        self.look(|snapshot| {
            known.catch_up(mark, snapshot)?;
            if let Some(resolved) = known.resolved(mark, &spec) {
                return Ok(resolved);
            }
            // An answer without a mark is not cached.
            let (resolved, last) = self.read_resolved(snapshot, &spec, mark.is_some())?;
            let stamp = known.stamp(mark, last);
            known.put_resolved(stamp, &spec, &resolved);
            if stamp.is_some() {
                self.inner.watch_location();
            }
            Ok(resolved)
        })
    }

    /// Returns the version that a spec selects, with its body, if both are in memory.
    ///
    /// The answer is the one that [`resolve`](Self::resolve) would return now, so it is never stale.
    /// The call takes at most microseconds, and waits for neither the disk nor a lock, so a thread
    /// that must not block, such as one of an async runtime, can use it. If it returns none, call
    /// [`resolve`](Self::resolve) on a thread that may block. A view of an earlier moment always
    /// returns none, and so does a store on a server: only the server knows whether an answer is
    /// current.
    #[must_use]
    pub fn try_resolve_cached(&self, spec: &VersionSpec) -> Option<Arc<Resolved>> {
        if self.past.is_some() {
            return None;
        }
        let mark = self.inner.index.change_mark_at_hand();
        self.inner.resolved.resolved(mark, spec)
    }

    /// Reads a version and its body, and the last operation of the snapshot if it is needed.
    fn read_resolved(
        &self,
        snapshot: &dyn Snapshot,
        spec: &VersionSpec,
        is_last_needed: bool,
    ) -> Result<(Arc<Resolved>, LogPosition)> {
        let bodies = &self.inner.bodies;
        let found = resolve(snapshot, spec, is_last_needed, &|version| {
            bodies.remembered(version.blob).is_some()
        })?;
        let version = Arc::new(found.version);
        let body = bodies.read_of_from(snapshot, &version, found.body)?;
        let prompt_name = match &spec.prompt {
            Some(PromptRef::Name(name)) => Some(name.clone()),
            _ => None,
        };
        let resolved = Resolved {
            prompt_name,
            version,
            body,
        };
        Ok((Arc::new(resolved), found.last))
    }

    /// Returns the contract of a version, with its current partials.
    ///
    /// The contract is what the version requires of its callers.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn contract(&self, spec: impl IntoVersionSpec) -> Result<Contract> {
        let (_, body, partials) = self.read_with_partials(&spec.into_version_spec()?)?;
        Ok(Contract::of(body.as_ref(), &partials))
    }

    /// Returns how callers of one version would break with another.
    ///
    /// The list is empty if the second version could be a minor version of the first.
    ///
    /// # Errors
    ///
    /// As [`resolve`](Self::resolve).
    pub fn breakages(
        &self,
        from: impl IntoVersionSpec,
        to: impl IntoVersionSpec,
    ) -> Result<Vec<Breakage>> {
        Ok(breakages(&self.contract(from)?, &self.contract(to)?))
    }

    /// Fills a version's body with inputs and with its current partials.
    ///
    /// Every variable must have an input of its type, and every input must be used, see
    /// [`RenderMode::Strict`].
    ///
    /// ```
    /// use promptbook::{NewPrompt, Store};
    ///
    /// let store = Store::in_memory()?;
    /// let body = r#"{"messages": [{"role": "user", "content": "Greet {{hc:name:string}}."}]}"#;
    /// store.create_prompt(NewPrompt::new("greeting", body))?;
    /// let rendered = store.render(("greeting", "production"), [("name", "Ada")])?;
    /// assert_eq!(rendered.body["messages"][0]["content"], "Greet Ada.");
    /// # Ok::<(), promptbook::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// - [`Render`](Error::Render), which lists every problem; a body is never filled in part.
    /// - [`InvalidArgument`](Error::InvalidArgument) if the inputs are no JSON object.
    /// - As [`resolve`](Self::resolve).
    pub fn render(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
    ) -> Result<RenderedVersion> {
        self.render_as(spec, inputs, RenderMode::Strict)
    }

    /// Fills a version's body, as [`render`](Self::render) does, by the rules of a mode.
    ///
    /// # Errors
    ///
    /// - [`HeliconeRender`](Error::HeliconeRender) in Helicone mode, for a body that Helicone's client
    ///   refuses.
    /// - As [`render`](Self::render).
    pub fn render_as(
        &self,
        spec: impl IntoVersionSpec,
        inputs: impl IntoInputs,
        mode: RenderMode,
    ) -> Result<RenderedVersion> {
        let (spec, inputs) = (spec.into_version_spec()?, inputs.into_inputs()?);
        let (version, body, partials) = self.read_with_partials(&spec)?;
        let RenderedBody {
            body,
            errors,
            unfilled,
        } = mode.fill(body.text(), body.json(), inputs.as_map(), &partials)?;
        Ok(RenderedVersion {
            version,
            body,
            errors,
            unfilled,
        })
    }

    /// Returns the resolved bodies of an environment as one file.
    ///
    /// Their partials are filled in. The file is for programs that have no store.
    ///
    /// Everything is read at one moment. Prompts without this environment are left out, so the file
    /// may contain no prompts.
    ///
    /// # Errors
    ///
    /// - [`Freeze`](Error::Freeze) if partials cannot be filled. It lists the problems of all
    ///   prompts.
    /// - [`CorruptBody`](Error::CorruptBody) or [`BodyCollected`](Error::BodyCollected), as
    ///   [`resolve`](Self::resolve).
    /// - [`InvalidArgument`](Error::InvalidArgument) if the text is not the name of an environment.
    pub fn freeze(&self, environment: impl IntoEnvironmentName) -> Result<Frozen> {
        let environment = environment.into_environment_name()?;
        let texts = self.look(|snapshot| freeze(snapshot, &self.inner.bodies, &environment))?;
        Frozen::of(environment, texts)
    }

    /// Returns the body with this address, until it is removed by garbage collection.
    ///
    /// It does not matter which versions use it or used it.
    ///
    /// # Errors
    ///
    /// [`BodyNotFound`](Error::BodyNotFound) if no such body is stored; [`CorruptBody`](Error::CorruptBody)
    /// if its bytes do not match the address; [`Storage`](Error::Storage) if the index or the blob
    /// store failed.
    pub fn body(&self, blob: BlobId) -> Result<Body> {
        self.look(|snapshot| match snapshot.blob(blob)? {
            Some(_) => self.inner.bodies.read(snapshot, blob),
            None => Err(Error::BodyNotFound { blob }),
        })
    }

    /// Reads a version, its body and the bodies of its partials, all at one moment.
    pub(super) fn read_with_partials(
        &self,
        spec: &VersionSpec,
    ) -> Result<(Version, Body, Partials)> {
        self.read(spec, |snapshot, body| {
            gather_partials(
                snapshot,
                &|id| self.inner.bodies.read(snapshot, id),
                Uses::of(body.json()).partials,
            )
        })
    }

    /// Reads a version, its body, and more data of the caller's choice, all at one moment.
    fn read<T>(
        &self,
        spec: &VersionSpec,
        more: impl Fn(&dyn Snapshot, &Body) -> Result<T>,
    ) -> Result<(Version, Body, T)> {
        self.look(|snapshot| {
            let version = find_version(snapshot, spec)?;
            let body = self.inner.bodies.read_of(snapshot, &version)?;
            let more = more(snapshot, &body)?;
            Ok((version, body, more))
        })
    }

    /// Returns all live prompts with their live versions, oldest first, for [`Batch::import`].
    ///
    /// Everything is read from one snapshot. All bodies are in memory at the same time.
    ///
    /// # Errors
    ///
    /// [`CorruptBody`](Error::CorruptBody) if a body is corrupt; [`Storage`](Error::Storage) if the
    /// store cannot be read.
    ///
    /// [`Batch::import`]: crate::Batch::import
    pub fn export(&self) -> Result<Vec<PortablePrompt>> {
        self.look(|snapshot| export(snapshot, &self.inner.bodies))
    }
}

#[cfg(test)]
#[path = "versions_tests.rs"]
mod tests;
