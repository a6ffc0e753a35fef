//! The blob store whose bodies are objects in S3, and whose table of contents is in the schema.
//!
//! An object is put in three steps: a row with its key, the object, and the rows of its bodies.
//! It is removed in three steps: the row is marked as forgotten, later the object is deleted, then
//! the row. A key contains a random part and is never used twice, so a request that arrives late
//! never hits another object.

mod access;
mod backend;
mod blobs;
mod compact;
mod frames;
mod object_key;
mod pack;
mod placed_body;
mod reader;
mod rewrite;
mod rows;
mod steps;
mod sweep;
#[cfg(test)]
pub(super) mod tests;

pub(super) use self::access::probe;
pub(crate) use self::blobs::ObjectBlobs;
