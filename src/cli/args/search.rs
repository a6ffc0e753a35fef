//! What `search` takes.

use clap::Args;

use super::history::AsOf;

#[derive(Args, Debug)]
pub(crate) struct Search {
    /// The words: all are to be found, each as it is or as the beginning of another, unless it is a single
    /// character alone; '"several words"' in a row
    #[arg(required = true, value_name = "TEXT")]
    pub(crate) words: Vec<String>,
    /// So many hits at most
    #[arg(short = 'n', long, value_name = "N", default_value_t = 20)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) as_of: AsOf,
}
