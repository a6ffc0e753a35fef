//! Versions to commit, and the result of a conditional commit.

use serde::{Deserialize, Serialize};

use super::limits::check_body;
use crate::engine::contract::{ContractDigest, digest_of};
use crate::model::arguments::{Draft, IntoBody, IntoEnvironmentName, IntoPromptRef, IntoSelector};
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::EnvironmentName;
use crate::model::record::{Expected, Version};
use crate::model::selector::Selector;
use crate::model::version_number::Bump;
use crate::model::version_spec::PromptRef;

/// A version to commit.
///
/// Arguments are parsed when they are given. If one is not accepted, the call that uses the value
/// fails with the first such error.
#[derive(Clone, Debug)]
pub struct NewVersion(Draft<VersionDraft>);

/// The fields of a [`NewVersion`].
#[derive(Clone, Debug)]
pub(crate) struct VersionDraft {
    pub(crate) prompt: PromptRef,
    pub(crate) body: Body,
    /// The digest of the body's contract.
    pub(crate) contract: Option<ContractDigest>,
    /// The version that it is based on.
    pub(crate) base: Selector,
    /// The step from the number of the base to its number.
    pub(crate) bump: Bump,
    /// Whether a minor bump is allowed even if it breaks callers of the base.
    pub(crate) force: bool,
    pub(crate) message: String,
    pub(crate) environment: Option<EnvironmentName>,
    /// Whether the version may break callers of the one that the environment points to.
    pub(crate) allow_breaking: bool,
    /// The highest version that the caller expects the prompt to have.
    pub(crate) expected_head: Expected,
    /// Whether the base is returned instead if it has the same body.
    pub(crate) only_if_changed: bool,
}

impl NewVersion {
    /// Describes a version based on the prompt's highest version.
    ///
    /// It has the smallest bump that the rules allow and an empty message, and no environment is
    /// pointed to it.
    ///
    /// If the reference or the body is not accepted, the commit fails with
    /// [`InvalidArgument`](crate::Error::InvalidArgument) or
    /// [`InvalidBody`](crate::Error::InvalidBody).
    #[must_use]
    pub fn new(prompt: impl IntoPromptRef, body: impl IntoBody) -> Self {
        let draft = || {
            Ok(VersionDraft {
                prompt: prompt.into_prompt_ref()?,
                body: body.into_body()?,
                contract: None,
                base: Selector::Latest,
                bump: Bump::Auto,
                force: false,
                message: String::new(),
                environment: None,
                allow_breaking: false,
                expected_head: Expected::Any,
                only_if_changed: false,
            })
        };
        Self(Draft::new(draft()))
    }

    /// Sets the version that the new one is based on.
    #[must_use]
    pub fn base(self, base: impl IntoSelector) -> Self {
        let base = base.into_selector();
        Self(self.0.set_parsed(base, |draft, base| draft.base = base))
    }

    /// Sets the bump.
    #[must_use]
    pub fn bump(self, bump: Bump) -> Self {
        Self(self.0.set(|draft| draft.bump = bump))
    }

    /// Sets whether a requested minor bump is allowed even if it breaks callers of the base.
    #[must_use]
    pub fn force(self, force: bool) -> Self {
        Self(self.0.set(|draft| draft.force = force))
    }

    /// Sets the commit message.
    #[must_use]
    pub fn message(self, message: impl Into<String>) -> Self {
        Self(self.0.set(|draft| draft.message = message.into()))
    }

    /// Sets the environment to point to the new version.
    #[must_use]
    pub fn environment(self, name: impl IntoEnvironmentName) -> Self {
        let name = name.into_environment_name();
        Self(self.0.set_parsed(name, |draft, name| {
            draft.environment = Some(name);
        }))
    }

    /// Allows a version that breaks callers of the one that the environment points to.
    ///
    /// Otherwise the commit fails with [`BreakingMove`](crate::Error::BreakingMove), unless the bump
    /// policy is [`Free`](crate::BumpPolicy::Free), or the bump is [`Major`](Bump::Major), which asks
    /// for a breaking version. It only matters if an [`environment`](Self::environment) is given.
    #[must_use]
    pub fn allow_breaking(self) -> Self {
        Self(self.0.set(|draft| draft.allow_breaking = true))
    }

    /// Makes the commit conditional on the prompt's highest version.
    ///
    /// If that is another version, the commit fails with [`Conflict`](crate::Error::Conflict) and
    /// changes nothing.
    #[must_use]
    pub fn expect_head(self, expected: impl Into<Expected>) -> Self {
        Self(self.0.set(|draft| draft.expected_head = expected.into()))
    }

    /// Returns the fields, after everything was checked that can be checked without a store.
    pub(crate) fn finish(self) -> Result<VersionDraft> {
        let mut draft = self.0.finish()?;
        check_body(&draft.body)?;
        draft.contract = digest_of(&draft.body);
        Ok(draft)
    }
}

/// A version with a given body: the one that was there, or a new one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnsuredVersion {
    /// The version.
    pub version: Version,
    /// Whether this call committed it.
    pub created: bool,
}
