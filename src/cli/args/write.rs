//! Arguments of the commands that change prompts, versions and environments.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use super::history::AsOfArgs;
use crate::{EnvironmentName, PromptId, PromptName, PromptRef, Selector};

#[derive(Args, Debug)]
pub(crate) struct CreateArgs {
    /// Name of the prompt
    pub(crate) name: PromptName,
    /// File of the body, a JSON object; - reads standard input, as does no FILE
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Commit message of the first version
    #[arg(short, long, default_value = "Initial version")]
    pub(crate) message: String,
    /// Tag of the prompt; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Id of the prompt, 6 characters of 0-9A-Za-z [default: a random id]
    #[arg(long)]
    pub(crate) id: Option<PromptId>,
    /// Allow a name that another prompt has
    #[arg(long)]
    pub(crate) allow_duplicate_name: bool,
}

/// The environment of a first version.
#[derive(Args, Debug)]
pub(crate) struct TargetArgs {
    /// Environment to point to the first version [default: production]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// Point no environment to it
    #[arg(long, conflicts_with = "env")]
    pub(crate) no_env: bool,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("bump"))]
pub(crate) struct CommitArgs {
    /// Name or id of the prompt
    pub(crate) prompt: PromptRef,
    /// File of the body, a JSON object; - reads standard input, as does no FILE
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Commit message: what changed, and why
    #[arg(short, long)]
    pub(crate) message: String,
    /// Commit a minor version if it breaks no caller, otherwise a major version (the default)
    #[arg(long, group = "bump")]
    pub(crate) auto: bool,
    /// Commit a minor version
    #[arg(long, group = "bump")]
    pub(crate) minor: bool,
    /// Commit a major version
    #[arg(long, group = "bump")]
    pub(crate) major: bool,
    /// Commit a minor version even if it breaks callers of its base
    #[arg(long, conflicts_with_all = ["auto", "major"])]
    pub(crate) force: bool,
    /// Version that the new one is based on
    #[arg(long, value_name = "SELECTOR", default_value = "latest")]
    pub(crate) base: Selector,
    /// Commit only if the prompt's highest version is this one; none: only if the prompt has no
    /// version
    #[arg(long, value_name = "SELECTOR|none")]
    pub(crate) expect_head: Option<ExpectationArgs>,
    /// Environment to point to the new version
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
}

/// The expected target of a pointer: a selector, or `none`.
#[derive(Clone, Debug)]
pub(crate) enum ExpectationArgs {
    None,
    Is(Selector),
}

impl std::str::FromStr for ExpectationArgs {
    type Err = crate::error::InvalidArgument;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            text => text.parse().map(Self::Is),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum EnvArgs {
    /// List the environments of a prompt
    List {
        /// Name or id of the prompt
        prompt: PromptRef,
        #[command(flatten)]
        as_of: AsOfArgs,
    },
    /// Point an environment to a version
    Set {
        /// Name or id of the prompt
        prompt: PromptRef,
        /// Name of the environment
        name: EnvironmentName,
        /// Version, such as 2.1, ^2 or latest
        selector: Selector,
        /// Change it only if it points to this version now; none: only if it does not exist
        #[arg(long, value_name = "SELECTOR|none")]
        expect: Option<ExpectationArgs>,
        /// Reason, which log --env shows
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Remove an environment; change nothing if it does not exist
    Remove {
        /// Name or id of the prompt
        prompt: PromptRef,
        /// Name of the environment
        name: EnvironmentName,
        /// Change it only if it points to this version now; none: only if it does not exist
        #[arg(long, value_name = "SELECTOR|none")]
        expect: Option<ExpectationArgs>,
        /// Reason, which log --env shows
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct TagArgs {
    /// Name or id of the prompt
    pub(crate) prompt: PromptRef,
    /// New tags, which replace the old ones
    #[arg(value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Remove all tags
    #[arg(long, conflicts_with = "tags")]
    pub(crate) clear: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RenameArgs {
    /// Name or id of the prompt
    pub(crate) prompt: PromptRef,
    /// New name of the prompt
    pub(crate) name: PromptName,
    /// Allow a name that another prompt has
    #[arg(long)]
    pub(crate) allow_duplicate_name: bool,
}

#[derive(Args, Debug)]
pub(crate) struct RemoveArgs {
    /// Version, such as greeting@2.1; or, without a selector, a whole prompt, by its id if its name
    /// contains @
    pub(crate) spec: String,
    /// Delete a whole prompt without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}
