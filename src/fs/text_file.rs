//! Byte order marks and line ends, which editors and git add to text files.

use std::borrow::Cow;

/// The byte order mark of UTF-8, which some editors write at the beginning of a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// Removes a byte order mark at the beginning. JSON has none.
pub(crate) fn without_byte_order_mark(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.starts_with(BYTE_ORDER_MARK) {
        bytes.drain(..BYTE_ORDER_MARK.len());
    }
    bytes
}

/// Returns whether a text begins with a byte order mark of UTF-16.
pub(crate) fn is_utf16(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff")
}

/// Returns a text with each CR LF replaced by LF.
///
/// In JSON, line ends are white space: a string cannot contain one. So two texts of JSON that are
/// equal after this have the same values, and the same layout.
pub(crate) fn with_line_feeds(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.windows(2).any(|pair| pair == b"\r\n") {
        return Cow::Borrowed(bytes);
    }
    let mut converted = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) != Some(&b'\n') {
            converted.push(*byte);
        }
    }
    Cow::Owned(converted)
}

/// Returns whether two texts are equal, or differ only in their line ends.
pub(crate) fn equal_but_for_line_ends(one: &[u8], other: &[u8]) -> bool {
    one == other || with_line_feeds(one) == with_line_feeds(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_mark_at_the_beginning_is_removed() {
        let text = "{\u{feff}}".as_bytes().to_vec();
        let marked = [BYTE_ORDER_MARK, &text].concat();
        assert_eq!(without_byte_order_mark(marked), text);
        assert_eq!(without_byte_order_mark(text.clone()), text);
        assert!(is_utf16(b"\xff\xfe{\0") && !is_utf16(&text));
    }

    #[test]
    fn only_whole_line_ends_are_converted() {
        for (text, expected) in [
            ("a\r\nb\r\n", "a\nb\n"),
            ("a\rb\n\r", "a\rb\n\r"),
            ("\r\r\n", "\r\n"),
            ("", ""),
        ] {
            assert_eq!(&*with_line_feeds(text.as_bytes()), expected.as_bytes());
        }
    }

    #[test]
    fn texts_are_compared_without_their_line_ends() {
        assert!(equal_but_for_line_ends(b"{\r\n}", b"{\n}"));
        assert!(!equal_but_for_line_ends(b"{\r}", b"{\n}"));
    }
}
