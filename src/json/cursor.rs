//! A cursor over text that is known to be valid JSON.
//!
//! It checks only what it needs to terminate on any text. For text that is not JSON, the result is
//! unspecified.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::text::{RawString, decode};

#[derive(Clone, Debug)]
pub(super) struct JsonCursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> JsonCursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Skips white space, and returns the next byte without passing it.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.text.as_bytes().get(self.at..)?;
        let spaces = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\n' | b'\r'));
        self.at += spaces.count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Passes the next byte after white space if it equals `byte`. Returns whether it did.
    pub(super) fn pass(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    pub(super) fn string(&mut self) -> Option<RawString<'a>> {
        if !self.pass(b'"') {
            return None;
        }
        let start = self.at;
        let mut has_escapes = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            self.at += memchr2(b'"', b'\\', rest)?;
            if self.text.as_bytes()[self.at] == b'"' {
                let text = self.text.get(start..self.at)?;
                self.at += 1;
                return Some(RawString { text, has_escapes });
            }
            has_escapes = true;
            // The backslash and the character after it.
            self.at += 2;
        }
    }

    /// Passes a number, `true`, `false` or `null`, and returns its text.
    pub(super) fn word(&mut self) -> Option<&'a str> {
        self.peek()?;
        let start = self.at;
        let rest = self.text.as_bytes()[start..].iter();
        let is_part = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
        self.at += rest.take_while(is_part).count();
        self.text
            .get(start..self.at)
            .filter(|word| !word.is_empty())
    }

    /// Passes all tokens up to the next white space between two of them, and returns their text.
    pub(super) fn run(&mut self) -> Option<&'a str> {
        self.peek()?;
        let (start, bytes) = (self.at, self.text.as_bytes());
        loop {
            match bytes.get(self.at) {
                Some(b'"') => _ = self.string()?,
                None | Some(b' ' | b'\t' | b'\n' | b'\r') => return self.text.get(start..self.at),
                Some(_) => self.at += 1,
            }
        }
    }

    /// Passes a value of any type, and returns its range.
    pub(super) fn value(&mut self) -> Option<Range<usize>> {
        let first = self.peek()?;
        let start = self.at;
        match first {
            b'"' => _ = self.string()?,
            b'{' | b'[' => self.container()?,
            _ => _ = self.word()?,
        }
        Some(start..self.at)
    }

    /// Passes an array or an object, with everything nested in it.
    fn container(&mut self) -> Option<()> {
        let bytes = self.text.as_bytes();
        let mut depth = 0_usize;
        loop {
            match bytes.get(self.at)? {
                b'"' => {
                    self.string()?;
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return Some(());
            }
        }
    }
}

/// Returns the names and texts of the members of an object; none if the text is not an object.
pub(crate) fn members(object: &str) -> impl Iterator<Item = (Cow<'_, str>, &str)> {
    let mut cursor = JsonCursor::new(object);
    let is_object = cursor.pass(b'{');
    let all = std::iter::from_fn(move || {
        let key = is_object.then(|| cursor.string()).flatten()?;
        cursor.pass(b':');
        let value = cursor.value()?;
        cursor.pass(b',');
        Some((key, object.get(value)?))
    });
    all.filter_map(|(key, value)| Some((represented(key)?, value)))
}

/// Returns the names and texts of the members of an object, whose names are at these places.
///
/// It reads no value, since each ends before the next name.
pub(crate) fn members_named<'a>(
    object: &'a str,
    names: &'a [Range<u32>],
) -> impl Iterator<Item = (Cow<'a, str>, &'a str)> {
    let end = object.trim_ascii_end().len().saturating_sub(1);
    let mut ends = names.iter().skip(1).map(|next| next.start as usize - 1);
    names.iter().filter_map(move |name| {
        let (start, after) = (name.start as usize, name.end as usize);
        let next = ends.next();
        // The name's closing quote, and the colon.
        let value = object.get(after + 1..next.unwrap_or(end))?.trim_ascii();
        let value = value.strip_prefix(':')?.trim_ascii();
        let value = match next {
            Some(_) => value.strip_suffix(',')?.trim_ascii_end(),
            None => value,
        };
        Some((object.get(start..after)?.into(), value))
    })
}

/// Returns the text of the last member with this name.
///
/// The answer is `None` if the text is not an object, or the object has no such member.
pub(crate) fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    let named = members(object).filter(|(found, _)| found == name);
    named.last().map(|(_, text)| text)
}

/// Returns the text that a string represents; none if the JSON text is not a string.
pub(crate) fn string(text: &str) -> Option<Cow<'_, str>> {
    represented(JsonCursor::new(text).string()?)
}

/// Returns the text that a string represents.
fn represented(string: RawString<'_>) -> Option<Cow<'_, str>> {
    if string.has_escapes {
        decode(string.text).map(Cow::from)
    } else {
        Some(string.text.into())
    }
}

/// Returns the texts of a list's items; none if the text is not a list.
pub(crate) fn items(list: &str) -> impl Iterator<Item = &str> {
    let mut cursor = JsonCursor::new(list);
    let mut is_list = cursor.pass(b'[');
    std::iter::from_fn(move || {
        is_list = is_list && cursor.peek() != Some(b']');
        let value = is_list.then(|| cursor.value()).flatten()?;
        cursor.pass(b',');
        list.get(value)
    })
}
