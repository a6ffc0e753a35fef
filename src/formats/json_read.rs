//! Reading of JSON into values with lines.

use super::finding::FormatFinding;
use super::node::{FileNode, NodeMembers, NodeValue, set};
use crate::json::{items, members, string};
use crate::model::body::Body;

/// Reads a text of JSON. If a member is repeated, the last one counts.
pub(super) fn read(text: &str) -> Result<FileNode, FormatFinding> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|error| FormatFinding::new(error.line(), format!("not JSON: {error}")))?;
    let mut reader = JsonReader {
        text,
        passed: 0,
        line: 1,
    };
    reader.node(text.trim(), 0)
}

struct JsonReader<'a> {
    text: &'a str,
    /// The position up to which lines are counted, and the line there.
    passed: usize,
    line: usize,
}

impl JsonReader<'_> {
    /// Reads a value, which is a part of the text that is not before the parts that were read.
    fn node(&mut self, part: &str, depth: usize) -> Result<FileNode, FormatFinding> {
        let line = self.line_of(part);
        if depth >= Body::MAX_DEPTH {
            let reason = format!("it is nested deeper than {} levels", Body::MAX_DEPTH);
            return Err(FormatFinding::new(line, reason));
        }
        let value = match part.as_bytes().first() {
            Some(b'{') => {
                let mut found = NodeMembers::new();
                for (name, value) in members(part) {
                    let value = self.node(value.trim(), depth + 1)?;
                    set(&mut found, name.into_owned(), value);
                }
                NodeValue::Map(found)
            }
            Some(b'[') => {
                let items = items(part).map(|item| self.node(item.trim(), depth + 1));
                NodeValue::List(items.collect::<Result<_, _>>()?)
            }
            Some(b'"') => {
                let text = string(part);
                let text = text.ok_or_else(|| {
                    FormatFinding::new(line, "a text is not Unicode: it has half a surrogate pair")
                })?;
                NodeValue::Text(text.into_owned())
            }
            Some(b't') => NodeValue::Bool(true),
            Some(b'f') => NodeValue::Bool(false),
            Some(b'n') | None => NodeValue::Null,
            Some(_) => NodeValue::Number(part.to_owned()),
        };
        Ok(FileNode { line, value })
    }

    fn line_of(&mut self, part: &str) -> usize {
        let at = (part.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        if let Some(between) = self.text.get(self.passed..at) {
            self.line += between.matches('\n').count();
            self.passed = at;
        }
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_their_lines() {
        let node = read("{\n \"a\": [1,\n 2.50],\n\n \"b\": {\"c\": \"x\\ny\"}}\n").unwrap();
        assert_eq!(node.to_json(), r#"{"a":[1,2.50],"b":{"c":"x\ny"}}"#);
        let lines = ["a", "b"].map(|name| node.get(name).unwrap().line);
        assert_eq!((node.line, lines), (1, [2, 5]));
        let error = read("{\n\"a\": }").unwrap_err();
        assert_eq!(error.line, Some(2));
    }
}
