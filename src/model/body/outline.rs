//! Validation and inspection of JSON text without a tree of its values.
//!
//! A tree may take a hundred times the memory of the text.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The properties of a body that are known without parsing its values.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outline {
    Object(ObjectOutline),
    /// Another kind of value.
    Other(ValueKind),
}

/// The properties of an object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ObjectOutline {
    /// Its member `model`, if that is a string.
    pub(super) model: Option<String>,
    /// The ranges of the names of its members, in order; none if they are many or if one has escapes.
    pub(super) names: Option<Vec<Range<u32>>>,
}

/// The maximum number of members whose names are noted.
const MAX_NAMES: usize = 64;

/// The kind of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// Checks text as strictly as a parser that builds a tree.
pub(super) fn outline(text: &str) -> serde_json::Result<Outline> {
    let mut from = serde_json::Deserializer::from_str(text);
    let outline = if text.trim_ascii_start().starts_with('{') {
        Outline::Object(from.deserialize_map(MemberNames(text))?)
    } else {
        Outline::Other(OutlineWalk(&mut ignore).deserialize(&mut from)?)
    };
    from.end()?;
    Ok(outline)
}

fn ignore(_: &str) {}

/// A visitor of a value and of everything nested in it.
///
/// It passes strings and member names to a closure.
struct OutlineWalk<'s, F>(&'s mut F);

impl<'de, F: FnMut(&str)> DeserializeSeed<'de> for OutlineWalk<'_, F> {
    type Value = ValueKind;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<ValueKind, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, F: FnMut(&str)> Visitor<'de> for OutlineWalk<'_, F> {
    type Value = ValueKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any valid JSON value")
    }

    fn visit_unit<E>(self) -> Result<ValueKind, E> {
        Ok(ValueKind::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<ValueKind, E> {
        Ok(ValueKind::Bool)
    }

    fn visit_i64<E>(self, _: i64) -> Result<ValueKind, E> {
        Ok(ValueKind::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<ValueKind, E> {
        Ok(ValueKind::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<ValueKind, E> {
        Ok(ValueKind::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<ValueKind, E> {
        (self.0)(text);
        Ok(ValueKind::String)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<ValueKind, A::Error> {
        while elements.next_element_seed(OutlineWalk(self.0))?.is_some() {}
        Ok(ValueKind::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ValueKind, A::Error> {
        while members.next_key_seed(OutlineWalk(self.0))?.is_some() {
            members.next_value_seed(OutlineWalk(self.0))?;
        }
        Ok(ValueKind::Object)
    }
}

/// A visitor of the members of an object with this text.
struct MemberNames<'a>(&'a str);

impl<'de> Visitor<'de> for MemberNames<'de> {
    type Value = ObjectOutline;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<ObjectOutline, A::Error> {
        let mut model = None;
        let mut names = Some(Vec::new());
        while let Some(name) = members.next_key_seed(MemberName)? {
            names = names.zip(name.written).and_then(|(mut names, written)| {
                names.push(range_within(self.0, written)?);
                (names.len() <= MAX_NAMES).then_some(names)
            });
            if !name.is_model {
                members.next_value_seed(OutlineWalk(&mut ignore))?;
                continue;
            }
            // If a name occurs more than once, the last member counts.
            let mut text = String::new();
            let kind =
                members.next_value_seed(OutlineWalk(&mut |string: &str| text = string.into()))?;
            model = (kind == ValueKind::String).then_some(text);
        }
        Ok(ObjectOutline { model, names })
    }
}

/// Returns where a part of a text is.
fn range_within(text: &str, part: &str) -> Option<Range<u32>> {
    let start = part.as_ptr().addr().checked_sub(text.as_ptr().addr())?;
    let range = u32::try_from(start).ok()?..u32::try_from(start + part.len()).ok()?;
    let found = text.get(range.start as usize..range.end as usize);
    found.is_some_and(|found| found == part).then_some(range)
}

/// A visitor of a member's name.
struct MemberName;

/// The name of a member.
struct FoundName<'de> {
    is_model: bool,
    /// The name in the text, if it has no escapes.
    written: Option<&'de str>,
}

impl<'de> DeserializeSeed<'de> for MemberName {
    type Value = FoundName<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<FoundName<'de>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for MemberName {
    type Value = FoundName<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<FoundName<'de>, E> {
        Ok(FoundName {
            is_model: name == "model",
            written: Some(name),
        })
    }

    fn visit_str<E>(self, name: &str) -> Result<FoundName<'de>, E> {
        Ok(FoundName {
            is_model: name == "model",
            written: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::json;

    #[test]
    fn text_is_refused_like_by_a_parser() {
        let deep = format!("{}{}", "[".repeat(128), "]".repeat(128));
        for text in [
            "",
            "{",
            "{}x",
            "[1,]",
            r#"{"a":1e999}"#,
            r#"{"a":"\ud800"}"#,
            r#"{"\ud800":1}"#,
            r#"{"a" 1}"#,
            r#"{1:2}"#,
            "{\"a\":\"\n\"}",
            "[1e999]",
            "01",
            &deep,
            &format!(r#"{{"model":{deep}}}"#),
        ] {
            let expected = serde_json::from_str::<Value>(text).unwrap_err();
            assert_eq!(
                outline(text).unwrap_err().to_string(),
                expected.to_string(),
                "{text}"
            );
        }
    }

    #[test]
    fn the_outline_matches_the_tree() {
        for text in [
            "{}",
            r#" {"model":"m"} "#,
            r#"{"model":"\u00fc\n","a":{"model":"no"}}"#,
            r#"{"mod\u0065l":"m"}"#,
            r#"{"model":"a","model":["b"]}"#,
            r#"{"model":5,"model":"b"}"#,
            r#"{"model":["a"]}"#,
            r#"{"a":[{"model":"no"}],"b":-1.5e3,"c":null,"d":true}"#,
        ] {
            let tree: Value = serde_json::from_str(text).unwrap();
            let model = tree["model"].as_str().map(str::to_owned);
            let Outline::Object(outline) = outline(text).unwrap() else {
                panic!("{text}");
            };
            assert_eq!(outline.model, model, "{text}");
            let names = outline.names.map(|names| {
                let each = names.into_iter();
                each.map(|name| &text[name.start as usize..name.end as usize])
                    .collect::<Vec<_>>()
            });
            let written: Vec<_> = json::members(text).map(|(name, _)| name).collect();
            let expected = (!text.contains("mod\\u0065l")).then_some(written);
            assert_eq!(
                names,
                expected
                    .as_ref()
                    .map(|names| names.iter().map(|name| &**name).collect()),
                "{text}"
            );
        }
        for (text, kind) in [
            ("null", ValueKind::Null),
            ("[{}]", ValueKind::Array),
            ("\"{}\"", ValueKind::String),
            ("-1", ValueKind::Number),
            ("1.5", ValueKind::Number),
            ("true", ValueKind::Bool),
        ] {
            assert_eq!(outline(text).unwrap(), Outline::Other(kind));
        }
    }
}
