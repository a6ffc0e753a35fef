//! S3, or another object store with its protocol: its place in a URL, its credentials, and calls
//! that block.
//!
//! This folder knows keys and bytes. What an object contains, and which keys exist, is recorded by
//! [`objects`](super::postgres), which is in the store's database.

mod bucket;
mod client;
mod credentials;
mod error;
mod place;
mod read_waits;
mod time_limits;

pub(super) use self::bucket::{Bucket, StartedPut};
pub(crate) use self::place::{ObjectParameters, ObjectPlace};
#[cfg(test)]
pub(crate) use self::time_limits::TimeLimits;
