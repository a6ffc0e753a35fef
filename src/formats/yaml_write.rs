//! Writing of values as YAML that is made to be read: texts of several lines are blocks.

use super::node::{FileNode, NodeMembers, NodeValue};
use super::yaml_read::{is_json_number, is_other_number};

/// The indentation of each level.
const INDENT: &str = "  ";

/// The maximum length of a key in bytes that needs no mark. YAML allows 1,024 characters.
const MAX_PLAIN_KEY_BYTES: usize = 200;

/// Writes the members of a mapping, each on lines of its own.
pub(super) fn write_members(members: &NodeMembers, out: &mut String) {
    write_map(members, "", out);
}

/// Writes the items of a list, each on lines of its own.
pub(super) fn write_items(items: &[FileNode], out: &mut String) {
    if items.is_empty() {
        out.push_str("[]\n");
    }
    write_list(items, "", out);
}

fn write_map(members: &NodeMembers, indent: &str, out: &mut String) {
    for (position, (name, value)) in members.iter().enumerate() {
        if position > 0 {
            out.push_str(indent);
        }
        write_member(name, value, indent, out);
    }
}

/// Writes a member. Its first line is indented already.
fn write_member(name: &str, value: &FileNode, indent: &str, out: &mut String) {
    let key = scalar(name);
    if key.len() > MAX_PLAIN_KEY_BYTES {
        out.push_str(&format!("? {}\n{indent}:", quoted(name)));
    } else {
        out.push_str(&key);
        out.push(':');
    }
    match &value.value {
        NodeValue::Map(members) if !members.is_empty() => {
            let deeper = format!("{indent}{INDENT}");
            out.push('\n');
            out.push_str(&deeper);
            write_map(members, &deeper, out);
        }
        NodeValue::List(items) if !items.is_empty() => {
            out.push('\n');
            write_list(items, &format!("{indent}{INDENT}"), out);
        }
        _ => write_leaf(value, indent, out),
    }
}

/// Writes the items of a list, with their indentation.
fn write_list(items: &[FileNode], indent: &str, out: &mut String) {
    let deeper = format!("{indent}{INDENT}");
    for item in items {
        out.push_str(indent);
        out.push('-');
        match &item.value {
            NodeValue::Map(members) if !members.is_empty() => {
                out.push(' ');
                write_map(members, &deeper, out);
            }
            NodeValue::List(items) if !items.is_empty() => {
                out.push('\n');
                write_list(items, &deeper, out);
            }
            _ => write_leaf(item, indent, out),
        }
    }
}

/// Writes a value without values in it, after a space, and ends the line.
fn write_leaf(value: &FileNode, indent: &str, out: &mut String) {
    out.push(' ');
    match &value.value {
        NodeValue::Null => out.push_str("null"),
        NodeValue::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        NodeValue::Number(number) => out.push_str(number),
        NodeValue::List(_) => out.push_str("[]"),
        NodeValue::Map(_) => out.push_str("{}"),
        NodeValue::Text(text) if is_block(text) => return write_block(text, indent, out),
        NodeValue::Text(text) => out.push_str(&scalar(text)),
    }
    out.push('\n');
}

/// Returns whether a text can be written as a literal block.
fn is_block(text: &str) -> bool {
    let core = text.trim_matches('\n');
    core.contains('\n') && core.chars().all(|c| c == '\n' || c == '\t' || is_printable(c))
        // A block of one line with line ends after it is as readable when quoted.
        || !core.is_empty() && text.len() == core.len() + 1 && text.ends_with('\n') && core.chars().all(|c| c == '\t' || is_printable(c))
}

fn write_block(text: &str, indent: &str, out: &mut String) {
    let core = text.trim_end_matches('\n');
    // The indentation is spelled out if the first line could be taken for more indentation.
    let explicit = if text.starts_with([' ', '\n', '\t']) {
        "2"
    } else {
        ""
    };
    let chomping = match text.len() - core.len() {
        0 => "-",
        1 => "",
        _ => "+",
    };
    out.push_str(&format!("|{explicit}{chomping}\n"));
    let kept = match text.len() - core.len() {
        0 | 1 => core,
        _ => &text[..text.len() - 1],
    };
    for line in kept.split('\n') {
        if !line.is_empty() {
            out.push_str(indent);
            out.push_str(INDENT);
            out.push_str(line);
        }
        out.push('\n');
    }
}

/// Returns a text as a scalar in one line: plain if that is safe, and quoted otherwise.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        text.to_owned()
    } else {
        quoted(text)
    }
}

/// Returns whether every reader of YAML takes a plain scalar as this text.
fn is_plain(text: &str) -> bool {
    let mut chars = text.chars();
    let begins = chars
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    let is_safe = |c: char| c.is_ascii_alphanumeric() || " _-./,()!?'+@".contains(c);
    // YAML 1.1 reads some words as booleans.
    let word = text.to_ascii_lowercase();
    let is_word =
        ["y", "n", "yes", "no", "on", "off", "true", "false", "null"].contains(&word.as_str());
    begins
        && text.chars().all(is_safe)
        && !text.ends_with(' ')
        && !is_word
        && !is_json_number(text)
        && !is_other_number(text)
}

/// Returns a text in double quotes, with escapes for everything that is not printable.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_printable(c) => out.push(c),
            c if u32::from(c) <= 0xffff => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push_str(&format!("\\U{:08X}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// Returns whether YAML allows a character as it is, and no reader takes it for a line end.
fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(
            c,
            '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::yaml_read::read;
    use super::*;

    fn round_trip(node: &FileNode) -> Result<(), TestCaseError> {
        let NodeValue::Map(members) = &node.value else {
            return Ok(());
        };
        let mut text = String::new();
        write_members(members, &mut text);
        let found =
            read(&text, 1).map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        let found = if members.is_empty() {
            "{}".to_owned()
        } else {
            found.root.to_json()
        };
        prop_assert_eq!(found, node.to_json(), "{}", text);
        Ok(())
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z ]{0,8}",
            r"[ \n\ta#:\-|>'%@`{}\[\],&*!?]{0,12}",
            "(true|no|~|null|0x1|1e5|-|007|\\.5|\\+1|2024-01-01|<<|---|\\.\\.\\.)",
            any::<String>(),
            ".{0,20}\n{0,3}.{0,20}\n{0,3}",
        ]
    }

    fn any_node() -> impl Strategy<Value = FileNode> {
        let leaf = prop_oneof![
            Just(NodeValue::Null),
            any::<bool>().prop_map(NodeValue::Bool),
            "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?"
                .prop_map(NodeValue::Number),
            any_text().prop_map(NodeValue::Text),
        ];
        let node = leaf.prop_map(FileNode::new);
        node.prop_recursive(5, 40, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|items| FileNode::new(NodeValue::List(items))),
                prop::collection::btree_map(any_text(), inner, 0..4)
                    .prop_map(|members| FileNode::map(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            members in prop::collection::btree_map(any_text(), any_node(), 0..4),
        ) {
            round_trip(&FileNode::map(members.into_iter().collect()))?;
        }
    }

    #[test]
    fn texts_of_several_lines_are_blocks() {
        let members = vec![
            ("a".to_owned(), FileNode::text("one\ntwo\n")),
            ("b c".to_owned(), FileNode::text("plain text")),
            (
                "list".to_owned(),
                FileNode::new(NodeValue::List(vec![FileNode::text("x\ny")])),
            ),
        ];
        let mut text = String::new();
        write_members(&members, &mut text);
        assert_eq!(
            text,
            "a: |\n  one\n  two\nb c: plain text\nlist:\n  - |-\n    x\n    y\n"
        );
    }

    #[test]
    fn long_keys_and_deep_values_are_read() {
        let mut node = FileNode::text("x");
        for level in 0..60 {
            let key = "k".repeat(level * 40);
            node = FileNode::map(vec![(key, FileNode::new(NodeValue::List(vec![node])))]);
        }
        round_trip(&node).unwrap();
    }
}
