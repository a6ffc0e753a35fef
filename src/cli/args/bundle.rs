//! Arguments of `export` and `import` for bundles.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Args, Debug)]
pub(crate) struct ExportBundleArgs {
    /// Write the whole store, history and bodies, to this file; - writes to standard output
    #[arg(long = "bundle", value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["folder", "env", "format", "keep_as_text"])]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct ImportBundleArgs {
    /// Import a file written by export --bundle; - reads standard input
    #[arg(long = "bundle", value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["folder", "message", "env", "no_env", "prune", "no_renames", "dry_run", "yes", "format", "keep_as_text"])]
    pub(crate) file: Option<PathBuf>,
    /// If the bundle has used the numbers of own versions, give those the next free ones
    #[cfg(feature = "remote")]
    #[arg(long)]
    pub(crate) renumber: bool,
}
