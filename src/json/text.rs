//! Strings of JSON: their notation and the text that they represent.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use memchr::memchr;

/// The text of a string between its quotes, and whether it contains escapes.
#[derive(Clone, Copy, Debug)]
pub(super) struct RawString<'a> {
    pub(super) text: &'a str,
    pub(super) has_escapes: bool,
}

/// A string of JSON, or a member's name. Equality compares the text that it represents.
#[derive(Clone, Debug)]
pub(crate) enum JsonString<'a> {
    /// A written string without escapes.
    Plain(&'a str),
    /// A written string with escapes, and the text that it represents.
    Escaped { raw: &'a str, decoded: Box<str> },
    /// A text that is not part of any JSON text yet.
    New(Cow<'a, str>),
}

impl<'a> JsonString<'a> {
    pub(super) fn read(string: RawString<'a>) -> Option<Self> {
        let raw = string.text;
        if !string.has_escapes {
            return Some(Self::Plain(raw));
        }
        let decoded = decode(raw)?.into();
        Some(Self::Escaped { raw, decoded })
    }

    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Escaped { decoded, .. } => decoded,
            Self::New(text) => text,
        }
    }

    /// Writes the string with its quotes, in its existing notation if it has one.
    pub(super) fn write(&self, out: &mut String) {
        out.push('"');
        match self {
            Self::Plain(raw) | Self::Escaped { raw, .. } => out.push_str(raw),
            Self::New(text) => escape(text, out),
        }
        out.push('"');
    }

    /// Returns the notation between the quotes, if the string is a written one.
    pub(crate) fn raw(&self) -> Option<&'a str> {
        match self {
            Self::Plain(raw) | Self::Escaped { raw, .. } => Some(raw),
            Self::New(_) => None,
        }
    }

    /// Returns a search for the places where parts of the text are written.
    pub(crate) fn locator(&self) -> Locator<'a> {
        Locator {
            raw: self.raw().unwrap_or_default(),
            has_escapes: matches!(self, Self::Escaped { .. }),
            decoded: 0,
            at: 0,
        }
    }
}

impl PartialEq for JsonString<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonString<'_> {}

impl Hash for JsonString<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

/// A search for the places of parts of a string in its notation. It moves forward only.
#[derive(Debug)]
pub(crate) struct Locator<'a> {
    raw: &'a str,
    has_escapes: bool,
    /// The number of bytes that were passed in the represented text, and in the notation.
    decoded: usize,
    at: usize,
}

impl Locator<'_> {
    /// Returns the range between the quotes in which a part of the represented text is written.
    ///
    /// Parts must be requested in order.
    pub(crate) fn locate(&mut self, piece: Range<usize>) -> Range<usize> {
        self.advance(piece.start)..self.advance(piece.end)
    }

    fn advance(&mut self, to: usize) -> usize {
        if !self.has_escapes {
            return to;
        }
        while self.decoded < to {
            let left = to - self.decoded;
            let end = self.raw.len().min(self.at + left);
            let ahead = &self.raw.as_bytes()[self.at..end];
            match memchr(b'\\', ahead).unwrap_or(ahead.len()) {
                0 => match read_escape(&self.raw[self.at..]) {
                    Some((c, length)) => {
                        self.decoded += c.len_utf8();
                        self.at += length;
                    }
                    None => break,
                },
                plain => {
                    self.decoded += plain;
                    self.at += plain;
                }
            }
        }
        self.at
    }
}

/// Decodes the notation between a string's quotes; `None` if an escape is malformed.
pub(super) fn decode(raw: &str) -> Option<String> {
    let mut decoded = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memchr(b'\\', rest.as_bytes()) {
        decoded.push_str(&rest[..at]);
        let (c, length) = read_escape(&rest[at..])?;
        decoded.push(c);
        rest = &rest[at + length..];
    }
    decoded.push_str(rest);
    Some(decoded)
}

/// Decodes the escape at the start of a text, and returns its character and its length.
fn read_escape(text: &str) -> Option<(char, usize)> {
    let c = match text.as_bytes().get(1)? {
        b'n' => '\n',
        b't' => '\t',
        b'r' => '\r',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        c @ (b'"' | b'\\' | b'/') => char::from(*c),
        b'u' => {
            let unit = |at: usize| {
                let digits = text.get(at..at + 4)?;
                u16::from_str_radix(digits, 16).ok()
            };
            let first = unit(2)?;
            if !matches!(first, 0xd800..=0xdfff) {
                return Some((char::from_u32(first.into())?, 6));
            }
            let second = text.get(6..8).filter(|escape| *escape == "\\u");
            let units = [first, second.and_then(|_| unit(8))?];
            let c = char::decode_utf16(units).next()?.ok()?;
            return Some((c, 12));
        }
        _ => return None,
    };
    Some((c, 2))
}

/// Writes a text in the notation between the quotes of a string.
pub(crate) fn escape(text: &str, out: &mut String) {
    let is_plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        return out.push_str(text);
    }
    // Serialization of a string cannot fail.
    let quoted = serde_json::to_string(text).unwrap_or_default();
    out.push_str(
        quoted
            .get(1..quoted.len().saturating_sub(1))
            .unwrap_or_default(),
    );
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(raw: &str) -> JsonString<'_> {
        let has_escapes = raw.contains('\\');
        JsonString::read(RawString {
            text: raw,
            has_escapes,
        })
        .unwrap()
    }

    #[test]
    fn escapes_represent_characters() {
        let raw = r#"a\n\t\r\b\f\"\\\/\u0041\u00e9\ud83d\uDE00é"#;
        let decoded = "a\n\t\r\u{8}\u{c}\"\\/Aé😀é";
        assert_eq!(read(raw).as_str(), decoded);
        assert_eq!(
            serde_json::from_str::<String>(&format!("\"{raw}\"")).unwrap(),
            decoded
        );
        for malformed in [r"\", r"\x", r"\u12", r"\ud83d", r"\ud83dA", r"\udE00"] {
            assert_eq!(decode(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn pieces_are_found_where_they_are_written() {
        let raw = r"é\n{{\u0068c:a:b}}\ud83d\ude00{{x}}";
        let text = read(raw);
        let mut locator = text.locator();
        for piece in ["{{hc:a:b}}", "{{x}}"] {
            let at = text.as_str().find(piece).unwrap();
            let place = locator.locate(at..at + piece.len());
            assert_eq!(decode(&raw[place]).as_deref(), Some(piece));
        }
    }

    proptest! {
        #[test]
        fn escaped_text_decodes_to_the_original(text in any::<String>()) {
            let mut raw = String::new();
            escape(&text, &mut raw);
            prop_assert_eq!(decode(&raw), Some(text));
        }

        #[test]
        fn each_character_is_found(text in any::<String>(), escaped in prop::collection::vec(any::<bool>(), 0..40)) {
            let mut escaped = escaped.into_iter().cycle();
            let mut raw = String::new();
            let mut places = Vec::new();
            for c in text.chars() {
                let start = raw.len();
                if escaped.next() == Some(true) || c < ' ' || "\"\\".contains(c) {
                    let mut units = [0; 2];
                    for unit in c.encode_utf16(&mut units) {
                        raw.push_str(&format!("\\u{unit:04x}"));
                    }
                } else {
                    raw.push(c);
                }
                places.push(start..raw.len());
            }
            let read = read(&raw);
            prop_assert_eq!(read.as_str(), &text);
            let mut locator = read.locator();
            for ((at, c), place) in text.char_indices().zip(places) {
                prop_assert_eq!(locator.locate(at..at + c.len_utf8()), place);
            }
        }
    }
}
