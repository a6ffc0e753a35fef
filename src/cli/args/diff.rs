//! What `diff` and `blame` take.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::history::AsOf;
use crate::{EnvironmentName, Spec};

#[derive(Args, Debug)]
#[command(override_usage = "promptbook diff [OPTIONS] <SPEC> [SPEC]\n       \
        promptbook diff [OPTIONS] <SPEC> --file <FILE>\n       \
        promptbook diff [OPTIONS] --env <FROM> <TO> [PROMPT]")]
pub(crate) struct Diff {
    /// One version, or two; with --env, a prompt [default: all prompts]
    #[arg(value_name = "SPEC", num_args = 0..=2, required_unless_present = "env")]
    pub(crate) specs: Vec<String>,
    /// Compare a version to the body in a file; - reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "env")]
    pub(crate) file: Option<PathBuf>,
    /// Compare the versions in two environments: those of a prompt, or of all that differ
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub(crate) env: Option<Vec<EnvironmentName>>,
    /// Only name the messages, tools and parameters that changed
    #[arg(long)]
    pub(crate) stat: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}

#[derive(Args, Debug)]
pub(crate) struct Blame {
    /// The version
    pub(crate) spec: Spec,
    /// The versions' ids too
    #[arg(long)]
    pub(crate) ids: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}
