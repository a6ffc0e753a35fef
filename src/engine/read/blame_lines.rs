//! Blame by line: the version that introduced each line of a body's texts.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::blame::{BaseWalk, BlameOrigin};
use super::bodies::BodyReader;
use crate::diff::line_matches;
use crate::diff::parts::{Part, matched, parts};
use crate::diff::pointer::Pointer;
use crate::json::JsonTree;
use crate::model::body::Body;
use crate::model::error::Result;
use crate::model::record::Version;
use crate::storage::Snapshot;

/// The origin of each line of the texts of a version's body.
///
/// As JSON: `{version: Version, texts: [BlamedText]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LineBlame {
    /// The blamed version.
    pub version: Version,
    /// The texts of its messages and of its other parts, in body order.
    pub texts: Vec<BlamedText>,
}

/// A text of a body, and the version that introduced each of its lines.
///
/// As JSON: `{pointer, lines: [BlamedLine]}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlamedText {
    /// The location of the text in the body, such as `/messages/0/content`.
    pub pointer: Pointer,
    /// The lines, in order.
    pub lines: Vec<BlamedLine>,
}

/// A line of a text, and the version that introduced it.
///
/// As JSON: `{text, origin: {id, number, author, created_at, message}, boundary}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BlamedLine {
    /// The line without its line break.
    pub text: String,
    /// The oldest version of the chain of bases, back from the blamed version, in which the line is
    /// unchanged.
    pub origin: BlameOrigin,
    /// Whether the walk ended at the origin because the body of its base was garbage-collected.
    ///
    /// The line may then be older.
    pub boundary: bool,
}

/// A text whose lines are not all resolved.
struct OpenText {
    /// The index of the text in the result.
    at: usize,
    /// The part of the body that the walk has reached, and the path from there to the text.
    part: Part,
    path: Vec<PathStep>,
    /// The index of each unresolved line in the blamed text and in the text that was reached.
    lines: Vec<(usize, usize)>,
}

/// A step from a value to one of its values.
#[derive(Clone, Debug)]
enum PathStep {
    Member(String),
    Item(usize),
}

/// Finds the origins of the lines of the texts of a version's body.
pub(crate) fn blame_lines(
    snapshot: &dyn Snapshot,
    bodies: &BodyReader,
    version: Version,
) -> Result<LineBlame> {
    let body = bodies.read_of(snapshot, &version)?;
    let found = texts(&body);
    let mut origins: Vec<HashMap<usize, (BlameOrigin, bool)>> = vec![HashMap::new(); found.len()];
    let mut open: Vec<OpenText> = found
        .iter()
        .enumerate()
        .map(|(at, (part, path, text))| OpenText {
            at,
            part: part.clone(),
            path: path.clone(),
            lines: (0..lines(text).len()).map(|line| (line, line)).collect(),
        })
        .collect();
    let mut walk = BaseWalk::from(version.clone(), body);
    while !open.is_empty() {
        let Some((base, before)) = walk.base(snapshot, bodies)? else {
            for text in open {
                let last = text.lines.into_iter();
                origins[text.at].extend(last.map(|(line, _)| (line, walk.end())));
            }
            break;
        };
        if base.blob != walk.at.blob {
            let (old, new) = (JsonTree::of(before.text()), JsonTree::of(walk.body.text()));
            let earlier_parts = matched(&old, &new);
            for text in &mut open {
                let resolved = step(text, &earlier_parts, &old, &new);
                let now = resolved.into_iter();
                origins[text.at].extend(now.map(|line| (line, ((&walk.at).into(), false))));
            }
            open.retain(|text| !text.lines.is_empty());
        }
        (walk.at, walk.body) = (base, before);
    }
    let texts = found.into_iter().zip(origins);
    let texts = texts.map(|((part, path, text), mut origins)| BlamedText {
        pointer: pointer(&part, &path),
        lines: lines(&text)
            .iter()
            .enumerate()
            .filter_map(|(at, line)| {
                let (origin, boundary) = origins.remove(&at)?;
                Some(BlamedLine {
                    text: (*line).to_owned(),
                    origin,
                    boundary,
                })
            })
            .collect(),
    });
    Ok(LineBlame {
        texts: texts.collect(),
        version,
    })
}

/// Moves a text to the base. Returns the lines that the base does not have.
fn step(
    text: &mut OpenText,
    earlier_parts: &HashMap<Part, Part>,
    old: &JsonTree<'_>,
    new: &JsonTree<'_>,
) -> Vec<usize> {
    let all = |lines: &mut Vec<(usize, usize)>| lines.drain(..).map(|(line, _)| line).collect();
    let Some(earlier) = earlier_parts.get(&text.part) else {
        return all(&mut text.lines);
    };
    let was = find(earlier, old, &text.path);
    let is = find(&text.part, new, &text.path);
    let (Some(was), Some(is)) = (was, is) else {
        return all(&mut text.lines);
    };
    text.part = earlier.clone();
    if was == is {
        return Vec::new();
    }
    let matches = line_matches(&lines(was), &lines(is));
    let mut resolved = Vec::new();
    text.lines.retain_mut(|(line, now)| match matches.get(now) {
        Some(then) => {
            *now = *then;
            true
        }
        None => {
            resolved.push(*line);
            false
        }
    });
    resolved
}

fn find<'t>(part: &Part, body: &'t JsonTree<'_>, path: &[PathStep]) -> Option<&'t str> {
    let mut value = part.find(body)?;
    for step in path {
        value = match step {
            PathStep::Member(name) => value.get(name)?,
            PathStep::Item(index) => value.as_array()?.get(*index)?,
        };
    }
    value.as_str()
}

/// Returns the lines of a text without their line breaks. An empty text has one.
fn lines(text: &str) -> Vec<&str> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').collect()
}

/// Returns all texts below the parts of a body, in order, except the roles of messages.
fn texts(body: &Body) -> Vec<(Part, Vec<PathStep>, String)> {
    let tree = JsonTree::of(body.text());
    let mut found = Vec::new();
    for part in parts(&tree) {
        if let Some(value) = part.find(&tree) {
            collect(&part, value, &mut Vec::new(), &mut found);
        }
    }
    found
}

fn collect(
    part: &Part,
    value: &JsonTree<'_>,
    path: &mut Vec<PathStep>,
    found: &mut Vec<(Part, Vec<PathStep>, String)>,
) {
    if let Some(text) = value.as_str() {
        found.push((part.clone(), path.clone(), text.to_owned()));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        path.push(PathStep::Item(index));
        collect(part, item, path, found);
        path.pop();
    }
    for (name, member) in value
        .as_object()
        .into_iter()
        .flat_map(|members| members.iter())
    {
        if path.is_empty() && name == "role" {
            continue;
        }
        path.push(PathStep::Member(name.to_owned()));
        collect(part, member, path, found);
        path.pop();
    }
}

fn pointer(part: &Part, path: &[PathStep]) -> Pointer {
    path.iter()
        .fold(part.pointer(), |pointer, step| match step {
            PathStep::Member(name) => pointer.member(name),
            PathStep::Item(index) => pointer.item(*index),
        })
}
