//! Tags in a text: variables `{{hc:NAME:TYPE}}` and partials `{{hcp:ID:INDEX:ENVIRONMENT}}`.
//!
//! A tag contains no braces except its own, so any text can be cut at its tags in one pass.

use memchr::{memchr, memmem};

use super::javascript::is_space;
use crate::model::id::PromptId;

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagPiece<'a> {
    /// Characters outside tags, including malformed tags.
    Text(&'a str),
    Variable(VariableTag<'a>),
    Partial(PartialTag<'a>),
}

impl<'a> TagPiece<'a> {
    /// Returns the piece as written.
    pub(super) fn raw(self) -> &'a str {
        match self {
            Self::Text(text) => text,
            Self::Variable(tag) => tag.raw,
            Self::Partial(tag) => tag.raw,
        }
    }
}

/// Cuts a text at its tags. The second element says whether the piece is a tag.
pub(crate) fn cut_at_tags(text: &str) -> impl Iterator<Item = (&str, bool)> {
    pieces(text).map(|piece| (piece.raw(), !matches!(piece, TagPiece::Text(_))))
}

/// Returns whether a text has a brace, without which it has no tag.
pub(super) fn has_brace(text: &str) -> bool {
    memchr(b'{', text.as_bytes()).is_some()
}

/// Returns whether JSON text may have a tag in a string or a member's name; if not, it has none.
///
/// A look at the bytes saves the parsing of most bodies. Escapes may spell any part of a tag.
pub(crate) fn may_have_tags(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    while let Some(found) = memmem::find(&bytes[at..], b"{{") {
        // Of more than two braces, the last two begin a tag.
        at += found + 2;
        at += bytes[at..].iter().take_while(|byte| **byte == b'{').count();
        match bytes[at..] {
            [b'h', b'c' | b'\\', ..] | [b' ' | b'\\' | 0x80.., ..] => return true,
            _ => {}
        }
    }
    memmem::find_iter(bytes, br"\u007").any(|at| matches!(bytes.get(at + 5), Some(b'b' | b'B')))
}

/// `{{hc:NAME:TYPE}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct VariableTag<'a> {
    /// The tag as written.
    pub(super) raw: &'a str,
    pub(super) name: &'a str,
    pub(super) kind: &'a str,
}

impl<'a> VariableTag<'a> {
    /// Parses a text that is a single tag, from its first to its last character.
    pub(super) fn whole(text: &'a str) -> Option<Self> {
        match pieces(text).next() {
            Some(TagPiece::Variable(tag)) if tag.raw.len() == text.len() => Some(tag),
            _ => None,
        }
    }
}

/// `{{hcp:ID:INDEX}}` or `{{hcp:ID:INDEX:ENVIRONMENT}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PartialTag<'a> {
    /// The tag as written.
    pub(super) raw: &'a str,
    pub(super) prompt: PromptId,
    /// The digits as written.
    pub(super) index: &'a str,
    /// The environment's name, if the tag has one.
    pub(super) environment: Option<&'a str>,
}

impl PartialTag<'_> {
    /// Returns the index as a number. An index that exceeds `usize` also exceeds every list.
    pub(super) fn message(&self) -> usize {
        self.index.parse().unwrap_or(usize::MAX)
    }
}

/// Cuts a text into its pieces, in order. Concatenated, they yield the text.
pub(super) fn pieces(text: &str) -> TagPieces<'_> {
    TagPieces {
        rest: text,
        tag: None,
    }
}

/// Returns the variable tags of a text, in order.
pub(super) fn variables(text: &str) -> impl Iterator<Item = VariableTag<'_>> {
    pieces(text).filter_map(|piece| match piece {
        TagPiece::Variable(tag) => Some(tag),
        TagPiece::Text(_) | TagPiece::Partial(_) => None,
    })
}

/// Returns a text whose variable tags are replaced: `replace` gets the name and the type of each.
///
/// Tags of partials remain.
///
/// ```
/// use promptbook::template::replace_variables;
///
/// let text = replace_variables("Greet {{hc:name:string}}.", |name, _| format!("{{{{{name}}}}}"));
/// assert_eq!(text, "Greet {{name}}.");
/// ```
#[must_use]
pub fn replace_variables(text: &str, mut replace: impl FnMut(&str, &str) -> String) -> String {
    let mut replaced = String::with_capacity(text.len());
    for piece in pieces(text) {
        match piece {
            TagPiece::Variable(tag) => replaced.push_str(&replace(tag.name, tag.kind)),
            TagPiece::Text(_) | TagPiece::Partial(_) => replaced.push_str(piece.raw()),
        }
    }
    replaced
}

/// Iterator of [`pieces`].
pub(super) struct TagPieces<'a> {
    rest: &'a str,
    /// The tag that follows the text that was returned last.
    tag: Option<TagPiece<'a>>,
}

impl<'a> Iterator for TagPieces<'a> {
    type Item = TagPiece<'a>;

    fn next(&mut self) -> Option<TagPiece<'a>> {
        if let Some(tag) = self.tag.take() {
            return Some(tag);
        }
        if self.rest.is_empty() {
            return None;
        }
        let text = self.rest;
        let mut from = 0;
        while let Some(at) = memchr(b'{', &text.as_bytes()[from..]).map(|at| from + at) {
            if let Some((tag, rest)) = read_tag(&text[at..]) {
                self.rest = rest;
                if at == 0 {
                    return Some(tag);
                }
                self.tag = Some(tag);
                return Some(TagPiece::Text(&text[..at]));
            }
            // The second brace may be the first of a tag.
            from = at + 1;
        }
        self.rest = "";
        Some(TagPiece::Text(text))
    }
}

/// Reads the tag at the beginning of a text. Returns it and the rest of the text.
fn read_tag(text: &str) -> Option<(TagPiece<'_>, &str)> {
    let mut cursor = TagCursor { rest: text };
    cursor.symbol("{{")?;
    // `hcp` must be tried first, because it begins with `hc`.
    let partial = cursor.symbol("hcp").is_some();
    if !partial {
        cursor.symbol("hc")?;
    }
    cursor.symbol(":")?;
    let raw = |cursor: &TagCursor<'_>| &text[..text.len() - cursor.rest.len()];
    let piece = if partial {
        let prompt = cursor.alphanumerics()?.parse().ok()?;
        cursor.symbol(":")?;
        let index = cursor.digits()?;
        let environment = match cursor.symbol(":") {
            Some(()) => Some(cursor.name()?),
            None => None,
        };
        cursor.close()?;
        TagPiece::Partial(PartialTag {
            raw: raw(&cursor),
            prompt,
            index,
            environment,
        })
    } else {
        let name = cursor.name()?;
        cursor.symbol(":")?;
        let kind = cursor.name()?;
        cursor.close()?;
        TagPiece::Variable(VariableTag {
            raw: raw(&cursor),
            name,
            kind,
        })
    };
    Some((piece, cursor.rest))
}

/// A reader of the parts of a tag. It skips white space after each part.
struct TagCursor<'a> {
    rest: &'a str,
}

impl<'a> TagCursor<'a> {
    fn symbol(&mut self, symbol: &str) -> Option<()> {
        self.rest = self.rest.strip_prefix(symbol)?.trim_start_matches(is_space);
        Some(())
    }

    /// Reads the closing braces. White space after them is not part of the tag.
    fn close(&mut self) -> Option<()> {
        self.rest = self.rest.strip_prefix("}}")?;
        Some(())
    }

    fn name(&mut self) -> Option<&'a str> {
        let name = self.run(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')?;
        (!name.starts_with(|c: char| c.is_ascii_digit())).then_some(name)
    }

    fn alphanumerics(&mut self) -> Option<&'a str> {
        self.run(|c| c.is_ascii_alphanumeric())
    }

    fn digits(&mut self) -> Option<&'a str> {
        self.run(|c| c.is_ascii_digit())
    }

    /// Reads the longest run of such characters; there must be at least one.
    fn run(&mut self, is_part: impl Fn(char) -> bool) -> Option<&'a str> {
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (run, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start_matches(is_space);
        (!run.is_empty()).then_some(run)
    }
}

#[cfg(test)]
#[path = "tag_tests.rs"]
mod tests;
