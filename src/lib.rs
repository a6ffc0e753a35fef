//! promptbook (front page to come)
pub mod id;
