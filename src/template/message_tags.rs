//! The variables of one message, without their places.

use memchr::memmem;
use serde_json::Value;

use super::tag::{TagPiece, pieces};
use super::uses::texts;

/// The opening of a tag.
const OPENING: &[u8] = b"{{";

/// Calls `act` with the name and the type of each variable in the texts of a message.
///
/// Returns the number of [openings] in these texts, or `None` if they contain a partial.
pub(crate) fn each_variable(message: &Value, act: &mut dyn FnMut(&str, &str)) -> Option<usize> {
    let mut count = 0;
    for (_, text) in texts(message) {
        count += openings(text.as_bytes());
        for piece in pieces(text) {
            match piece {
                TagPiece::Text(_) => {}
                TagPiece::Variable(tag) => act(tag.name, tag.kind),
                TagPiece::Partial(_) => return None,
            }
        }
    }
    Some(count)
}

/// Returns the number of places where a tag may begin.
pub(crate) fn openings(text: &[u8]) -> usize {
    memmem::find_iter(text, OPENING).count()
}
