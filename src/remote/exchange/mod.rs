//! Exchange of operations with another store, which `promptbook serve` serves.
//!
//! Both sides have the same history up to a position. What one side has after it is sent as bundles.

mod history_tally;
mod incoming;
mod pull;
mod push;
mod rebase;
mod relation;
mod renumbering;
mod renumbering_plan;
mod service;
mod status;
mod target;

pub(super) use self::incoming::IncomingBundle;
pub(super) use self::pull::{ExchangePull, pull};
pub(super) use self::push::push;
pub(super) use self::relation::position_at;
pub use self::renumbering::ReassignedNumber;
pub(super) use self::renumbering_plan::RenumberingPlan;
pub(super) use self::service::{RemoteHead, StoreService};
pub(super) use self::status::status;
