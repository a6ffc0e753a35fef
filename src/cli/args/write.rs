//! Arguments of the commands that change prompts, versions and environments.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use super::environment_name::environment_name;
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

// The environment of a first version. A doc comment would replace the help of the command.
#[derive(Args, Debug)]
pub(crate) struct TargetArgs {
    /// Environment to point to the first version [default: production]
    #[arg(long, value_name = "NAME", value_parser = environment_name)]
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
    #[arg(long, value_name = "NAME", value_parser = environment_name)]
    pub(crate) env: Option<EnvironmentName>,
    /// Point the environment to it even if it breaks callers of the version that the environment
    /// points to; --major implies it
    #[arg(long, requires = "env")]
    pub(crate) breaking: bool,
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
#[command(defer = true)]
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
        /// Name of the environment; one that does not exist is created
        #[arg(value_parser = environment_name)]
        name: EnvironmentName,
        /// Version, such as 2.1, ^2 or latest
        selector: Selector,
        /// Move it even if the version breaks callers of the one that it points to. A version that
        /// it pointed to before needs no such option
        #[arg(long)]
        breaking: bool,
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
        /// Do not ask, even if other prompts use it as a partial
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Args, Debug)]
#[command(
    group = ArgGroup::new("which").required(true).multiple(false),
    override_usage = "promptbook promote [OPTIONS] <FROM> <TO> <PROMPT>...\n       \
                      promptbook promote [OPTIONS] <FROM> <TO> --tag <TAG>\n       \
                      promptbook promote [OPTIONS] <FROM> <TO> --all"
)]
pub(crate) struct PromoteArgs {
    /// Environment whose versions are taken
    pub(crate) from: EnvironmentName,
    /// Environment that is pointed to them; created for prompts that do not have it
    #[arg(value_parser = environment_name)]
    pub(crate) to: EnvironmentName,
    /// Names or ids of the prompts
    #[arg(group = "which")]
    pub(crate) prompts: Vec<PromptRef>,
    /// All prompts with this tag, and FROM; if given several times, with any of the tags
    #[arg(long = "tag", value_name = "TAG", group = "which")]
    pub(crate) tags: Vec<String>,
    /// All prompts that have FROM
    #[arg(long, group = "which")]
    pub(crate) all: bool,
    /// Only show what would move, and which callers would break
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Move also to versions that break callers of those that TO points to
    #[arg(long)]
    pub(crate) breaking: bool,
    /// Reason, which log --env shows
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Subcommand)]
#[command(defer = true)]
pub(crate) enum TagArgs {
    /// List the tags of a prompt
    List {
        /// Name or id of the prompt
        prompt: PromptRef,
    },
    /// Add tags to those that a prompt has
    Add {
        /// Name or id of the prompt
        prompt: PromptRef,
        /// Tags to add; one that the prompt has changes nothing
        #[arg(value_name = "TAG", required = true)]
        tags: Vec<String>,
    },
    /// Remove tags from a prompt
    Remove {
        /// Name or id of the prompt
        prompt: PromptRef,
        /// Tags to remove; one that the prompt does not have changes nothing
        #[arg(value_name = "TAG", required = true)]
        tags: Vec<String>,
    },
    /// Replace all tags of a prompt; without TAG, remove them
    Set {
        /// Name or id of the prompt
        prompt: PromptRef,
        /// New tags
        #[arg(value_name = "TAG")]
        tags: Vec<String>,
    },
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
    /// contains @. A range of versions, such as greeting@^2, is refused
    pub(crate) spec: String,
    /// Do not ask, even if it is a whole prompt, or a version that an environment points to
    #[arg(short, long)]
    pub(crate) yes: bool,
}
