//! Tests of the formats.

mod bodies;
mod markdown;
mod prompt_yml;
