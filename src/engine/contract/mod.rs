//! What a body asks of its callers, and whether a change breaks them.
//!
//! A caller gives inputs, lets the body render, sends it, runs the tools that the model calls, and
//! reads the answer. A change is *breaking* when a call that was right for the base is not right any
//! more, or its result can't be handled as before. So a new body is compatible when
//!
//! - it asks for the same variables, and takes every value that the base took ([`Variable`]);
//!   what its partials ask for counts as its own;
//! - its partials can be filled, or lack only what they lacked before;
//! - it offers the same tools, none more either, since the model may call what the caller can't run;
//!   and no tool's parameters allow arguments that were not allowed before ([`Tool`]). A tool's
//!   description is no promise;
//! - it asks for the same response format.
//!
//! Numbers are compared by value, exactly: `1` and `1.0` are the same, `123456789012345678901` and
//! `123456789012345678902` are not.
//!
//! Messages, model, temperature and the like are no part of the contract. Where a rule can't show
//! that a change is compatible, it is breaking: a major too many costs less than a broken caller.

pub(crate) mod partials;
pub(crate) mod response;
pub mod rules;
pub(crate) mod schema;
#[cfg(test)]
mod schema_model;
pub(crate) mod tools;
pub(crate) mod variables;
pub(crate) mod words;
pub use self::rules::{Breakage, Contract, breakages};
pub use self::tools::{Tool, ToolKind};
pub use self::variables::{Accepted, Variable};
