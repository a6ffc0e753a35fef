//! Arguments of the commands that restrict the names of environments.

use clap::{ArgGroup, Subcommand};

use super::environment_name::environment_name;
use super::history::AsOfArgs;
use crate::EnvironmentName;

#[derive(Debug, Subcommand)]
pub(crate) enum EnvironmentListArgs {
    /// List the names that environments can have, and how many prompts have each
    List {
        #[command(flatten)]
        as_of: AsOfArgs,
    },
    /// Add names to the list; the first ones make it, and no other name is accepted from then on
    Add {
        /// Names to add; one that is in the list changes nothing
        #[arg(value_name = "NAME", required = true, value_parser = environment_name)]
        names: Vec<EnvironmentName>,
    },
    /// Remove names from the list, or the whole list
    ///
    /// Refused if prompts have an environment that is removed.
    #[command(group = ArgGroup::new("which").required(true).multiple(false))]
    Remove {
        /// Names to remove; one that is not in the list changes nothing
        #[arg(value_name = "NAME", group = "which")]
        names: Vec<EnvironmentName>,
        /// Remove the list, so that environments can have any name
        #[arg(long, group = "which")]
        all: bool,
    },
}
