//! Arguments of `freeze`.

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::history::AsOfArgs;
use crate::EnvironmentName;

#[derive(Args, Debug)]
pub(crate) struct FreezeArgs {
    /// Frozen file to write or check
    #[arg(value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// Environment to freeze; prompts without it are left out
    #[arg(long, value_name = "NAME", default_value = "production")]
    pub(crate) env: EnvironmentName,
    /// Lockfile [default: FILE.lock]
    #[arg(long, value_name = "LOCKFILE", value_hint = ValueHint::FilePath)]
    pub(crate) lock: Option<PathBuf>,
    /// Write nothing, and fail if the environment, the file and the lockfile differ. Without a store,
    /// compare the file with its lockfile
    #[arg(long)]
    pub(crate) check: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}
