//! The `diff` command, and the rendering of differences.

pub(crate) mod command;
pub(crate) mod render;
