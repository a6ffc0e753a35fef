//! The command line of servers.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::server::{ServerOptions, Status};

#[derive(Args, Debug)]
pub(crate) struct Serve {
    /// The address to listen on; port 0 is any free one
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8585")]
    pub(crate) addr: String,
    /// Refuse a minor version that breaks callers of its base; else clients choose, as with the live service
    #[arg(long)]
    pub(crate) enforce_bumps: bool,
    /// Serve a store that is only read, such as a backup, or one of another user
    #[arg(long)]
    pub(crate) read_only: bool,
    /// Which statuses tell of what is wrong
    #[arg(long, value_enum, default_value_t = StatusName::Plain)]
    pub(crate) status: StatusName,
    #[command(flatten)]
    pub(crate) clients: Clients,
    /// What is logged to standard error
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Info)]
    #[arg(env = "PROMPTBOOK_LOG", hide_env_values = true)]
    pub(crate) log: Level,
}

/// Who may use a server, and by which names.
#[derive(Args, Debug)]
pub(crate) struct Clients {
    /// A key that lets clients in; may be given several times [default: one is made and kept beside the store's index]
    ///
    /// Other users of this machine see it in the list of processes; --key-file keeps it from them.
    #[arg(
        long = "key",
        value_name = "KEY",
        env = "PROMPTBOOK_KEY",
        hide_env_values = true
    )]
    pub(crate) keys: Vec<String>,
    /// A file with a key that lets clients in, instead of --key; may be given several times
    #[arg(long = "key-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key_files: Vec<PathBuf>,
    /// A host name that is answered, besides localhost and addresses; may be given several times
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// An origin (scheme, host and port) whose pages may read the answers; may be given several times
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,
    /// The URL that clients use, if something stands in front of the server
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

impl Clients {
    /// The keys that are given by `--key`. An empty variable is as good as none.
    pub(crate) fn named_keys(&self) -> Vec<String> {
        let keys = self.keys.iter().filter(|key| !key.is_empty());
        keys.cloned().collect()
    }

    /// The options of a server for them, which these keys let in.
    pub(crate) fn options(&self, keys: &[String]) -> ServerOptions {
        let options = keys.iter().fold(ServerOptions::new(), ServerOptions::key);
        let options = self.hosts.iter().fold(options, ServerOptions::host);
        let options = self
            .origins
            .iter()
            .fold(options, ServerOptions::allow_origin);
        match &self.public_url {
            Some(url) => options.public_url(url),
            None => options,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StatusName {
    /// As HTTP means them: what is not there is a 404
    Plain,
    /// As the live service answers: much of what is not there is a 500
    Live,
}

impl From<StatusName> for Status {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Plain => Self::Plain,
            StatusName::Live => Self::Live,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    /// Nothing
    Off,
    /// What is wrong with the server
    Error,
    /// And what may be
    Warn,
    /// And a line for each request
    Info,
    /// And why connections ended
    Debug,
}

impl From<Level> for tracing::level_filters::LevelFilter {
    fn from(level: Level) -> Self {
        match level {
            Level::Off => Self::OFF,
            Level::Error => Self::ERROR,
            Level::Warn => Self::WARN,
            Level::Info => Self::INFO,
            Level::Debug => Self::DEBUG,
        }
    }
}
