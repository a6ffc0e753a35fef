//! What the commands take that change prompts, versions and pointers.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand, ValueHint};

use super::history::AsOf;
use crate::{EnvironmentName, PromptId, PromptName, PromptRef, Selector};

#[derive(Args, Debug)]
pub(crate) struct Create {
    /// The prompt's name
    pub(crate) name: PromptName,
    /// The body, a JSON object; - or nothing reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// The first version's commit message
    #[arg(short, long, default_value = "Initial version")]
    pub(crate) message: String,
    /// A tag of the prompt; may be given several times
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    #[command(flatten)]
    pub(crate) target: Target,
    /// The prompt's id, of 6 characters 0-9A-Za-z [default: one is drawn]
    #[arg(long)]
    pub(crate) id: Option<PromptId>,
}

/// Where a first version goes.
#[derive(Args, Debug)]
pub(crate) struct Target {
    /// The environment that a first version goes to [default: production]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// To no environment
    #[arg(long, conflicts_with = "env")]
    pub(crate) no_env: bool,
}

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("bump"))]
pub(crate) struct Commit {
    /// The prompt
    pub(crate) prompt: PromptRef,
    /// The body, a JSON object; - or nothing reads standard input
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// What changed, and why
    #[arg(short, long)]
    pub(crate) message: String,
    /// A minor version if the bump rules allow one, else a major (the default)
    #[arg(long, group = "bump")]
    pub(crate) auto: bool,
    /// A minor version
    #[arg(long, group = "bump")]
    pub(crate) minor: bool,
    /// A major version
    #[arg(long, group = "bump")]
    pub(crate) major: bool,
    /// The minor version, even if it breaks callers of its base
    #[arg(long, requires = "minor", conflicts_with_all = ["auto", "major"])]
    pub(crate) force: bool,
    /// The version it goes out from
    #[arg(long, value_name = "SELECTOR", default_value = "latest")]
    pub(crate) base: Selector,
    /// Only if the prompt's highest version is this one, or if there is none
    #[arg(long, value_name = "SELECTOR|none")]
    pub(crate) expect_head: Option<Expectation>,
    /// The environment to move to the new version
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
}

/// What a pointer is believed to be: a selector, or `none`.
#[derive(Clone, Debug)]
pub(crate) enum Expectation {
    None,
    Is(Selector),
}

impl std::str::FromStr for Expectation {
    type Err = crate::Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "none" => Ok(Self::None),
            text => text.parse().map(Self::Is),
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Env {
    /// List a prompt's environments
    List {
        /// The prompt
        prompt: PromptRef,
        #[command(flatten)]
        as_of: AsOf,
    },
    /// Point an environment to a version
    Set {
        /// The prompt
        prompt: PromptRef,
        /// The environment
        name: EnvironmentName,
        /// The version
        selector: Selector,
        /// Only if it points to this version now, or nowhere
        #[arg(long, value_name = "SELECTOR|none")]
        expect: Option<Expectation>,
        /// Why, for those who read its log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    /// Remove an environment; where there is none, nothing changes
    Remove {
        /// The prompt
        prompt: PromptRef,
        /// The environment
        name: EnvironmentName,
        /// Only if it points to this version now, or nowhere
        #[arg(long, value_name = "SELECTOR|none")]
        expect: Option<Expectation>,
        /// Why, for those who read its log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Tag {
    /// The prompt
    pub(crate) prompt: PromptRef,
    /// The tags it has from now on
    #[arg(value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Remove all tags
    #[arg(long, conflicts_with = "tags")]
    pub(crate) clear: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Rename {
    /// The prompt
    pub(crate) prompt: PromptRef,
    /// Its new name
    pub(crate) name: PromptName,
}

#[derive(Args, Debug)]
pub(crate) struct Remove {
    /// A version, such as greeting@2.1; without a selector, the whole prompt: by its id if its name has an @
    pub(crate) spec: String,
    /// Delete a whole prompt without asking
    #[arg(short, long)]
    pub(crate) yes: bool,
}
