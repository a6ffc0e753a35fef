//! The keys of objects, none of which is used twice.

use crate::model::clock;

/// Returns a key that no object has had: an address, then the time and a random number.
pub(super) fn new_key(address: &str) -> String {
    let now = clock::system().timestamp_micros();
    let prefix = address.get(..2).unwrap_or(address);
    format!("{prefix}/{address}-{now:016x}{:016x}", fastrand::u64(..))
}

/// Returns the key of an object that is put only to check that objects can be put.
pub(super) fn probe_key() -> String {
    let key = new_key("probe");
    key.get(3..).unwrap_or(&key).to_owned()
}
