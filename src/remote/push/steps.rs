//! The requests that a push of a prompt consists of, in their order.

use std::collections::BTreeMap;
use std::fmt;

use super::summary::MappedNumber;
use crate::model::shown::Quoted;
use crate::remote::plan::{PromptChange, PromptSide, SideChanges};
use crate::{EnvironmentName, PromptName, Version, VersionId, VersionNumber};

/// A request of a push.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PushStep {
    /// Creates the prompt with this version, which the service puts into production.
    Create {
        version: VersionId,
        number: VersionNumber,
    },
    /// Creates a version that is based on one that the remote has.
    Add {
        version: VersionId,
        number: VersionNumber,
        base: VersionId,
        new_major: bool,
    },
    Rename(PromptName),
    Tag(Vec<String>),
    Point {
        name: EnvironmentName,
        version: VersionId,
        number: VersionNumber,
    },
    Unpoint {
        name: EnvironmentName,
        version: VersionId,
    },
    DeleteVersion {
        version: VersionId,
        number: VersionNumber,
    },
    DeletePrompt,
}

impl fmt::Display for PushStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create { number, .. } => {
                write!(
                    f,
                    "create it with {number}, which is in production from its creation"
                )
            }
            Self::Add { number, .. } => write!(f, "create {number}"),
            Self::Rename(name) => write!(f, "name it {}", Quoted(name.as_str())),
            Self::Tag(tags) => write!(f, "tag it {tags:?}"),
            Self::Point { name, number, .. } => {
                write!(f, "set {} to {number}", Quoted(name.as_str()))
            }
            Self::Unpoint { name, .. } => write!(f, "remove {}", Quoted(name.as_str())),
            Self::DeleteVersion { number, .. } => write!(f, "delete {number} for good"),
            Self::DeletePrompt => f.write_str("delete it with all versions for good"),
        }
    }
}

impl PushStep {
    pub(super) fn deletes(&self) -> bool {
        matches!(self, Self::DeleteVersion { .. } | Self::DeletePrompt)
    }
}

/// The requests for a prompt.
#[derive(Debug, Default)]
pub(super) struct PushPlan {
    pub(super) steps: Vec<PushStep>,
    /// The new versions, with the numbers that the remote will assign.
    pub(super) numbers: Vec<MappedNumber>,
    /// The reason why the service cannot have what the store has.
    pub(super) problem: Option<&'static str>,
}

/// The reason for a prompt that was created and lost all versions here before it was pushed.
const NO_VERSION_HERE: &str = "it has no version, and the service creates a prompt with one";

/// The reason for a prompt that lost all versions there.
const NO_VERSION_THERE: &str = "it has no version there, and the service bases a version on one; \
    delete the prompt there, and pull with --prompt and --ours: the next push creates it again";

impl PushPlan {
    /// Returns whether a version gets another number there.
    pub(super) fn maps_numbers(&self) -> bool {
        self.numbers
            .iter()
            .any(|number| number.here != number.there)
    }

    pub(super) fn deletes(&self) -> bool {
        self.steps.iter().any(PushStep::deletes)
    }

    /// Returns whether the first version is in production there until the request after its creation.
    pub(super) fn is_briefly_in_production(&self) -> bool {
        let mut pairs = self.steps.windows(2);
        pairs.any(|pair| matches!(pair, [PushStep::Create { .. }, PushStep::Unpoint { .. }]))
    }
}

/// The number that the live service gives to the first version of a prompt.
const FIRST: VersionNumber = VersionNumber::new(0, 0);

/// Returns the requests that bring a remote to what the store has.
///
/// `live` are the store's versions in commit order. Environments come after the versions, and
/// deletions last, so that no environment is lost with a version.
pub(super) fn plan(
    changes: &SideChanges,
    ours: Option<&PromptSide>,
    theirs: Option<&PromptSide>,
    live: &[Version],
) -> PushPlan {
    let mut plan = PushPlan::default();
    let Some(ours) = ours else {
        if changes.prompt == PromptChange::Deleted {
            plan.steps.push(PushStep::DeletePrompt);
        }
        return plan;
    };
    let is_new = changes.prompt == PromptChange::Created;
    let theirs = theirs.filter(|_| !is_new);
    if is_new && live.is_empty() {
        plan.problem = Some(NO_VERSION_HERE);
        return plan;
    }
    if theirs.is_some_and(|theirs| theirs.versions.is_empty()) && !changes.new.is_empty() {
        plan.problem = Some(NO_VERSION_THERE);
        return plan;
    }
    let mut there = Numbers::of(ours, theirs);
    let is_sent = |version: &&Version| is_new || changes.new.contains(&version.id);
    for version in live.iter().filter(is_sent) {
        let (step, number) = there.next(version);
        plan.numbers.push(MappedNumber {
            version: version.id,
            here: version.number,
            there: number,
        });
        let is_first = matches!(step, PushStep::Create { .. });
        plan.steps.push(step);
        let production = EnvironmentName::production();
        if is_first && ours.environments.get(&production) != Some(&version.id) {
            // Nothing may be in production that is not in production here.
            plan.steps.push(PushStep::Unpoint {
                name: production,
                version: version.id,
            });
        }
    }
    if let Some(name) = &changes.name {
        plan.steps.push(PushStep::Rename(name.clone()));
    }
    if let Some(tags) = &changes.tags {
        plan.steps.push(PushStep::Tag(tags.clone()));
    }
    let first = is_new
        .then(|| live.first().map(|version| version.id))
        .flatten();
    let environments: BTreeMap<_, _> = if is_new {
        let all = ours.environments.iter();
        all.map(|(name, to)| (name.clone(), Some(*to))).collect()
    } else {
        changes.environments.clone()
    };
    for (name, to) in environments {
        let before = theirs
            .and_then(|theirs| theirs.environments.get(&name))
            .copied();
        match (to, before) {
            // The creation has put it there.
            (Some(to), _) if first == Some(to) && name == EnvironmentName::production() => {}
            (Some(to), _) => plan.steps.push(PushStep::Point {
                name,
                version: to,
                number: there.number(to),
            }),
            (None, Some(before)) => plan.steps.push(PushStep::Unpoint {
                name,
                version: before,
            }),
            (None, None) => {}
        }
    }
    plan.steps
        .extend(changes.deleted.iter().map(|id| PushStep::DeleteVersion {
            version: *id,
            number: there.number(*id),
        }));
    plan
}

/// The numbers in a remote, as they are assigned one after the other.
struct Numbers<'a> {
    ours: &'a PromptSide,
    by_version: BTreeMap<VersionId, VersionNumber>,
}

impl<'a> Numbers<'a> {
    fn of(ours: &'a PromptSide, theirs: Option<&PromptSide>) -> Self {
        let by_version = theirs.map(|theirs| theirs.versions.clone());
        Self {
            ours,
            by_version: by_version.unwrap_or_default(),
        }
    }

    /// Returns the request that creates a version, and the number that it will get.
    ///
    /// A version is a minor there if a version of its major here is there.
    fn next(&mut self, version: &Version) -> (PushStep, VersionNumber) {
        let there = self.by_version.iter().map(|(id, number)| (*number, *id));
        let Some((highest, newest)) = there.clone().max() else {
            self.by_version.insert(version.id, FIRST);
            let step = PushStep::Create {
                version: version.id,
                number: FIRST,
            };
            return (step, FIRST);
        };
        let is_of_major = |(_, id): &(VersionNumber, VersionId)| {
            let ours = self.ours.versions.get(id);
            ours.is_some_and(|ours| ours.major == version.number.major)
        };
        let (number, base, new_major) = match there.clone().filter(is_of_major).max() {
            Some((sibling, base)) => {
                let of_major = there.filter(|(number, _)| number.major == sibling.major);
                let minor = of_major.map(|(number, _)| number.minor).max();
                let minor = minor.unwrap_or_default().saturating_add(1);
                (VersionNumber::new(sibling.major, minor), base, false)
            }
            None => {
                let major = highest.major.saturating_add(1);
                (VersionNumber::new(major, 0), newest, true)
            }
        };
        self.by_version.insert(version.id, number);
        let step = PushStep::Add {
            version: version.id,
            number,
            base,
            new_major,
        };
        (step, number)
    }

    fn number(&self, id: VersionId) -> VersionNumber {
        self.by_version.get(&id).copied().unwrap_or(FIRST)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use chrono::DateTime;

    use super::*;
    use crate::BlobId;

    fn version(byte: u8, number: (u32, u32)) -> Version {
        Version {
            id: VersionId::from_bytes([byte; 16]),
            prompt_id: "abc123".parse().unwrap(),
            number: VersionNumber::new(number.0, number.1),
            model: None,
            message: String::new(),
            author: String::new(),
            base: None,
            created_at: DateTime::default(),
            blob: BlobId::of(b"{}"),
            size: 2,
            contract: None,
            environments: Vec::new(),
        }
    }

    fn side(versions: &[Version], production: Option<u8>) -> PromptSide {
        let to = production.map(|byte| VersionId::from_bytes([byte; 16]));
        let environments = to.map(|to| (EnvironmentName::production(), to));
        PromptSide {
            name: "p".parse().unwrap(),
            tags: Vec::new(),
            versions: versions.iter().map(|one| (one.id, one.number)).collect(),
            environments: environments.into_iter().collect(),
            deleted: BTreeMap::new(),
        }
    }

    fn created(versions: &[Version], production: Option<u8>) -> (Vec<String>, Vec<String>) {
        let changes = SideChanges {
            prompt: PromptChange::Created,
            ..SideChanges::default()
        };
        let plan = plan(&changes, Some(&side(versions, production)), None, versions);
        let numbers = plan.numbers.iter();
        let numbers = numbers.map(|number| format!("{} {}", number.here, number.there));
        (
            plan.steps.iter().map(ToString::to_string).collect(),
            numbers.collect(),
        )
    }

    const CREATE: &str = "create it with 0.0, which is in production from its creation";

    #[test]
    fn majors_stay_majors_and_minors_minors() {
        let versions = [
            version(1, (1, 0)),
            version(2, (1, 1)),
            version(3, (2, 0)),
            version(4, (1, 2)),
        ];
        let (steps, numbers) = created(&versions, Some(1));
        assert_eq!(steps, [CREATE, "create 0.1", "create 1.0", "create 0.2"]);
        assert_eq!(numbers, ["1.0 0.0", "1.1 0.1", "2.0 1.0", "1.2 0.2"]);
    }

    #[test]
    fn production_is_only_where_it_is_here() {
        let versions = [version(1, (0, 0)), version(2, (0, 1))];
        let (steps, _) = created(&versions, Some(2));
        let expected = [
            CREATE,
            "remove \"production\"",
            "create 0.1",
            "set \"production\" to 0.1",
        ];
        assert_eq!(steps, expected);
        let (steps, _) = created(&versions[..1], None);
        assert_eq!(steps, [CREATE, "remove \"production\""]);
    }

    #[test]
    fn deletions_come_after_environments() {
        let versions = [version(1, (0, 0)), version(2, (0, 1))];
        let theirs = side(&versions[..1], Some(1));
        let changes = SideChanges {
            new: BTreeSet::from([versions[1].id]),
            deleted: BTreeSet::from([versions[0].id]),
            environments: BTreeMap::from([(EnvironmentName::production(), Some(versions[1].id))]),
            ..SideChanges::default()
        };
        let ours = side(&versions[1..], Some(2));
        let plan = plan(&changes, Some(&ours), Some(&theirs), &versions[1..]);
        let steps: Vec<String> = plan.steps.iter().map(ToString::to_string).collect();
        // No version of major 0 that is there is here any more.
        let expected = [
            "create 1.0",
            "set \"production\" to 1.0",
            "delete 0.0 for good",
        ];
        assert_eq!(steps, expected);
        assert!(plan.maps_numbers() && plan.deletes());
    }
}
