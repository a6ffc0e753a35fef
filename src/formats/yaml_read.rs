//! Reading of YAML into values whose lines and numbers are exact.
//!
//! The parser's events contain the text of each scalar, which is resolved by the core schema of
//! [YAML 1.2](https://yaml.org/spec/1.2.2/#103-core-schema). A number that JSON cannot write is
//! refused, as are merge keys, tags and repeated keys. Aliases are replaced by what they name.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use super::finding::FormatFinding;
use super::node::{FileNode, NodeMembers, NodeValue};
use crate::model::body::Body;

/// What a text of YAML contains.
pub(super) struct YamlText {
    pub(super) root: FileNode,
    /// The lines of its comments.
    pub(super) comments: Vec<usize>,
}

/// A list or a mapping whose end was not read yet.
struct OpenNode {
    line: usize,
    anchor: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<FileNode>),
    /// The members, and the key whose value comes next.
    Map(NodeMembers, Option<(usize, String)>),
}

/// Reads a document. Its first line is line `first_line` of the file.
pub(super) fn read(text: &str, first_line: usize) -> Result<YamlText, FormatFinding> {
    let mut reader = YamlReader {
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        values: 0,
    };
    let mut comments = Vec::new();
    for event in Parser::new_from_str(text) {
        let line = |line: usize| line.max(1) - 1 + first_line;
        let (event, span) = event.map_err(|error| {
            let reason = error.kind();
            FormatFinding::new(line(error.marker().line()), format!("not YAML: {reason}"))
        })?;
        let line = line(span.start.line());
        match event {
            Event::Comment(..) => comments.push(line),
            Event::DocumentStart(..) if reader.root.is_some() => {
                return Err(FormatFinding::new(line, "the file has a second document"));
            }
            Event::Alias(anchor) => reader.alias(anchor, line)?,
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map(|tag| tag.to_string());
                reader.scalar(&text, style, anchor, tag.as_deref(), line)?;
            }
            Event::SequenceStart(_, anchor, tag) => {
                refuse_tag(tag.map(|tag| tag.to_string()).as_deref(), line)?;
                reader.begin(OpenKind::List(Vec::new()), anchor, line)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                refuse_tag(tag.map(|tag| tag.to_string()).as_deref(), line)?;
                reader.begin(OpenKind::Map(Vec::new(), None), anchor, line)?;
            }
            Event::SequenceEnd | Event::MappingEnd => reader.end()?,
            _ => {}
        }
    }
    let empty = FileNode {
        line: first_line,
        value: NodeValue::Null,
    };
    Ok(YamlText {
        root: reader.root.unwrap_or(empty),
        comments,
    })
}

struct YamlReader {
    open: Vec<OpenNode>,
    /// The values with anchors, each with the number of values in it.
    anchors: HashMap<usize, (FileNode, usize)>,
    root: Option<FileNode>,
    /// The number of values so far, with those of aliases.
    values: usize,
}

impl YamlReader {
    fn begin(&mut self, kind: OpenKind, anchor: usize, line: usize) -> Result<(), FormatFinding> {
        if let Some(OpenNode {
            kind: OpenKind::Map(_, None),
            ..
        }) = self.open.last()
        {
            let reason = "a key is a list or a mapping; JSON has only texts as keys";
            return Err(FormatFinding::new(line, reason));
        }
        if self.open.len() >= Body::MAX_DEPTH {
            let reason = format!("it is nested deeper than {} levels", Body::MAX_DEPTH);
            return Err(FormatFinding::new(line, reason));
        }
        self.open.push(OpenNode { line, anchor, kind });
        Ok(())
    }

    fn end(&mut self) -> Result<(), FormatFinding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let value = match open.kind {
            OpenKind::List(items) => NodeValue::List(items),
            OpenKind::Map(members, _) => NodeValue::Map(members),
        };
        let line = open.line;
        self.put(FileNode { line, value }, open.anchor, line)
    }

    fn alias(&mut self, anchor: usize, line: usize) -> Result<(), FormatFinding> {
        let Some((node, size)) = self.anchors.get(&anchor) else {
            let reason = "the alias names a value that it is a part of";
            return Err(FormatFinding::new(line, reason));
        };
        let (node, size) = (node.clone(), *size);
        self.values += size;
        self.check_size(line)?;
        self.put(node, 0, line)
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        anchor: usize,
        tag: Option<&str>,
        line: usize,
    ) -> Result<(), FormatFinding> {
        let is_key = matches!(
            self.open.last(),
            Some(OpenNode {
                kind: OpenKind::Map(_, None),
                ..
            })
        );
        if is_key && style == ScalarStyle::Plain && text == "<<" {
            let reason = "merge keys are not carried; write the members out";
            return Err(FormatFinding::new(line, reason));
        }
        let is_text = match tag {
            Some("!" | "!!str" | "tag:yaml.org,2002:str") => true,
            tag => {
                refuse_tag(tag, line)?;
                style != ScalarStyle::Plain
            }
        };
        let value = if is_key || is_text {
            NodeValue::Text(text.to_owned())
        } else {
            plain(text, line)?
        };
        self.put(FileNode { line, value }, anchor, line)
    }

    /// Puts a value in its place.
    fn put(&mut self, node: FileNode, anchor: usize, line: usize) -> Result<(), FormatFinding> {
        self.values += 1;
        self.check_size(line)?;
        if anchor != 0 {
            let size = count(&node);
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.kind) {
            None => self.root = Some(node),
            Some(OpenKind::List(items)) => items.push(node),
            Some(OpenKind::Map(members, key)) => match key.take() {
                Some((_, name)) => members.push((name, node)),
                None => {
                    let NodeValue::Text(name) = node.value else {
                        let reason = "a key is not a text; JSON has only texts as keys";
                        return Err(FormatFinding::new(line, reason));
                    };
                    if members.iter().any(|(other, _)| *other == name) {
                        let reason = format!("the key {name} is given twice");
                        return Err(FormatFinding::new(line, reason));
                    }
                    *key = Some((line, name));
                }
            },
        }
        Ok(())
    }

    fn check_size(&self, line: usize) -> Result<(), FormatFinding> {
        if self.values <= Body::MAX_VALUES {
            return Ok(());
        }
        let reason = format!("it has more than {} values", Body::MAX_VALUES);
        Err(FormatFinding::new(line, reason))
    }
}

fn count(node: &FileNode) -> usize {
    1 + match &node.value {
        NodeValue::List(items) => items.iter().map(count).sum(),
        NodeValue::Map(members) => members.iter().map(|(_, value)| count(value)).sum(),
        _ => 0,
    }
}

fn refuse_tag(tag: Option<&str>, line: usize) -> Result<(), FormatFinding> {
    let Some(tag) = tag else {
        return Ok(());
    };
    let reason = format!("the YAML tag {tag} is not carried; remove it");
    Err(FormatFinding::new(line, reason))
}

/// Returns the value of a plain scalar.
fn plain(text: &str, line: usize) -> Result<NodeValue, FormatFinding> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => NodeValue::Null,
        "true" | "True" | "TRUE" => NodeValue::Bool(true),
        "false" | "False" | "FALSE" => NodeValue::Bool(false),
        number if is_json_number(number) => NodeValue::Number(number.to_owned()),
        number if is_other_number(number) => {
            let reason = format!(
                "JSON cannot write the number {number}; write it in decimal, or quote it as text"
            );
            return Err(FormatFinding::new(line, reason));
        }
        text => NodeValue::Text(text.to_owned()),
    })
}

pub(super) fn is_json_number(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    // The notation is checked, not the range.
    begins && serde_json::from_str::<&serde_json::value::RawValue>(text).is_ok()
}

/// Returns whether YAML reads a number that JSON cannot write, such as `0x1F` or `.inf`.
pub(super) fn is_other_number(text: &str) -> bool {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    if matches!(
        unsigned,
        ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
    ) {
        return true;
    }
    let radix = |prefix, is_digit: fn(char) -> bool| {
        let digits = unsigned.strip_prefix(prefix);
        digits.is_some_and(|digits: &str| !digits.is_empty() && digits.chars().all(is_digit))
    };
    if radix("0x", |c| c.is_ascii_hexdigit()) || radix("0o", |c| c.is_digit(8)) {
        return true;
    }
    // `+1`, `1.`, `.5` and `007`, and the same with an exponent.
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_exponent = exponent.is_none_or(|exponent| {
        let digits = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !digits.is_empty() && is_digits(digits)
    });
    let has_digit = !whole.is_empty() || !fraction.is_empty();
    has_digit && is_digits(whole) && is_digits(fraction) && is_exponent
}
