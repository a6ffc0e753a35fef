//! What the commands take that make a store, look after it and carry folders in and out.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::bundle::{FromBundle, ToBundle};
use crate::{BlobId, EnvironmentName, OperationId, Policy, VersionNumber};

#[derive(Args, Debug)]
pub(crate) struct Init {
    /// The number of each prompt's first version
    #[arg(long, value_name = "NUMBER", default_value = "1.0")]
    pub(crate) first_version: VersionNumber,
    /// Whether a minor version that breaks callers is refused
    #[arg(long, value_enum, default_value_t = PolicyName::Enforced)]
    pub(crate) policy: PolicyName,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PolicyName {
    /// It is refused, unless forced
    Enforced,
    /// The caller chooses
    Free,
}

impl From<PolicyName> for Policy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Enforced => Self::Enforced,
            PolicyName::Free => Self::Free,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct CatBody {
    /// The address: 64 hexadecimal digits
    #[arg(value_name = "HASH")]
    pub(crate) blob: BlobId,
}

#[derive(Args, Debug)]
pub(crate) struct Verify {
    /// Only look whether every body is where it should be, and whether packs are whole: no body is read, nothing is proved
    #[arg(long)]
    pub(crate) quick: bool,
    /// Demand that this operation is in the history, as the head that an earlier verify told: nothing up to it was rewritten
    /// since. May be given several times
    #[arg(long, value_name = "HASH", conflicts_with = "quick")]
    pub(crate) pin: Vec<OperationId>,
    /// Take back the bodies that are damaged or missing, from the stores that --from names, and make damaged packs anew
    #[arg(long, conflicts_with_all = ["quick", "pin"])]
    pub(crate) repair: bool,
    /// A backup, or another store, that may have them. May be given several times
    #[arg(long, value_name = "DIR", requires = "repair", value_hint = ValueHint::DirPath)]
    pub(crate) from: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Backup {
    /// The directory; it is made where it is missing
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Restore {
    /// The backup's directory; it stays as it is
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) backup: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct Collect {
    /// Keep bodies that were in use, and unknown files that were written, within this number of days
    #[arg(long, value_name = "DAYS", default_value_t = 30)]
    pub(crate) retention: u32,
    /// Pack all bodies that may be, however few, and make all packs anew, as small as can be
    #[arg(long)]
    pub(crate) aggressive: bool,
    /// Only tell which bodies would be removed: nothing is changed
    #[arg(long, conflicts_with = "aggressive")]
    pub(crate) dry_run: bool,
    /// Trust the clock. Without this, nothing is removed if no change was made and no file written within the retention, because
    /// the clock may be ahead
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Import {
    /// The folder, with all folders in it; or a bundle, - reads it from standard input
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "file")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: FromBundle,
    /// The commit message [default: Import FILE]
    #[arg(short, long)]
    pub(crate) message: Option<String>,
    /// The environment to move to each new version [default: production, for new prompts only]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// Touch no environment
    #[arg(long, conflicts_with = "env")]
    pub(crate) no_env: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The folder; it is made where it is missing
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "file")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: ToBundle,
    /// The versions of this environment, for prompts that have it [default: the latest versions]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// Overwrite files that differ, or the bundle that is there
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Demo {
    /// Where to [default: a new temporary directory, which stays]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}
