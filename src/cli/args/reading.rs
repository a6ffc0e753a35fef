//! What the commands take that read.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};
use semver::VersionReq;

use super::history::AsOf;
use crate::{EnvironmentName, PromptRef, Spec};

#[derive(Args, Debug)]
pub(crate) struct Log {
    /// The prompt [default: all prompts]
    pub(crate) prompt: Option<PromptRef>,
    /// Only versions of this major
    #[arg(long, requires = "prompt", value_name = "N")]
    pub(crate) major: Option<u32>,
    /// Only versions that meet this requirement, such as '^2' or '>=1.2, <3'
    #[arg(long, requires = "prompt", value_name = "REQ")]
    pub(crate) select: Option<VersionReq>,
    /// The versions' ids too
    #[arg(long)]
    pub(crate) ids: bool,
    /// The versions that this environment of the prompt pointed to: from when to when, by whom, why
    #[arg(long, requires = "prompt", conflicts_with_all = ["major", "select", "ids"], value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    #[command(flatten)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

/// How much of a long list to give.
#[derive(Args, Debug)]
pub(crate) struct Amount {
    /// So many at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 50)]
    pub(crate) limit: usize,
    /// All of them
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

impl Amount {
    /// The limit as the library takes it.
    pub(crate) fn most(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SpecOnly {
    /// The version
    pub(crate) spec: Spec,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Args, Debug)]
pub(crate) struct List {
    /// Only prompts whose name contains this text, in any letter case
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) name: String,
    /// Only prompts that have this tag; may be given several times, and any of them will do
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// So many at most [default: all]
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Args, Debug)]
pub(crate) struct Render {
    /// The version
    pub(crate) spec: Spec,
    /// Inputs: NAME=VALUE gives text, NAME:=JSON any JSON value; they go before those of --inputs
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// Inputs from a file, a JSON object; - reads standard input
    #[arg(long = "inputs", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Whose rules the body is filled by
    #[arg(long, value_enum, default_value_t = ModeName::Strict)]
    pub(crate) mode: ModeName,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeName {
    /// Every variable must be given, with a value of its type, and nothing else
    Strict,
    /// As Helicone's client does: what is wrong is a warning, and the body is written all the same
    Helicone,
}

impl From<ModeName> for crate::Mode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Strict => Self::Strict,
            ModeName::Helicone => Self::Helicone,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct Operations {
    /// Only operations on this prompt; a deleted one by its id
    pub(crate) prompt: Option<PromptRef>,
    /// Only operations that moved an environment of this name
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    #[command(flatten)]
    pub(crate) amount: Amount,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}
