//! The limits of new prompts and versions, which need no store to be checked.

use crate::model::body::{Body, InvalidBody};
use crate::model::error::Result;
use crate::model::invalid_argument::{InvalidArgument, check_length};
use crate::template::{escaped_braces, has_more_tags, openings};

/// The maximum number of tags of a prompt.
///
/// Each change of a prompt's name or tags records all of them, before and after.
const MAX_PROMPT_TAGS: usize = 10_000;
/// The maximum total size of a prompt's tags, in bytes.
const MAX_TAG_BYTES: usize = 1024 * 1024;

/// Checks the number and the size of tags, which are otherwise stored as given.
pub(crate) fn check_tags(tags: &[String]) -> Result<(), InvalidArgument> {
    let refused = |reason: String| {
        Err(InvalidArgument::new(
            "tags",
            &format!("{} tags", tags.len()),
            reason,
        ))
    };
    if tags.len() > MAX_PROMPT_TAGS {
        return refused(format!("a prompt has {} tags at most", MAX_PROMPT_TAGS));
    }
    if tags.iter().map(String::len).sum::<usize>() > MAX_TAG_BYTES {
        return refused(format!(
            "a prompt's tags have {} bytes at most, in total",
            MAX_TAG_BYTES
        ));
    }
    tags.iter().try_for_each(|tag| check_length("tag", tag))
}

/// Checks that a body has no more tags than a version may have.
///
/// A body that arrives as part of another store's history is not checked.
pub(crate) fn check_body(body: &Body) -> Result<()> {
    let most = Body::MAX_TEMPLATE_TAGS;
    // The cheap upper bound suffices for most bodies, so they are not parsed for this check.
    if max_tag_count(body.as_bytes()) <= most || !body.look(|json| has_more_tags(json, most)) {
        return Ok(());
    }
    let reason = format!(
        "it has more than {most} template tags, the limit; use fewer tags, or split the prompt"
    );
    Err(InvalidBody { reason }.into())
}

/// Returns an upper bound of the number of tags in a text.
///
/// Each tag begins with two braces, which may be escaped.
fn max_tag_count(text: &[u8]) -> usize {
    openings(text) + escaped_braces(text)
}
