//! Tests of packs as files.

mod dictionary;
mod reading;
mod repack;
mod support;
