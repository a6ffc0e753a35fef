//! The commands that use remotes.

mod clone;
mod failure;
mod key;
mod pull;
mod push;
mod remotes;
pub(super) mod renumbered;
mod report;
mod status;
mod transfer;

pub(super) use self::clone::clone;
pub(super) use self::pull::pull;
pub(super) use self::push::push;
pub(super) use self::remotes::run;
pub(super) use self::status::status;
