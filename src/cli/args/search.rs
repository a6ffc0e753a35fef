//! Arguments of `search`.

use clap::Args;

use super::history::AsOfArgs;
use super::whole_number::whole_number;

#[derive(Args, Debug)]
pub(crate) struct SearchArgs {
    /// Words to find: a hit contains all of them. A word also matches as the beginning of a longer
    /// word, unless it is a single character before other words. '"several words"' matches a phrase
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) words: Vec<String>,
    /// Maximum number of hits
    #[arg(
        value_parser = whole_number::<usize>,
        short = 'n',
        long,
        value_name = "N",
        default_value_t = 20
    )]
    pub(crate) limit: usize,
    /// Show all hits
    #[arg(long, conflicts_with = "limit")]
    pub(crate) all: bool,
    #[command(flatten)]
    pub(crate) as_of: AsOfArgs,
}
