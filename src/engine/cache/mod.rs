pub(crate) mod contracts;
pub(crate) mod resolved;
