//! Strict mode: a body is filled completely or not at all.

mod fill;
mod inputs;
mod render;

pub use render::render_strict;
pub(crate) use render::render_text;
