//! The command line of `fake` and `fixtures`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;

use chrono::DateTime;
use clap::{Args, ValueHint};

use super::server::StatusName;
use crate::server::fake::FakeClock;

#[derive(Args, Debug)]
pub(crate) struct Fake {
    /// The port to listen on; 0 is any free one
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) port: u16,
    /// The address to listen on; one that other machines reach needs a --key
    #[arg(long, value_name = "IP", default_value_t = Ipv4Addr::LOCALHOST.into())]
    pub(crate) addr: IpAddr,
    /// The prompts that are there at the start and after each reset: a JSON file, or a folder of such
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub(crate) fixtures: Option<PathBuf>,
    /// Keep the store in this directory, which stays [default: in memory]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub(crate) directory: Option<PathBuf>,
    /// What ids are drawn from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,
    /// The time, which stands but for a millisecond with each change; or real [default: 2025-01-01T00:00:00Z]
    #[arg(long, value_name = "TIME|real")]
    pub(crate) clock: Option<Clock>,
    /// Which statuses tell of what is wrong
    #[arg(long, value_enum, default_value_t = StatusName::Live)]
    pub(crate) status: StatusName,
    /// A key that lets clients in; may be given several times [default: sk-helicone-fake]
    #[arg(long = "key", value_name = "KEY")]
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
    /// Refuse a minor version that breaks callers of its base; else clients choose, as with the live service
    #[arg(long)]
    pub(crate) enforce_bumps: bool,
    /// Stop at the end of standard input too
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// A moment, or `real`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock(pub(crate) FakeClock);

impl FromStr for Clock {
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
