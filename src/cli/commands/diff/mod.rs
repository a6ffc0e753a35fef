//! The `diff` command, and the rendering of differences.

pub(crate) mod command;
mod folder;
pub(crate) mod render;
