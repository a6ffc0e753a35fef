//! Tests of the formats.

mod bodies;
mod langfuse;
mod markdown;
mod prompt_yml;
mod templates;
