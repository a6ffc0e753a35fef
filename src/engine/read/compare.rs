//! Comparison of two bodies: their differences, and the effect of those on callers.

use serde::{Deserialize, Serialize};

use super::bodies::BodyReader;
use super::lookup::find_version;
use super::partials::gather_partials;
use crate::diff::body_diff::{BodyDiff, diff};
use crate::diff::edit::Edit;
use crate::engine::contract::answers::unexamined_changes;
use crate::engine::contract::{AcceptedValues, Breakage, Contract, Variable, breakages};
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::id::EnvironmentName;
use crate::model::record::{Prompt, PromptFilter, Version};
use crate::model::version_spec::VersionSpec;
use crate::storage::Snapshot;
use crate::template::Uses;

/// The difference of two bodies, and the bump that the rules require for it.
///
/// As JSON: `{from: Version or null, to: Version or null, edits: [Edit], variables:
/// [VariableChange], breakages: [Breakage], unexamined: [text], verdict: "unchanged", "minor" or "major"}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "DifferenceMembers")]
#[non_exhaustive]
pub struct Difference {
    /// The first body.
    pub from: DiffSide,
    /// The second body, which the first one is compared with.
    pub to: DiffSide,
    /// The edits between the bodies.
    #[serde(flatten)]
    pub body: BodyDiff,
    /// The variables that callers must provide differently, those of partials included.
    ///
    /// Variables of the second body come first, in order of first use, then the removed ones.
    pub variables: Vec<VariableChange>,
    /// The ways in which callers of the first body break with the second.
    pub breakages: Vec<Breakage>,
    /// The changed members of the body that no bump rule examines. What they mean for callers is
    /// not known. Left out of the JSON if there are none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unexamined: Vec<String>,
    /// The classification of the change by the bump rules.
    pub verdict: Verdict,
}

/// The members of a [`Difference`] in JSON. A flattened body would lose the exact text of numbers.
#[derive(Deserialize)]
struct DifferenceMembers {
    from: DiffSide,
    to: DiffSide,
    edits: Vec<Edit>,
    variables: Vec<VariableChange>,
    breakages: Vec<Breakage>,
    #[serde(default)]
    unexamined: Vec<String>,
    verdict: Verdict,
}

impl From<DifferenceMembers> for Difference {
    fn from(members: DifferenceMembers) -> Self {
        Self {
            from: members.from,
            to: members.to,
            body: BodyDiff {
                edits: members.edits,
            },
            variables: members.variables,
            breakages: members.breakages,
            unexamined: members.unexamined,
            verdict: members.verdict,
        }
    }
}

/// One of two bodies that are compared.
///
/// As JSON it is its version, or null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
#[non_exhaustive]
pub struct DiffSide {
    /// The version that has the body; none for a body that belongs to no version.
    pub version: Option<Version>,
    /// The body; none if the difference was read from JSON.
    #[serde(skip)]
    pub body: Option<Body>,
}

/// The classification of a change by the bump rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The bodies are equal, with numbers spelled alike.
    ///
    /// White space, escapes and the order of members may differ.
    Unchanged,
    /// The rules find no break for callers.
    Minor,
    /// Callers break, or the rules cannot show that none does.
    Major,
}

impl Verdict {
    /// Returns the verdict as written in JSON.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::Minor => "minor",
            Self::Major => "major",
        }
    }
}

/// A variable that callers must provide differently than before.
///
/// As JSON: `{name, before, after}`. `before` and `after` describe the accepted values in words, or
/// are null.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct VariableChange {
    /// The variable's name.
    pub name: String,
    /// The values that it accepted; none if it is added.
    pub before: Option<AcceptedValues>,
    /// The values that it accepts now; none if it is removed.
    pub after: Option<AcceptedValues>,
}

/// A prompt whose versions in two environments differ.
///
/// As JSON: `{prompt: Prompt, from: Version or null, to: Version or null, difference: Difference or
/// null}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct EnvironmentDifference {
    /// The prompt.
    pub prompt: Prompt,
    /// Its version in the first environment; none if the prompt has no such environment.
    pub from: Option<Version>,
    /// Its version in the second environment; none if the prompt has no such environment.
    pub to: Option<Version>,
    /// The difference of the two versions, if the prompt has both environments.
    pub difference: Option<Difference>,
}

/// A body to compare, and the version that has it.
type ComparedBody = (Option<Version>, Body);

/// Returns a version as one side of a comparison.
fn side(snapshot: &dyn Snapshot, bodies: &BodyReader, version: Version) -> Result<ComparedBody> {
    let body = bodies.read_of(snapshot, &version)?;
    let version = Some(version);
    Ok((version, body))
}

/// Compares two versions.
pub(crate) fn compare_versions(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    from: &VersionSpec,
    to: &VersionSpec,
) -> Result<Difference> {
    let from = side(snapshot, bodies, find_version(snapshot, from)?)?;
    let to = side(snapshot, bodies, find_version(snapshot, to)?)?;
    compare(snapshot, bodies, from, to)
}

/// Compares a version with a body.
pub(crate) fn compare_body(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    from: &VersionSpec,
    to: &Body,
) -> Result<Difference> {
    let from = side(snapshot, bodies, find_version(snapshot, from)?)?;
    compare(snapshot, bodies, from, (None, to.clone()))
}

/// Compares two environments and returns the prompts that differ, newest first.
pub(crate) fn compare_environments(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    from: &EnvironmentName,
    to: &EnvironmentName,
) -> Result<Vec<EnvironmentDifference>> {
    let mut found = Vec::new();
    for prompt in snapshot.prompts(&PromptFilter::default(), None, usize::MAX)? {
        let before = snapshot.version_in(prompt.id, from)?;
        let after = snapshot.version_in(prompt.id, to)?;
        let difference = match (&before, &after) {
            (None, None) => continue,
            (Some(before), Some(after)) if before.blob == after.blob => continue,
            (Some(before), Some(after)) => {
                let before = side(snapshot, bodies, before.clone())?;
                let after = side(snapshot, bodies, after.clone())?;
                Some(compare(snapshot, bodies, before, after)?)
            }
            _ => None,
        };
        // Different bodies may differ only in white space and the like.
        if difference
            .as_ref()
            .is_some_and(|one| one.verdict == Verdict::Unchanged)
        {
            continue;
        }
        found.push(EnvironmentDifference {
            prompt,
            from: before,
            to: after,
            difference,
        });
    }
    Ok(found)
}

/// Compares two bodies, with their partials as of this snapshot.
fn compare(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    from: ComparedBody,
    to: ComparedBody,
) -> Result<Difference> {
    let contract = |body: &Body| -> Result<Contract> {
        let partials = gather_partials(
            snapshot,
            &|id| bodies.read(snapshot, id),
            Uses::of(body.json()).partials,
        )?;
        Ok(Contract::of(body.as_ref(), &partials))
    };
    let ((from, old), (to, new)) = (from, to);
    let body = diff(old.as_ref(), new.as_ref());
    let (before, after) = (contract(&old)?, contract(&new)?);
    let breakages = breakages(&before, &after);
    let verdict = match (body.is_empty(), breakages.is_empty()) {
        (_, false) => Verdict::Major,
        (true, true) => Verdict::Unchanged,
        (false, true) => Verdict::Minor,
    };
    let unexamined = unexamined_changes(old.as_ref(), new.as_ref());
    let side = |version, body| DiffSide {
        version,
        body: Some(body),
    };
    Ok(Difference {
        from: side(from, old),
        to: side(to, new),
        body,
        variables: variable_changes(&before.variables, &after.variables),
        breakages,
        unexamined,
        verdict,
    })
}

fn variable_changes(before: &[Variable], after: &[Variable]) -> Vec<VariableChange> {
    let by_name = |list: &[Variable]| -> std::collections::HashMap<String, AcceptedValues> {
        let entries = list.iter().map(|one| (one.name.clone(), one.accepts));
        entries.collect()
    };
    let (old, new) = (by_name(before), by_name(after));
    let mut changes = Vec::new();
    for one in after {
        let before = old.get(&one.name).copied();
        if before != Some(one.accepts) {
            changes.push(VariableChange {
                name: one.name.clone(),
                before,
                after: Some(one.accepts),
            });
        }
    }
    for one in before.iter().filter(|one| !new.contains_key(&one.name)) {
        changes.push(VariableChange {
            name: one.name.clone(),
            before: Some(one.accepts),
            after: None,
        });
    }
    changes
}
