//! Templates: the tags of a body, the inputs that they require, and how they are filled.
//!
//! # Tags
//!
//! `{{hc:NAME:TYPE}}` is a variable. NAME and TYPE match `[a-zA-Z_-][a-zA-Z0-9_-]*`. The types
//! `string`, `number` and `boolean` are checked; any other type accepts every value.
//! `{{hcp:ID:INDEX}}` and `{{hcp:ID:INDEX:ENVIRONMENT}}` are partials: each is replaced by the text
//! of message INDEX of prompt ID in ENVIRONMENT, or in `production` if the tag names no
//! environment. White space, as JavaScript defines it, is allowed between the parts of a tag. A
//! malformed tag is text.
//!
//! Tags count in the texts of messages (string content, and parts of type `text`). Variables also
//! count in the strings and member names of `tools` and `response_format`; a string there that is
//! exactly one tag becomes the value, with its type. Values and partials are written as
//! JavaScript's `String()` writes them, except that strict mode writes all digits of an integer.
//! Tags inside values are not filled. If an object has several members of one name, the last one
//! counts, as for every JSON reader; tags in the others are text.
//!
//! # Two modes
//!
//! [`render_strict`] fills the whole body or nothing. Every variable must have an input of its
//! type, every input must be used by a variable, and every tag must be where it is filled
//! ([`misplaced_tags`]); otherwise it reports all problems, each with its place. Everything outside tags is preserved byte for byte: white space, escapes, and the
//! notation of numbers. Partials may contain partials. [`Uses::of`] and [`expand()`] list in
//! advance which inputs and partials a body needs.
//!
//! [`merge`] and [`render_helicone`] return what the reference client returns (npm
//! `@helicone/helpers` 1.8.3), oddities included. In messages, a missing, empty, 0 or false input
//! leaves its tag in the text; in `tools` and `response_format` it is an error. An error leaves its
//! whole text or section unfilled. The modes deliberately differ from the client in behavior that
//! is only an accident of its language:
//!
//! - The names that every JavaScript object has, such as `constructor`, are not inputs unless
//!   given.
//! - Members keep their order, whereas JavaScript puts numbers first; a member named `__proto__` is
//!   preserved.
//! - A string instead of a list of messages or tools is refused, whereas the client treats its
//!   characters as messages or tools. A primitive value instead of the inputs, or of a part's text,
//!   is refused too, even if the client would not read it.
//!
//! [`fill_partials()`] does half of strict mode's work in advance: it fills the partials and leaves
//! the variables.
//!
//! # Numbers
//!
//! Inputs are `serde_json` values, so their numbers are integers from -2⁶³ to 2⁶⁴ - 1, or doubles.
//! Any other number, such as one of 20 digits, can be an input only as a string. In a text the same
//! digits appear; in `tools` and `response_format` a string that is exactly its tag becomes a
//! string.
//!
//! # Limits
//!
//! The work is proportional to the size of the bodies, the inputs and the result. Filling may add
//! 64 MiB to a body, and partials may be nested 64 deep. Beyond these limits, filling reports a
//! problem or an error.

mod budget;
mod expand;
mod fill_partials;
mod helicone;
pub(crate) mod javascript;
mod message_tags;
pub(crate) mod mode;
mod near_tag;
mod partials;
mod place;
mod problem;
mod splice;
mod strict;
mod tag;
mod unfilled;
mod uses;
mod variable;
mod walk;

pub use crate::model::text_location::TextLocation;
pub use expand::{Expanded, expand};
pub use fill_partials::fill_partials;
pub(crate) use fill_partials::fill_text;
pub use helicone::{
    MergeError, Merged, ValidationError, caller_body, merge, partial_texts, render_helicone,
};
pub(crate) use message_tags::{each_variable, escaped_braces, openings};
pub use mode::{RenderMode, RenderedBody};
pub(crate) use near_tag::{NearTag, near_tags};
pub use partials::{Partials, message_text};
pub(crate) use place::{LocationPath, LocationStep};
pub use problem::Problem;
pub use strict::render_strict;
pub(crate) use strict::render_text;
pub use tag::replace_variables;
pub(crate) use tag::{cut_at_tags, may_have_tags};
pub use unfilled::{UnfilledTag, all_tags, misplaced_tags};
pub(crate) use uses::has_more_tags;
pub use uses::{PartialUse, Uses};
pub use variable::{VariableSite, VariableType, VariableUse};
pub(crate) use walk::each_text;
