//! Validation and inspection of JSON text without a tree of its values.
//!
//! A tree may take a hundred times the memory of the text.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

/// The properties of a body that are known without parsing its values.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outline {
    /// An object, and its member `model`, if that is a string.
    Object(Option<String>),
    /// Another kind of value.
    Other(ValueKind),
}

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
        Outline::Object(from.deserialize_map(MemberNames)?)
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

/// A visitor of a body's members that reads `model`.
struct MemberNames;

impl<'de> Visitor<'de> for MemberNames {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Self::Value, A::Error> {
        let mut model = None;
        loop {
            let mut is_model = false;
            let mut look = |name: &str| is_model = name == "model";
            if members.next_key_seed(OutlineWalk(&mut look))?.is_none() {
                return Ok(model);
            }
            if !is_model {
                members.next_value_seed(OutlineWalk(&mut ignore))?;
                continue;
            }
            // If a name occurs more than once, the last member counts.
            let mut text = String::new();
            let kind =
                members.next_value_seed(OutlineWalk(&mut |string: &str| text = string.into()))?;
            model = (kind == ValueKind::String).then_some(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

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
            assert_eq!(outline(text).unwrap(), Outline::Object(model), "{text}");
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
