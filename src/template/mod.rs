//! Templates: the tags of a body, what they ask for, and how they are filled.
//!
//! # Tags
//!
//! `{{hc:NAME:TYPE}}` is a variable. NAME and TYPE are `[a-zA-Z_-][a-zA-Z0-9_-]*`; the types `string`,
//! `number` and `boolean` are checked, any other takes every value. `{{hcp:ID:INDEX}}` and
//! `{{hcp:ID:INDEX:ENVIRONMENT}}` are partials: they stand for the text of message INDEX of prompt ID in
//! ENVIRONMENT, or in `production`. White space may stand between a tag's parts, as JavaScript knows it.
//! What is almost a tag is text.
//!
//! Tags count in the texts of messages (string content, and parts of type `text`). Variables count in
//! `tools` and `response_format` too, in strings and in member names: a string that is exactly one tag
//! becomes the value, with its type. Values and partials are written as JavaScript's `String()` writes
//! them, but that strict mode writes all digits of an integer; and values are not looked into for tags.
//! Of members of one name the last counts, as for every reader of JSON; tags in the others are text.
//!
//! # Two modes
//!
//! [`render_strict`] fills all of a body or nothing: every variable must be given, with a value of its
//! type, and every input be asked for; else all problems are named, each with its place. What is no tag
//! stays byte for byte: white space, escapes, and how numbers are written. Partials may stand inside
//! partials. [`Uses::of`] and [`expand()`] tell beforehand what it will ask for.
//!
//! [`merge`] and [`render_helicone`] answer as the reference client does (npm `@helicone/helpers`
//! 1.8.3), oddities included: in messages, inputs that are missing, empty, 0 or false leave their tags;
//! in `tools` and `response_format` they are errors; an error leaves its whole text or section unfilled.
//! On purpose they differ in what only an accident of the client's language explains:
//!
//! - the names that every JavaScript object has, such as `constructor`, are no inputs unless given;
//! - members keep their order, where JavaScript puts numbers first, and one named `__proto__` is kept;
//! - a string in place of a list of messages or tools is refused, where the client takes its
//!   characters for messages and tools; so is a primitive value in place of the inputs, and of a part's
//!   text, even where the client does not come to look at it.
//!
//! [`fill_partials()`] does strict mode's half of the work ahead: it fills the partials and leaves the variables.
//!
//! # Numbers
//!
//! Inputs are `serde_json` values, so their numbers are integers from -2⁶³ to 2⁶⁴ - 1, or doubles. A number
//! that is neither, such as one of 20 digits, is an input only as a string: in a text the same digits go in;
//! in `tools` and `response_format` a string that is exactly its tag becomes a string.
//!
//! # Limits
//!
//! The work is proportional to the bodies, the inputs and the result. Filling may add 64 MiB to a body,
//! and partials may be nested 64 deep. Beyond that it is a problem, or an error.

mod budget;
mod expand;
mod fill_partials;
mod helicone;
pub(crate) mod javascript;
pub(crate) mod mode;
mod partials;
mod place;
mod problem;
mod splice;
mod strict;
mod tag;
mod uses;
mod variable;

pub use expand::{Expanded, expand};
pub use fill_partials::fill_partials;
pub(crate) use fill_partials::fill_text;
pub use helicone::{MergeError, Merged, ValidationError, caller_body, merge, render_helicone};
pub use mode::{Filled, Mode};
pub use partials::{Partials, message_text};
pub use place::Place;
pub(crate) use place::{Path, Step};
pub use problem::Problem;
pub use strict::render_strict;
pub(crate) use strict::render_text;
pub(crate) use tag::cut_at_tags;
pub(crate) use uses::has_more_tags;
pub use uses::{PartialUse, Uses};
pub use variable::{Site, VariableType, VariableUse};
