//! The three-way comparison of a prompt: here, there, and what both had in common.
//!
//! It is a pure function of three states, so that it is tested against a model.

mod compare;
mod conflict;
mod side;
#[cfg(test)]
mod tests;

pub use self::compare::Settlement;
pub(super) use self::compare::{PromptChange, SideChanges, ThreeWay, compare};
pub(super) use self::side::PromptSide;
