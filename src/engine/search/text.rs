//! Extraction of the searchable text of a body.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::words::floor;

/// The maximum size of the searchable text of one body. Text beyond it is not found.
const MAX_TEXT_BYTES: usize = 1024 * 1024;

/// The length above which a string of only base64 characters counts as data.
const MAX_WORD_BYTES: usize = 1024;

/// The members whose text comes first.
const FIRST: [&str; 3] = ["messages", "tools", "response_format"];

/// Returns the text by which a body is found, each piece on a line of its own.
///
/// Messages come first, then tools and the response format, then the rest. If several members have
/// the same name, all of them are included. No tree of the body's values is built.
///
/// All strings are text, except the values of `role` and `type`. The name of a member is text if it
/// is the name of a parameter in the `properties` of a schema.
pub(super) fn text_of(body: &str) -> String {
    let mut sections: [DocumentText; FIRST.len() + 1] = Default::default();
    let mut from = serde_json::Deserializer::from_str(body);
    // The body's hash was verified, so this is the JSON object that was accepted, and parsing
    // cannot fail.
    let _ = from.deserialize_map(Sections(&mut sections));
    let mut text = DocumentText::default();
    for DocumentText(section) in sections.iter().filter(|section| !section.0.is_empty()) {
        text.add_line(section);
    }
    text.0
}

/// The members of a body in the order of [`FIRST`], followed by the rest.
struct Sections<'t>(&'t mut [DocumentText; FIRST.len() + 1]);

impl<'de> Visitor<'de> for Sections<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(name) = members.next_key::<String>()? {
            let place = FIRST.iter().position(|first| *first == name);
            let to = &mut self.0[place.unwrap_or(FIRST.len())];
            members.next_value_seed(SectionMember { name: &name, to })?;
        }
        Ok(())
    }
}

/// A visitor for the value of a member with this name, or for one of its elements.
struct SectionMember<'t> {
    name: &'t str,
    to: &'t mut DocumentText,
}

impl<'de> DeserializeSeed<'de> for SectionMember<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for SectionMember<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.to.add_string(self.name, text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<(), A::Error> {
        let Self { name, to } = self;
        while elements
            .next_element_seed(SectionMember { name, to: &mut *to })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while let Some(member) = members.next_key::<String>()? {
            if self.name == "properties" {
                self.to.add_piece(&member);
            }
            members.next_value_seed(SectionMember {
                name: &member,
                to: &mut *self.to,
            })?;
        }
        Ok(())
    }
}

#[derive(Default)]
struct DocumentText(String);

impl DocumentText {
    fn add_string(&mut self, name: &str, text: &str) {
        if !matches!(name, "role" | "type") {
            self.add_piece(text);
        }
    }

    fn add_piece(&mut self, piece: &str) {
        let is_full = self.0.len() + 1 >= MAX_TEXT_BYTES;
        if !is_full && !is_data(piece) {
            self.add_line(piece);
        }
    }

    fn add_line(&mut self, line: &str) {
        let room = MAX_TEXT_BYTES.saturating_sub(self.0.len() + 1);
        if room == 0 || line.is_empty() && self.0.is_empty() {
            return;
        }
        if !self.0.is_empty() {
            self.0.push('\n');
        }
        self.0.push_str(&line[..floor(line, room)]);
    }
}

/// Returns whether a string is data such as an image: a `data:` URL, or only base64.
fn is_data(piece: &str) -> bool {
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    piece.len() > MAX_WORD_BYTES && piece.bytes().all(is_base64) || is_data_url(piece)
}

/// Returns whether a string is a `data:` URL.
///
/// A text can begin with `data:` too, but not with a media type after it and no white space at all.
fn is_data_url(piece: &str) -> bool {
    let is_of_type = |byte: u8| byte.is_ascii_alphanumeric() || b"/+-_.;=".contains(&byte);
    let url = piece.strip_prefix("data:");
    let parts = url.and_then(|url| url.split_once(','));
    parts.is_some_and(|(kind, _)| kind.contains('/') && kind.bytes().all(is_of_type))
        && !piece.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn text_of_value(body: &serde_json::Value) -> String {
        text_of(&body.to_string())
    }

    #[test]
    fn texts_tools_and_variables_are_found() {
        let body = json!({
            "model": "gpt-4o",
            "temperature": 0.5,
            "tools": [{ "type": "function", "function": {
                "name": "get_weather",
                "description": "Tells the weather",
                "parameters": { "type": "object", "properties": {
                    "city": { "type": "string", "description": "Where" },
                    "type": { "type": "string", "enum": ["now", "soon"] },
                } },
            } }],
            "messages": [
                { "role": "system", "content": "Greet {{hc:name:string}}." },
                { "role": "user", "content": [
                    { "type": "text", "text": "What is this?" },
                    { "type": "image_url", "image_url": { "url": format!("data:image/svg+xml;base64,{}", "A".repeat(20)) } },
                    { "type": "input_audio", "input_audio": { "data": "Ab+/".repeat(500) } },
                ] },
                { "role": "assistant", "tool_calls": [{ "function": { "name": "get_weather", "arguments": "{}" } }] },
            ],
        });
        let expected = "Greet {{hc:name:string}}.\nWhat is this?\nget_weather\n{}\n\
            get_weather\nTells the weather\ncity\nWhere\ntype\nnow\nsoon\ngpt-4o";
        assert_eq!(text_of_value(&body), expected);
    }

    #[test]
    fn bodies_of_other_shapes_have_text_too() {
        assert_eq!(text_of_value(&json!({ "messages": "plain" })), "plain");
        assert_eq!(
            text_of_value(&json!({ "messages": [null, 5, "a"], "tools": 7 })),
            "a"
        );
        assert_eq!(text_of_value(&json!(["a"])), "");
    }

    #[test]
    fn compact_formats_are_text() {
        let long = "word,\"other\":".repeat(200);
        for text in [&long, "data:image/png,", "data: a/b, c", "data:{\"a\":1,2}"] {
            let found = text_of_value(&json!({ "messages": [{ "content": text }] }));
            assert_eq!(found.is_empty(), text.starts_with("data:i"), "{text}");
        }
        let long = "tab\tvalue\t".repeat(200);
        assert_eq!(text_of_value(&json!({ "messages": [long] })), long);
    }

    #[test]
    fn a_huge_text_is_cut_between_characters() {
        let body = json!({ "messages": ["é ".repeat(MAX_TEXT_BYTES)], "model": "m" });
        let text = text_of_value(&body);
        assert!(text.len() < MAX_TEXT_BYTES && text.len() > MAX_TEXT_BYTES - 8);
        let long = "漢".repeat(MAX_WORD_BYTES);
        assert_eq!(text_of_value(&json!({ "a": long })), long, "no data");
    }
}
