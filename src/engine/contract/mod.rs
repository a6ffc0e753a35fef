//! Contracts: what a body requires of its callers, and whether a change breaks them.
//!
//! A caller passes inputs, renders the body, sends it, runs the tools that the model calls, and
//! reads the answer. A change is *breaking* if a call that was valid for the base is no longer
//! valid, or if its result can no longer be handled as before. A new body is therefore compatible
//! if all of the following hold:
//!
//! - It has the same variables, and accepts every value that the base accepted ([`Variable`]). The
//!   variables of its partials count as its own.
//! - Its partials can be filled, except for those that could not be filled before, and no tag is
//!   where nothing fills it, except for those of the base.
//! - It offers the same tools, and no tool's parameters allow arguments that were not allowed
//!   before ([`Tool`]). Additional tools are breaking too, because the model may call a tool that
//!   the caller cannot run. A tool's description is not part of the contract. `functions`, flat
//!   tools of the Responses API and Anthropic's tools count alike.
//! - It has the same response format, in `response_format` or `text.format`.
//! - Its other members give no answers that callers did not get before: `tool_choice`,
//!   `parallel_tool_calls`, `n`, `stream` and the like.
//!
//! Annotations of a schema, such as `description`, `title` and `default`, are not part of the
//! contract, wherever they are.
//!
//! Numbers are compared exactly by value: `1` and `1.0` are the same, `123456789012345678901` and
//! `123456789012345678902` are not.
//!
//! Messages, model, temperature and the like are not part of the contract: they change what a model
//! says. A body's members that neither is known for are named by [`Difference::unexamined`](crate::diff::Difference::unexamined). If no
//! rule can show that
//! a change is compatible, the change is breaking: an unnecessary major version costs less than a
//! broken caller.

mod annotations;
pub(crate) mod answers;
mod digest;
mod keywords;
mod members;
pub(crate) mod partials;
mod references;
pub(crate) mod response;
pub mod rules;
pub(crate) mod schema;
#[cfg(test)]
mod schema_model;
pub(crate) mod tools;
pub(crate) mod variables;
pub(crate) mod words;
pub(crate) use self::digest::digest_of;
pub use self::rules::{Contract, breakages};
pub use self::tools::{Tool, ToolKind};
pub use self::variables::{AcceptedValues, Variable};
pub use crate::model::breakage::Breakage;
pub use crate::model::contract_digest::ContractDigest;
