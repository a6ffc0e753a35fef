//! Versions committed and deleted, and the inputs that are recorded beside them, through a store.

use serde_json::{Map, Value};

use super::Store;
use crate::engine::{NewVersion, find_version};
use crate::error::{Error, Result};
use crate::id::{EnvironmentName, VersionId};
use crate::number::{Bump, Spec};
use crate::record::{RecordedInputs, Version};

impl Store {
    /// Commits a version: numbers it, checks it against the bump rules, moves an environment to it if asked.
    ///
    /// # Errors
    ///
    /// [`Breaking`](Error::Breaking) with every reason, where a minor is asked for that is none;
    /// [`Conflict`](Error::Conflict) where the highest version is not the expected one; [`NoBase`](Error::NoBase),
    /// [`VersionNotFound`](Error::VersionNotFound) or [`ForeignVersion`](Error::ForeignVersion) for a base that is not
    /// there; as [`prompt`](crate::View::prompt).
    pub fn commit(&self, new: NewVersion) -> Result<Version> {
        if new.bump != Bump::Major {
            // Before it is this one's turn, so that nobody waits for it.
            self.inner.context.contract_without_partials(&new.body);
        }
        self.write(move |writer| writer.commit_version(&new))
    }

    /// Deletes a version, and the environments that point to it. Its number and id stay taken.
    ///
    /// # Errors
    ///
    /// As [`version`](crate::View::version).
    pub fn delete_version<S>(&self, spec: S) -> Result<Version>
    where
        S: TryInto<Spec>,
        Error: From<S::Error>,
    {
        let spec = spec.try_into()?;
        self.write(move |writer| writer.delete_version(&spec))
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
            recorded_at: self.inner.context.now(),
        };
        self.write(move |writer| writer.record_inputs(&recorded).map(|()| recorded))
    }

    /// The inputs that a request gave to a version.
    ///
    /// # Errors
    ///
    /// [`VersionNotFound`](Error::VersionNotFound); [`InputsNotFound`](Error::InputsNotFound) where none were recorded.
    pub fn inputs(&self, version: VersionId, request_id: &str) -> Result<RecordedInputs> {
        self.look(|snapshot| {
            if let Some(inputs) = snapshot.inputs(version, request_id)? {
                return Ok(inputs);
            }
            find_version(snapshot, &version.into())?;
            Err(Error::InputsNotFound {
                version,
                request: request_id.to_owned(),
            })
        })
    }
}
