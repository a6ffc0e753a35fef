//! [`SyncConflict`], a change of both sides that contradict each other.

use std::fmt;

use crate::model::shown::Quoted;
use crate::{EnvironmentName, PromptName, VersionNumber};

/// Two changes that contradict each other: one here, and one in the remote.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::remote) enum SyncConflict {
    /// Both gave the prompt a name.
    Name {
        ours: PromptName,
        theirs: PromptName,
    },
    /// Both set the tags.
    Tags {
        ours: Vec<String>,
        theirs: Vec<String>,
    },
    /// Both moved the environment; none if a side removed it.
    Environment {
        name: EnvironmentName,
        ours: Option<VersionNumber>,
        theirs: Option<VersionNumber>,
    },
    /// The prompt was deleted here and changed there.
    DeletedHere,
    /// The prompt was changed here and deleted there.
    DeletedThere,
    /// One side deleted the version to which the other side moved the environment.
    VersionDeleted {
        number: VersionNumber,
        environment: EnvironmentName,
        is_deleted_here: bool,
    },
    /// Both gave this number to a version, or it was used here before.
    Number { number: VersionNumber },
}

impl fmt::Display for SyncConflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name { ours, theirs } => {
                let (ours, theirs) = (Quoted(ours.as_str()), Quoted(theirs.as_str()));
                write!(f, "it was named {ours} here and {theirs} there")
            }
            Self::Tags { ours, theirs } => {
                write!(f, "its tags are {ours:?} here and {theirs:?} there")
            }
            Self::Environment { name, ours, theirs } => {
                let name = Quoted(name.as_str());
                write!(f, "{name} is {} here and {} there", At(*ours), At(*theirs))
            }
            Self::DeletedHere => f.write_str("it was deleted here and changed there"),
            Self::DeletedThere => f.write_str("it was changed here and deleted there"),
            Self::VersionDeleted {
                number,
                environment,
                is_deleted_here,
            } => {
                let (deleted, moved) = if *is_deleted_here {
                    ("here", "there")
                } else {
                    ("there", "here")
                };
                let environment = Quoted(environment.as_str());
                write!(
                    f,
                    "{number} was deleted {deleted}, and {environment} was moved to it {moved}"
                )
            }
            Self::Number { number } => write!(
                f,
                "{number} is the number of one version here and of another one there"
            ),
        }
    }
}

struct At(Option<VersionNumber>);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "at {number}"),
            None => f.write_str("removed"),
        }
    }
}
