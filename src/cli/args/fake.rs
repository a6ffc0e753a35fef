//! Arguments of `fake`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use chrono::DateTime;
use clap::{Args, ValueHint};

use super::server::StatusName;
use crate::server::fake::FakeClock;

#[derive(Args, Debug)]
pub(crate) struct FakeArgs {
    /// Port to listen on; 0 chooses a free port
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// Address to listen on; one that other machines can reach requires a --key
    #[arg(long, value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST.into())]
    pub(crate) addr: IpAddr,
    /// Prompts at the start and after each reset: a JSON file, or a folder of JSON files
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) fixtures: Option<PathBuf>,
    /// Directory of the store, which is not removed at the end [default: in memory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// Seed of the generated ids
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// Start time of a clock that only advances by a millisecond with each change; or real
    /// [default: 2025-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME|real")]
    pub(crate) clock: Option<ClockArg>,
    /// HTTP statuses of error responses
    #[arg(long, value_enum, default_value_t = StatusName::Live)]
    pub(crate) status: StatusName,
    /// Key that clients must send; may be given several times [default: sk-helicone-fake]
    #[arg(long = "key", value_name = "KEY")]
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
    /// Refuse minor versions that break callers of their base; otherwise clients choose, as with
    /// the live service
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
        match text {
            "real" => Ok(Self(FakeClock::Real)),
            text => match DateTime::parse_from_rfc3339(text) {
                Ok(at) => Ok(Self(FakeClock::At(at.to_utc()))),
                Err(_) => Err("expected real, or a moment such as 2025-01-01T00:00:00Z"),
            },
        }
    }
}
