//! A walk through all texts of a body: its strings and the names of its members.

use memchr::memchr;
use serde_json::Value;

use super::place::{LocationPath, LocationStep};
use super::uses::{SECTIONS, part_text};

/// Which tags of a text rendering fills.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilledTags {
    /// Variables and partials: the text of a message.
    All,
    /// Variables: a text in `tools` or `response_format`.
    Variables,
    /// None: any other text.
    None,
}

/// Calls `act` with each text of a body. `only_braces` leaves out texts without a brace, which
/// contain no tag.
pub(crate) fn each_text(
    body: &Value,
    only_braces: bool,
    act: &mut dyn FnMut(&str, FilledTags, &LocationPath),
) {
    let mut walk = TextWalk { only_braces, act };
    let Value::Object(members) = body else {
        return walk.value(body, FilledTags::None, &mut LocationPath::new("body"));
    };
    for (name, value) in members {
        let mut path = LocationPath::new("");
        path.within(LocationStep::Member(name), |path| {
            let mut path = LocationPath::new(path.place().as_str().trim_start_matches('.'));
            walk.text(name, FilledTags::None, &path);
            match (name.as_str(), value) {
                ("messages", Value::Array(messages)) => walk.messages(messages, &mut path),
                (name, value) if SECTIONS.contains(&name) => {
                    walk.value(value, FilledTags::Variables, &mut path);
                }
                (_, value) => walk.value(value, FilledTags::None, &mut path),
            }
        });
    }
}

struct TextWalk<'w> {
    only_braces: bool,
    act: &'w mut dyn FnMut(&str, FilledTags, &LocationPath),
}

impl TextWalk<'_> {
    fn text(&mut self, text: &str, filled: FilledTags, path: &LocationPath) {
        if !self.only_braces || memchr(b'{', text.as_bytes()).is_some() {
            (self.act)(text, filled, path);
        }
    }

    fn messages(&mut self, messages: &[Value], path: &mut LocationPath) {
        for (index, message) in messages.iter().enumerate() {
            path.within(LocationStep::Index(index), |path| {
                self.members(
                    message,
                    FilledTags::None,
                    path,
                    &mut |walk, name, value, path| match (name, value) {
                        ("content", Value::String(text)) => {
                            walk.text(text, FilledTags::All, path);
                        }
                        ("content", Value::Array(parts)) => walk.parts(parts, path),
                        (_, value) => walk.value(value, FilledTags::None, path),
                    },
                );
            });
        }
    }

    fn parts(&mut self, parts: &[Value], path: &mut LocationPath) {
        for (index, part) in parts.iter().enumerate() {
            path.within(LocationStep::Index(index), |path| {
                let filled = part_text(part);
                self.members(
                    part,
                    FilledTags::None,
                    path,
                    &mut |walk, name, value, path| match (name, filled) {
                        ("text", Some(text)) => walk.text(text, FilledTags::All, path),
                        _ => walk.value(value, FilledTags::None, path),
                    },
                );
            });
        }
    }

    /// Visits the members of an object with their names, or another value.
    fn members(
        &mut self,
        value: &Value,
        filled: FilledTags,
        path: &mut LocationPath,
        visit: &mut dyn FnMut(&mut Self, &str, &Value, &mut LocationPath),
    ) {
        let Value::Object(members) = value else {
            return self.value(value, filled, path);
        };
        for (name, value) in members {
            path.within(LocationStep::Member(name), |path| {
                self.text(name, filled, path);
                visit(self, name, value, path);
            });
        }
    }

    fn value(&mut self, value: &Value, filled: FilledTags, path: &mut LocationPath) {
        match value {
            Value::String(text) => self.text(text, filled, path),
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    path.within(LocationStep::Index(index), |path| {
                        self.value(item, filled, path);
                    });
                }
            }
            Value::Object(_) => {
                self.members(value, filled, path, &mut |walk, _, value, path| {
                    walk.value(value, filled, path);
                });
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}
