//! Arguments of `diff` and `blame`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::files::{UnsupportedArgs, format_parser};
use super::history::AsOfArgs;
use crate::formats::Format;
use crate::{EnvironmentName, VersionSpec};

#[derive(Args, Debug)]
#[command(override_usage = "promptbook diff [OPTIONS] <SPEC> [SPEC]\n       \
        promptbook diff [OPTIONS] <SPEC> --file <FILE>\n       \
        promptbook diff [OPTIONS] <FOLDER> [--format <FORMAT>]\n       \
        promptbook diff [OPTIONS] --env <FROM> <TO> [PROMPT]")]
pub(crate) struct DiffArgs {
    /// One or two versions, or a folder to compare with the latest versions; with --env, a prompt [default: all prompts]
    #[arg(value_name = "SPEC", num_args = 0..=2, required_unless_present = "env")]
    pub(crate) specs: Vec<String>,
    /// Compare the version with the body in a file; - reads standard input
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "env")]
    pub(crate) file: Option<PathBuf>,
    /// Compare the versions of two environments: of one prompt, or of all prompts that differ
    #[arg(long, num_args = 2, value_names = ["FROM", "TO"])]
    pub(crate) env: Option<Vec<EnvironmentName>>,
    /// Read only files of this format, in the folder or the file that is compared
    #[arg(long, value_name = "FORMAT", value_parser = format_parser(), conflicts_with_all = ["env", "file"])]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) unsupported: UnsupportedArgs,
    /// Only list the messages, tools and parameters that changed
    #[arg(long)]
    pub(crate) stat: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}

#[derive(Args, Debug)]
pub(crate) struct BlameArgs {
    /// Version, such as greeting@production
    pub(crate) spec: VersionSpec,
    /// Show which version introduced each line of each text
    #[arg(long)]
    pub(crate) lines: bool,
    /// Show the versions' ids
    #[arg(long)]
    pub(crate) ids: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}
