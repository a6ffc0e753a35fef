//! Arguments of `lint`.

use clap::{Args, ValueHint};

use super::history::AsOfArgs;

#[derive(Args, Debug)]
pub(crate) struct LintArgs {
    /// Version, such as greeting@production, or file of a body; - reads standard input [default:
    /// each version that is the latest of its prompt or in an environment, and all names]
    #[arg(value_name = "SPEC|FILE", value_hint = ValueHint::FilePath)]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}
