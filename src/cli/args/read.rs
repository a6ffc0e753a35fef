//! Arguments of the commands that read.

use std::path::PathBuf;

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum, ValueHint};
use semver::VersionReq;

use super::history::{AsOfArgs, time};
use super::whole_number::whole_number;
use crate::{EnvironmentName, PromptRef, VersionSpec};

#[derive(Args, Debug)]
pub(crate) struct LogArgs {
    /// Name or id of the prompt [default: all prompts]
    pub(crate) prompt: Option<PromptRef>,
    /// Only versions with this major number
    #[arg(value_parser = whole_number::<u32>, long, requires = "prompt", value_name = "N")]
    pub(crate) major: Option<u32>,
    /// Only versions that meet this requirement, such as '^2' or '>=1.2, <3'
    #[arg(long, requires = "prompt", value_name = "REQ")]
    pub(crate) select: Option<VersionReq>,
    /// Show the versions' ids
    #[arg(long)]
    pub(crate) ids: bool,
    /// Only versions whose message contains this text, in any letter case
    #[arg(long, value_name = "TEXT")]
    pub(crate) grep: Option<String>,
    /// Only versions since this time, such as '2 days ago', yesterday or 2025-06-01
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<DateTime<Utc>>,
    /// Show each version's message and what it changed in its base
    #[arg(short, long, conflicts_with = "ids")]
    pub(crate) patch: bool,
    /// Show which versions this environment pointed to: from when, until when, by whom and why
    #[arg(long, requires = "prompt", conflicts_with_all = ["major", "select", "ids", "grep", "since", "patch"], value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    #[command(flatten)]
    pub(crate) amount: LimitArgs,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}

// Limits of a long list. A doc comment here would replace the help of the commands that have them.
#[derive(Args, Debug)]
pub(crate) struct LimitArgs {
    /// Maximum number of entries
    #[arg(
        value_parser = whole_number::<usize>,
        short = 'n',
        long,
        value_name = "N",
        default_value_t = 50
    )]
    pub(crate) limit: usize,
    /// Show all entries
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
}

impl LimitArgs {
    /// Returns the limit for the library's functions.
    pub(crate) fn limit(&self) -> usize {
        if self.all { usize::MAX } else { self.limit }
    }
}

#[derive(Args, Debug)]
pub(crate) struct SpecArgs {
    /// Version, such as greeting@production
    pub(crate) spec: VersionSpec,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// Version, such as greeting@production
    pub(crate) spec: VersionSpec,
    /// Show only the texts of its messages, with real line breaks
    #[arg(long)]
    pub(crate) text: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}

#[derive(Args, Debug)]
pub(crate) struct ListArgs {
    /// Only prompts whose name contains this text, in any letter case
    #[arg(
        long,
        value_name = "TEXT",
        default_value = "",
        hide_default_value = true
    )]
    pub(crate) name: String,
    /// Only prompts with this tag; if given several times, with any of the tags
    #[arg(long = "tag", value_name = "TAG")]
    pub(crate) tags: Vec<String>,
    /// Maximum number of prompts [default: all]
    #[arg(value_parser = whole_number::<usize>, short = 'n', long, value_name = "N")]
    pub(crate) limit: Option<usize>,
    /// Show all prompts (the default)
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}

#[derive(Args, Debug)]
pub(crate) struct RenderArgs {
    /// Version, such as greeting@production
    pub(crate) spec: VersionSpec,
    /// Inputs: NAME=VALUE is text, NAME:=JSON is any JSON value; they override those of --inputs
    #[arg(value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<String>,
    /// File of inputs, a JSON object; - reads standard input
    #[arg(long = "inputs", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
    /// Rules for rendering the body
    #[arg(long, value_enum, default_value_t = ModeName::Strict)]
    pub(crate) mode: ModeName,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum ModeName {
    /// Require a value of the right type for every variable, and no other inputs
    Strict,
    /// Render as Helicone's client does: report wrong inputs and unfilled tags as
    /// warnings, and write the body
    Helicone,
}

impl From<ModeName> for crate::RenderMode {
    fn from(name: ModeName) -> Self {
        match name {
            ModeName::Strict => Self::Strict,
            ModeName::Helicone => Self::Helicone,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct OperationsArgs {
    /// Only operations on this prompt; a deleted prompt is named by its id
    pub(crate) prompt: Option<PromptRef>,
    /// Only operations that changed an environment with this name
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    #[command(flatten)]
    pub(crate) amount: LimitArgs,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}
