//! The commands that use remotes.

mod clone;
mod failure;
mod key;
mod pull;
mod remotes;
mod report;
mod transfer;

pub(super) use self::clone::clone;
pub(super) use self::pull::pull;
pub(super) use self::remotes::run;
