//! A walk through all texts of a body: its strings and the names of its members.

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

/// The path of a walk, or nothing if the walk needs none.
pub(super) trait WalkPath: Sized {
    /// Returns the path of a body that is no object.
    fn of_body() -> Self;

    /// Returns the path of a member of a body.
    fn of_member(name: &str) -> Self;

    /// Runs `act` with the path one step further, and then restores the path.
    fn within(&mut self, step: LocationStep<'_>, act: impl FnOnce(&mut Self));
}

impl WalkPath for LocationPath {
    fn of_body() -> Self {
        Self::new("body")
    }

    fn of_member(name: &str) -> Self {
        Self::new("").within(LocationStep::Member(name), |path| {
            Self::new(path.place().as_str().trim_start_matches('.'))
        })
    }

    fn within(&mut self, step: LocationStep<'_>, act: impl FnOnce(&mut Self)) {
        self.within(step, act);
    }
}

impl WalkPath for () {
    fn of_body() -> Self {}

    fn of_member(_name: &str) -> Self {}

    fn within(&mut self, _step: LocationStep<'_>, act: impl FnOnce(&mut Self)) {
        act(self);
    }
}

/// Calls `act` with each text of a body and its place.
pub(crate) fn each_text(body: &Value, act: &mut dyn FnMut(&str, FilledTags, &LocationPath)) {
    walk(body, act);
}

/// Calls `act` with each text of a body, and with its path.
pub(super) fn walk<P: WalkPath>(body: &Value, act: &mut dyn FnMut(&str, FilledTags, &P)) {
    let mut walk = TextWalk { act };
    let Value::Object(members) = body else {
        return walk.value(body, FilledTags::None, &mut P::of_body());
    };
    for (name, value) in members {
        let mut path = P::of_member(name);
        walk.text(name, FilledTags::None, &path);
        match (name.as_str(), value) {
            ("messages", Value::Array(messages)) => walk.messages(messages, &mut path),
            (name, value) if SECTIONS.contains(&name) => {
                walk.value(value, FilledTags::Variables, &mut path);
            }
            (_, value) => walk.value(value, FilledTags::None, &mut path),
        }
    }
}

struct TextWalk<'w, P> {
    act: &'w mut dyn FnMut(&str, FilledTags, &P),
}

impl<P: WalkPath> TextWalk<'_, P> {
    fn text(&mut self, text: &str, filled: FilledTags, path: &P) {
        (self.act)(text, filled, path);
    }

    fn messages(&mut self, messages: &[Value], path: &mut P) {
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

    fn parts(&mut self, parts: &[Value], path: &mut P) {
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
        path: &mut P,
        visit: &mut dyn FnMut(&mut Self, &str, &Value, &mut P),
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

    fn value(&mut self, value: &Value, filled: FilledTags, path: &mut P) {
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
