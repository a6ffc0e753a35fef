//! TODO

use crate::engine::contract::partials;
use crate::engine::contract::response;
use crate::engine::contract::tools;
use crate::engine::contract::variables;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use crate::json;
use crate::json::{Json, Members, Tree};
use crate::model::memory_size::of_text;
use crate::template;
use crate::template::{PartialUse, Partials, Place, Problem};

pub use tools::{Tool, ToolKind};
pub use variables::{Accepted, Variable};

/// What a body asks of its callers. It is derived from the body and from those that its partials name,
/// and never stored.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Contract {
    /// The variables, those of partials included, by first use.
    pub variables: Vec<Variable>,
    /// The partials, those of partials included.
    pub partials: Vec<PartialUse>,
    /// Why some partials can't be filled. In JSON these are their words.
    #[serde(serialize_with = "in_words")]
    pub problems: Vec<Problem>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// The form of the answer, as the body has it but for white space.
    pub response_format: Option<Json>,
}

impl Contract {
    /// The contract of a body, its partials taken from `partials`.
    ///
    /// A body of any shape has one: what is malformed is kept as it is and compared by equality.
    #[must_use]
    pub fn of(body: &Json, partials: &Partials) -> Self {
        Self::of_text(body.text(), body.json(), partials)
    }

    /// The contract of a body's text, which is this JSON.
    pub(crate) fn of_text(text: &str, json: &Value, partials: &Partials) -> Self {
        let expanded = template::expand(json, partials);
        // What is in it is known from the JSON; only what is kept is cut from the text.
        let cut = |name: &str| json::member(text, name).unwrap_or_default();
        let section = |name: &str| json.get(name).filter(|section| !section.is_null());
        let is_empty = |section: &Value| section.as_array().is_some_and(Vec::is_empty);
        Self {
            variables: variables::gather(expanded.variables),
            partials: expanded.partials,
            problems: expanded.problems,
            tools: match section("tools").filter(|tools| !is_empty(tools)) {
                Some(tools) => tools::read(tools, cut("tools")),
                None => Vec::new(),
            },
            response_format: section("response_format")
                .map(|_| Json::compact(cut("response_format"))),
        }
    }

    /// The memory that it takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        // A problem's texts are cut where they are long.
        const BYTES_OF_PROBLEM: usize = size_of::<Problem>() + 512;
        let partial = |partial: &PartialUse| {
            size_of::<PartialUse>()
                + of_text(&partial.tag)
                + of_text(partial.environment.as_str())
                + of_text(partial.place.as_str())
        };
        size_of::<Self>()
            + self.variables.iter().map(Variable::weight).sum::<usize>()
            + self.partials.iter().map(partial).sum::<usize>()
            + self.problems.len() * BYTES_OF_PROBLEM
            + self.tools.iter().map(Tool::weight).sum::<usize>()
            + self.response_format.as_ref().map_or(0, Json::weight)
    }
}

fn in_words<S: Serializer>(problems: &[Problem], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(problems.iter().map(Problem::to_string))
}

/// One way in which a caller of the base would break. As text: the reason in words, and its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Breakage {
    /// What the caller meets, in words.
    pub reason: String,
    /// Where it is in the new body or, for what is gone, where it was.
    pub place: Place,
}

impl Breakage {
    pub(super) fn new(reason: impl Into<String>, place: Place) -> Self {
        Self {
            reason: reason.into(),
            place,
        }
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason, self.place)
    }
}

/// Every way in which a caller of `base` would break with `new`; none if the change is compatible.
///
/// After a compatible change, all inputs that rendered the base in strict mode render the new body too,
/// unless they make it larger than any render may be. The order is that of the contract's parts, and
/// within them that of the new body, then of the base.
#[must_use]
pub fn breakages(base: &Contract, new: &Contract) -> Vec<Breakage> {
    let mut found = Vec::new();
    variables::compare(&base.variables, &new.variables, &mut found);
    partials::compare(&base.problems, &new.problems, &mut found);
    tools::compare(&base.tools, &new.tools, &mut found);
    response::compare(
        base.response_format.as_ref(),
        new.response_format.as_ref(),
        &mut found,
    );
    found
}

/// The members of two objects by name, those of the first in its order, then what only the second has.
pub(super) fn union<'a>(
    base: &'a Members<'a>,
    new: &'a Members<'a>,
) -> impl Iterator<Item = (&'a str, Option<&'a Tree<'a>>, Option<&'a Tree<'a>>)> {
    let added = new.iter().filter(|(name, _)| !base.contains(name));
    base.iter()
        .map(|(name, value)| (name, Some(value), new.get(name)))
        .chain(added.map(|(name, value)| (name, None, Some(value))))
}

/// Whether both are there and the same, or neither is. Numbers are compared by value.
pub(super) fn are_same(base: Option<&Tree<'_>>, new: Option<&Tree<'_>>) -> bool {
    match (base, new) {
        (Some(base), Some(new)) => base.is_same(new),
        (None, None) => true,
        _ => false,
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
