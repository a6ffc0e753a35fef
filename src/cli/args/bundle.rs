//! Bundles: where `export` and `import` take a file instead of a folder.

use std::path::PathBuf;

use clap::{Args, ValueHint};

#[derive(Args, Debug)]
pub(crate) struct ToBundle {
    /// Write the whole store, history and bodies, as one file; - writes to standard output
    #[arg(long = "bundle", value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["folder", "env"])]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(crate) struct FromBundle {
    /// Bring in what export --bundle wrote; - reads standard input
    #[arg(long = "bundle", value_name = "FILE", value_hint = ValueHint::FilePath)]
    #[arg(conflicts_with_all = ["folder", "message", "env", "no_env"])]
    pub(crate) file: Option<PathBuf>,
}
