//! Helicone's API as typed calls, with the live service's peculiarities.

mod api;
mod changes;
mod envelope;
mod listing;
mod records;

pub(super) use self::api::Helicone;
pub(super) use self::changes::{BaseVersion, NewPromptRequest, Sent};
pub(super) use self::envelope::RequestLabel;
pub(super) use self::listing::VersionListing;
pub(super) use self::records::{ServicePrompt, ServiceVersion};
