//! Layout of JSON text: compact or indented.

use super::cursor::JsonCursor;

/// Returns the text without white space between its tokens.
pub(crate) fn compact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut cursor = JsonCursor::new(text);
    // Most text is compact already, and is copied as a whole.
    while let Some(run) = cursor.run() {
        out.push_str(run);
    }
    out
}

/// Returns the text over several lines, indented by two spaces as `serde_json` does it.
pub(crate) fn pretty(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 2);
    let mut cursor = JsonCursor::new(text);
    let mut depth = 0_usize;
    let new_line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    while let Some(part) = next(&mut cursor, text) {
        match part {
            "{" | "[" => {
                out.push_str(part);
                let end = if part == "{" { b'}' } else { b']' };
                if cursor.pass(end) {
                    out.push(char::from(end));
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            "}" | "]" => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push_str(part);
            }
            "," => {
                out.push(',');
                new_line(&mut out, depth);
            }
            ":" => out.push_str(": "),
            part => out.push_str(part),
        }
    }
    out
}

/// Returns the next token: a punctuation mark, a string with its quotes, or a word.
fn next<'a>(cursor: &mut JsonCursor<'a>, text: &'a str) -> Option<&'a str> {
    let first = cursor.peek()?;
    let start = cursor.at();
    match first {
        b'"' => _ = cursor.string()?,
        b'{' | b'}' | b'[' | b']' | b',' | b':' => _ = cursor.pass(first),
        _ => _ = cursor.word()?,
    }
    text.get(start..cursor.at())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn text_is_laid_out_as_serde_json_does_it() {
        let value =
            json!({"a": [1, {}, [], [[2.5]], "b,:\" {c}"], "d\n": {"e": null, "f": [true]}});
        let (short, long) = (
            value.to_string(),
            serde_json::to_string_pretty(&value).unwrap(),
        );
        assert_eq!(pretty(&short), long);
        assert_eq!(pretty(&long), long);
        assert_eq!(compact(&long), short);
        assert_eq!(compact(&short), short);
        assert_eq!(pretty(" 1.50 "), "1.50");
    }

    #[test]
    fn strings_and_numbers_stay_as_they_are_written() {
        let text = "{ \"\\u0061 \" : [ 1E5 ,\t-0,\r\n123456789012345678901 ] , \"a \" : \"\\/ \" }";
        let short = "{\"\\u0061 \":[1E5,-0,123456789012345678901],\"a \":\"\\/ \"}";
        assert_eq!(compact(text), short);
        assert_eq!(compact(&pretty(text)), short);
        assert!(serde_json::from_str::<Value>(&pretty(text)).is_ok());
    }
}
