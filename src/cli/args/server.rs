//! Arguments of `serve`.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

use crate::server::{GatewayGeneration, ServerOptions, StatusMode};

#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Address to listen on; port 0 chooses a free port
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8585")]
    pub(crate) addr: String,
    /// Refuse minor versions that break callers of their base, and moves of environments to
    /// versions that break callers; otherwise clients choose, as with the live service
    #[arg(long)]
    pub(crate) enforce_bumps: bool,
    /// Open the store read-only, such as a backup or another user's store
    ///
    /// If it has no key of its own, the server makes one that works until it stops.
    #[arg(long)]
    pub(crate) read_only: bool,
    /// HTTP statuses of error responses
    #[arg(long, value_enum, default_value_t = StatusName::Plain)]
    pub(crate) status: StatusName,
    #[command(flatten)]
    pub(crate) clients: ClientArgs,
    /// Forward requests for models to this OpenAI-compatible server, with the stored prompts that
    /// they name merged in; a base URL such as http://127.0.0.1:11434/v1
    ///
    /// Requests for models are POST /v1/chat/completions and POST /v1/responses. Without this option
    /// they are answered with 501.
    #[arg(long, value_name = "URL", value_hint = ValueHint::Url)]
    pub(crate) upstream: Option<String>,
    /// File that contains the key for the --upstream; clients never get the key
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "upstream")]
    pub(crate) upstream_key_file: Option<PathBuf>,
    /// Generation of Helicone's AI Gateway whose rules apply to requests for models
    #[arg(long, value_enum, default_value_t = GatewayName::Newer)]
    pub(crate) gateway: GatewayName,
    /// Store the inputs of requests for models, as the live service does
    #[arg(long, conflicts_with = "read_only")]
    pub(crate) record_inputs: bool,
    /// Level of the log on standard error
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Info)]
    #[arg(env = "PROMPTBOOK_LOG", hide_env_values = true)]
    pub(crate) log: Level,
}

// The clients that a server accepts, and the names under which they reach it. A doc comment would
// replace the help of the command.
#[derive(Args, Debug)]
pub(crate) struct ClientArgs {
    /// Key that clients must send; may be given several times [default: a generated key, stored in
    /// the store's directory]
    ///
    /// Other users of this machine can see it in the list of processes; --key-file avoids that.
    #[arg(
        long = "key",
        value_name = "KEY",
        env = "PROMPTBOOK_KEY",
        hide_env_values = true
    )]
    pub(crate) keys: Vec<String>,
    /// File that contains a key, instead of --key; may be given several times
    #[arg(long = "key-file", value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) key_files: Vec<PathBuf>,
    /// Host name to accept besides localhost and IP addresses; may be given several times
    #[arg(long = "host", value_name = "NAME")]
    pub(crate) hosts: Vec<String>,
    /// Origin (scheme, host and port) of web pages that may read the responses; may be given
    /// several times
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) origins: Vec<String>,
    /// Header that these web pages may send besides those of the API, such as traceparent; may be
    /// given several times
    #[arg(long = "allow-header", value_name = "NAME", requires = "origins")]
    pub(crate) headers: Vec<String>,
    /// URL that clients use, if the server is behind a proxy
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

impl ClientArgs {
    /// Returns the keys given by `--key`. An empty `PROMPTBOOK_KEY` counts as unset.
    pub(crate) fn named_keys(&self) -> Vec<String> {
        let keys = self.keys.iter().filter(|key| !key.is_empty());
        keys.cloned().collect()
    }

    /// Returns the options of a server that accepts these keys.
    pub(crate) fn options(&self, keys: &[String]) -> ServerOptions {
        let options = keys.iter().fold(ServerOptions::new(), ServerOptions::key);
        let options = self.hosts.iter().fold(options, ServerOptions::host);
        let options = self
            .origins
            .iter()
            .fold(options, ServerOptions::allow_origin);
        let options = self
            .headers
            .iter()
            .fold(options, ServerOptions::allow_header);
        match &self.public_url {
            Some(url) => options.public_url(url),
            None => options,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum StatusName {
    /// Statuses with their HTTP meaning: a missing prompt is a 404
    Plain,
    /// Statuses of the live service: many missing things are a 500
    Live,
}

impl From<StatusName> for StatusMode {
    fn from(name: StatusName) -> Self {
        match name {
            StatusName::Plain => Self::Plain,
            StatusName::Live => Self::Live,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum GatewayName {
    /// Requires a model in each request, and fills no partials
    Older,
    /// Uses the stored model and fills partials, also in requests of the Responses API
    Newer,
}

impl From<GatewayName> for GatewayGeneration {
    fn from(name: GatewayName) -> Self {
        match name {
            GatewayName::Older => Self::Older,
            GatewayName::Newer => Self::Newer,
        }
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Level {
    /// Nothing
    Off,
    /// Errors of the server
    Error,
    /// Also warnings
    Warn,
    /// Also one line for each request
    Info,
    /// Also why connections ended
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
