//! Arguments of `fake`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueHint};

use super::history::time;
use super::server::{GatewayName, Level, StatusName};
use super::whole_number::whole_number;
use crate::server::fake::FakeClock;

#[derive(Args, Debug)]
pub(crate) struct FakeArgs {
    /// Address to listen on; port 0 chooses a free port; one that other machines can reach requires
    /// a --key
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:0")]
    pub(crate) addr: String,
    /// Prompts at the start and after each reset: a JSON file, or a folder of JSON files
    ///
    /// A file contains fixtures, as promptbook fixtures writes them, or the body of one prompt, as
    /// promptbook import reads it: the file's path in the folder, without .json, is the prompt's
    /// name.
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) fixtures: Option<PathBuf>,
    /// Directory of the store, which is not removed at the end [default: in memory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Seed of the generated ids
    #[arg(value_parser = whole_number::<u64>, long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Start time of a clock that only advances by a millisecond with each change, in any form that
    /// --at accepts; or real [default: 2025-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME|real")]
    pub(crate) clock: Option<ClockArg>,
    /// HTTP statuses of error responses
    #[arg(long, value_enum, default_value_t = StatusName::Live)]
    pub(crate) status: StatusName,
    /// Generation of Helicone's AI Gateway whose rules apply to requests for models
    #[arg(long, value_enum, default_value_t = GatewayName::Newer)]
    pub(crate) gateway: GatewayName,
    /// Key that clients must send; may be given several times [default: sk-helicone-fake]
    ///
    /// Each further key has prompts, faults, calls and a clock of its own.
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
    /// Header that these web pages may send besides those of the API; may be given several times
    #[arg(long = "allow-header", value_name = "NAME", requires = "origins")]
    pub(crate) headers: Vec<String>,
    /// URL that clients use, if the fake is behind a proxy or in a container
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
    /// Level of the log on standard error
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t = Level::Off)]
    #[arg(env = "PROMPTBOOK_LOG", hide_env_values = true)]
    pub(crate) log: Level,
    /// Refuse minor versions that break callers of their base, and moves of environments to
    /// versions that break callers; otherwise clients choose, as with the live service
    #[arg(long)]
    pub(crate) enforce_bumps: bool,
    /// Also stop at the end of standard input
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// The clock of a fake: a start time, or `real`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClockArg(pub(crate) FakeClock);

impl FromStr for ClockArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match (text, time(text)) {
            ("real", _) => Ok(Self(FakeClock::Real)),
            (_, Ok(at)) => Ok(Self(FakeClock::At(at))),
            (_, Err(_)) => {
                Err("expected real, or a time such as 2025-06-01 or 2025-06-01T12:00:00Z")
            }
        }
    }
}
