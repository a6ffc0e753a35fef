//! Arguments of the commands that use remotes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use crate::remote::{DEFAULT_REMOTE, Settlement};

/// The help of a remote's URL. In a doc comment it would have to be a link.
const URL_HELP: &str = "Base URL, such as https://api.helicone.ai, or that of a promptbook serve";

#[derive(Debug, Subcommand)]
pub(crate) enum RemoteArgs {
    /// Add a remote; nothing is sent to it
    Add {
        /// Name of the remote: letters, digits, _ and -
        name: String,
        #[arg(help = URL_HELP, value_hint = ValueHint::Url)]
        url: String,
        /// Allow plain HTTP to another machine, which shows the key and the prompts to the network
        #[arg(long)]
        allow_http: bool,
    },
    /// List the remotes
    List,
    /// Remove a remote and what was last seen of it; the prompts stay on both sides
    Remove {
        /// Name of the remote
        name: String,
    },
}

#[derive(Args, Debug)]
pub(crate) struct CloneArgs {
    #[arg(help = URL_HELP, value_hint = ValueHint::Url)]
    pub(crate) url: String,
    /// Folder for the store, which is created in DIR/.promptbook [default: the current directory]
    #[arg(value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Allow plain HTTP to another machine, which shows the key and the prompts to the network
    #[arg(long)]
    pub(crate) allow_http: bool,
}

#[derive(Args, Debug)]
pub(crate) struct PullArgs {
    /// Name of the remote
    #[arg(value_name = "REMOTE", default_value = DEFAULT_REMOTE)]
    pub(crate) remote: String,
    /// Pull only this prompt; may be given several times
    #[arg(long = "prompt", value_name = "PROMPT")]
    pub(crate) prompts: Vec<String>,
    /// Show what would be pulled, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// If the remote is a store that has used the numbers of own versions, give those the next free
    /// ones
    #[arg(long)]
    pub(crate) renumber: bool,
    #[command(flatten)]
    pub(crate) settle: SettleArgs,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct PushArgs {
    /// Name of the remote
    #[arg(value_name = "REMOTE", default_value = DEFAULT_REMOTE)]
    pub(crate) remote: String,
    /// Push only this prompt; may be given several times
    #[arg(long = "prompt", value_name = "PROMPT")]
    pub(crate) prompts: Vec<String>,
    /// Show what would be sent, with the numbers on both sides, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Accept that versions get other numbers there than here
    #[arg(long)]
    pub(crate) map_numbers: bool,
    /// Also delete there, for good, what was deleted here
    #[arg(long)]
    pub(crate) delete: bool,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

#[derive(Args, Debug)]
pub(crate) struct SyncStatusArgs {
    /// Name of the remote
    #[arg(value_name = "REMOTE", default_value = DEFAULT_REMOTE)]
    pub(crate) remote: String,
    /// Compare only this prompt; may be given several times
    #[arg(long = "prompt", value_name = "PROMPT")]
    pub(crate) prompts: Vec<String>,
    #[command(flatten)]
    pub(crate) key: KeyArgs,
}

// How conflicts are settled. A doc comment would replace the help of the command.
#[derive(Args, Debug)]
pub(crate) struct SettleArgs {
    /// In a conflict of a --prompt, keep what the store has
    #[arg(long, requires = "prompts", conflicts_with = "theirs")]
    pub(crate) ours: bool,
    /// In a conflict of a --prompt, take what the remote has; also restores a --prompt that was
    /// deleted here
    #[arg(long, requires = "prompts")]
    pub(crate) theirs: bool,
}

impl SettleArgs {
    pub(crate) fn settlement(&self) -> Option<Settlement> {
        match (self.ours, self.theirs) {
            (true, _) => Some(Settlement::Ours),
            (_, true) => Some(Settlement::Theirs),
            _ => None,
        }
    }
}

// Where the key comes from. A doc comment would replace the help of the command.
#[derive(Args, Debug)]
pub(crate) struct KeyArgs {
    /// File that contains the key of the remote; - reads standard input [env: HELICONE_API_KEY
    /// contains the key itself]
    ///
    /// The key is not stored. It cannot be an argument, because other users of the machine can see
    /// those.
    #[arg(long = "key-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) file: Option<PathBuf>,
}
