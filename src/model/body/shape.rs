//! Counts of the values in JSON text, without parsing it.

use memchr::memchr2;

/// The numbers of values and objects in JSON text. For text that is not JSON they have no meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BodySize {
    /// Objects, arrays, strings, numbers, booleans and nulls. Member names do not count.
    pub(crate) values: usize,
    /// Objects that have members.
    objects: usize,
    bytes: usize,
}

/// The memory of a parsed value and its member name, including the spare capacity of lists.
const BYTES_OF_VALUE: usize = 100;

/// The memory of an object's table and list of members, without the members' values.
const BYTES_OF_OBJECT: usize = 450;

impl BodySize {
    pub(crate) fn of(text: &[u8]) -> Self {
        // Every element of a list except the first follows a comma. Every list that is not empty
        // has a first element.
        let (mut values, mut objects) = (1, 0);
        // The opening bracket of a list whose first element has not been seen yet.
        let mut opened = None;
        let mut at = 0;
        while let Some(&byte) = text.get(at) {
            at += 1;
            match byte {
                b' ' | b'\t' | b'\n' | b'\r' => continue,
                b']' | b'}' => {
                    opened = None;
                    continue;
                }
                _ => {}
            }
            if let Some(bracket) = opened.take() {
                values += 1;
                objects += usize::from(bracket == b'{');
            }
            match byte {
                b',' => values += 1,
                b'[' | b'{' => opened = Some(byte),
                b'"' => at = end_of_string(text, at),
                _ => {}
            }
        }
        Self {
            values,
            objects,
            bytes: text.len(),
        }
    }

    /// Returns the memory that the parsed values take, in bytes.
    ///
    /// The estimate is rather too high than too low.
    pub(crate) fn parsed_bytes(&self) -> usize {
        // The strings are parts of the text, so in total they are no longer than it.
        self.bytes + BYTES_OF_VALUE * self.values + BYTES_OF_OBJECT * self.objects
    }
}

/// Returns the position after the string whose first byte is at `at`.
fn end_of_string(text: &[u8], mut at: usize) -> usize {
    loop {
        let rest = text.get(at..).unwrap_or_default();
        match memchr2(b'"', b'\\', rest) {
            None => return text.len(),
            Some(quote) if rest[quote] == b'"' => return at + quote + 1,
            Some(escape) => at += escape + 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn count(value: &Value) -> (usize, usize) {
        let below: Vec<&Value> = match value {
            Value::Array(elements) => elements.iter().collect(),
            Value::Object(members) => members.values().collect(),
            _ => Vec::new(),
        };
        let own = usize::from(value.as_object().is_some_and(|members| !members.is_empty()));
        below
            .into_iter()
            .map(count)
            .fold((1, own), |sum, one| (sum.0 + one.0, sum.1 + one.1))
    }

    #[test]
    fn values_are_counted_like_by_a_parser() {
        for text in [
            "{}",
            " [ ] ",
            "1",
            r#""a,b,{[""#,
            "[[],[],{}]",
            "[[[ ]]]",
            r#"{"":0}"#,
            r#"[{"":0},{"":0} , {"a":{}, "b":[]}]"#,
            r#"{"a\\":"\"," , "b\"":[1,2,[3,null,true]],"{":"}","[":{"x":{"y":[{}]}}}"#,
            "[\"\\u0022,\", \"\\\\\", \"ü,\"]",
        ] {
            let shape = BodySize::of(text.as_bytes());
            let parsed = count(&serde_json::from_str(text).unwrap());
            assert_eq!((shape.values, shape.objects), parsed, "{text}");
        }
    }

    #[test]
    fn any_bytes_can_be_counted() {
        for text in [
            "", "\"", "\"\\", "\"\\\"", "]]}}", "[{\"", "{\"a\\\\", ",,,",
        ] {
            BodySize::of(text.as_bytes());
        }
    }
}
