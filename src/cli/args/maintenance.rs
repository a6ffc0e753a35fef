//! Arguments of the commands that create, maintain, import and export stores.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use super::bundle::{ExportBundleArgs, ImportBundleArgs};
use super::environment_name::environment_name;
use super::files::{UnsupportedArgs, format_parser};
use super::whole_number::whole_number;
use crate::formats::Format;
use crate::{BlobId, BumpPolicy, EnvironmentName, OperationId, VersionNumber};

#[derive(Args, Debug)]
pub(crate) struct InitArgs {
    /// Number of each prompt's first version
    #[arg(long, value_name = "NUMBER", default_value = "1.0")]
    pub(crate) first_version: VersionNumber,
    /// Bump policy: what happens to a minor version that breaks callers
    #[arg(long, value_enum, default_value_t = PolicyName::Enforced)]
    pub(crate) policy: PolicyName,
    /// Names that environments can have, separated by commas [default: any]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = environment_name)]
    pub(crate) environments: Option<Vec<EnvironmentName>>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum PolicyName {
    /// Refuse it, unless forced
    Enforced,
    /// Leave the choice to the caller
    Free,
}

impl From<PolicyName> for BumpPolicy {
    fn from(name: PolicyName) -> Self {
        match name {
            PolicyName::Enforced => Self::Enforced,
            PolicyName::Free => Self::Free,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct CatBodyArgs {
    /// Hash of the body: 64 hexadecimal digits
    #[arg(value_name = "HASH")]
    pub(crate) blob: BlobId,
}

#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Only check that every body exists and that packs are complete, without reading a body
    #[arg(long)]
    pub(crate) quick: bool,
    /// Also require that the history contains this operation, such as the head that an earlier
    /// verify printed: then no operation up to it was rewritten since. May be given several times
    #[arg(long, value_name = "HASH", conflicts_with = "quick")]
    pub(crate) pin: Vec<OperationId>,
    /// Replace damaged and missing bodies by those in the stores of --from, and rewrite damaged
    /// packs
    #[arg(long, conflicts_with_all = ["quick", "pin"])]
    pub(crate) repair: bool,
    /// Backup or other store to take bodies from. May be given several times
    #[arg(long, value_name = "DIR", requires = "repair", value_hint = ValueHint::DirPath)]
    pub(crate) from: Vec<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct BackupArgs {
    /// Directory of the backup; created if it does not exist
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct RestoreArgs {
    /// Directory of the backup, which is not changed
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) backup: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct CopyArgs {
    /// Directory or URL of the store that is copied, which is not changed
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) from: PathBuf,
    /// Directory or URL of the copy, which is created if it does not exist
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) to: PathBuf,
}

#[derive(Args, Debug)]
pub(crate) struct GcArgs {
    /// Number of days to keep bodies after their last use, and unknown files after they were
    /// written; 0 asks, because nothing that is deleted can be restored then
    #[arg(
        value_parser = whole_number::<u32>,
        long,
        value_name = "DAYS",
        default_value_t = retention_days()
    )]
    pub(crate) retention: u32,
    /// Pack all bodies that can be packed, however few, and rewrite all packs as small as possible
    #[arg(long)]
    pub(crate) aggressive: bool,
    /// Only report how much would be removed, and change nothing
    #[arg(long, conflicts_with = "aggressive")]
    pub(crate) dry_run: bool,
    /// Do not ask, and trust the clock. Otherwise nothing is removed if no operation was committed and no file was
    /// written within the retention period, because then the clock may be ahead
    #[arg(short, long)]
    pub(crate) yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// Folder to import with its subfolders, or a bundle; - reads a bundle from standard input
    #[arg(value_hint = ValueHint::AnyPath, required_unless_present = "file")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: ImportBundleArgs,
    /// Commit message [default: Import FILE]
    #[arg(short, long)]
    pub(crate) message: Option<String>,
    /// Environment to point to each new version [default: production, for new prompts only]
    #[arg(long, value_name = "NAME", value_parser = environment_name)]
    pub(crate) env: Option<EnvironmentName>,
    /// Change no environment, and ignore the labels of files
    #[arg(long, conflicts_with = "env")]
    pub(crate) no_env: bool,
    /// Point the environment, or those of labels, to versions that break callers of the ones that
    /// they point to, too
    #[arg(long, conflicts_with = "no_env")]
    pub(crate) breaking: bool,
    /// Delete the prompts that have no file in the folder
    #[arg(long)]
    pub(crate) prune: bool,
    /// Import renamed files as new prompts instead of renaming their prompts
    #[arg(long)]
    pub(crate) no_renames: bool,
    /// Only say what would be imported, moved, renamed and deleted
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Do not ask before prompts are renamed or deleted
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Read only files of this format
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) unsupported: UnsupportedArgs,
}

impl ImportArgs {
    /// Returns whether there is an option that an import of a bundle does not have.
    pub(crate) fn has_folder_options(&self) -> bool {
        self.message.is_some()
            || self.env.is_some()
            || self.format.is_some()
            || self.no_env
            || self.breaking
            || self.prune
            || self.no_renames
            || self.dry_run
            || self.yes
            || self.unsupported.keep_as_text
    }
}

#[derive(Args, Debug)]
pub(crate) struct ExportArgs {
    /// Folder to write to; created if it does not exist
    #[arg(value_hint = ValueHint::DirPath, required_unless_present = "file")]
    pub(crate) folder: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) bundle: ExportBundleArgs,
    /// Export the versions of this environment, of the prompts that have it [default: the latest
    /// versions]
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Option<EnvironmentName>,
    /// Format of the files [default: that of the file in the folder, or json]
    #[arg(long, value_name = "FORMAT", value_parser = format_parser())]
    pub(crate) format: Option<Format>,
    #[command(flatten)]
    pub(crate) unsupported: UnsupportedArgs,
    /// Overwrite files that differ, or an existing bundle
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// Directory of the demo [default: a new temporary directory, which is not removed]
    #[arg(value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// Folder to write one page for each command to; created if it does not exist
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) dir: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// Shell to write the script for
    #[arg(value_enum)]
    pub(crate) shell: clap_complete::Shell,
}

/// Returns the default retention in days.
fn retention_days() -> u32 {
    let days = crate::Store::RETENTION.as_secs() / (24 * 60 * 60);
    days.try_into().unwrap_or(u32::MAX)
}
