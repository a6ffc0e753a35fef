//! Derivation of contracts, and the bump rules that compare two of them.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashMap};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tools::Tool;
use super::variables::Variable;
use super::{answers, partials, response, tools, variables};
use crate::json;
use crate::json::Json;
use crate::model::breakage::Breakage;
use crate::model::memory_size::of_text;
use crate::template;
use crate::template::{PartialUse, Partials, Problem};

/// The requirements of a body on its callers.
///
/// A contract is derived from the body and from the bodies of its partials. It is never stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Contract {
    /// The variables, including those of partials, in the order of their first use.
    pub variables: Vec<Variable>,
    /// The partials, including those of partials.
    pub partials: Vec<PartialUse>,
    /// The reasons why strict rendering refuses the body whatever the inputs are: partials that cannot
    /// be filled, and tags where nothing fills them.
    pub problems: Vec<Problem>,
    /// The tools that the model may call.
    pub tools: Vec<Tool>,
    /// The functions that the model may call, in the older form of tools.
    pub functions: Vec<Tool>,
    /// The response format, as in the body except for white space.
    pub response_format: Option<Json>,
    /// The response format in the form of the Responses API: the member `format` of `text`.
    pub text_format: Option<Json>,
    /// Further members that decide which answers callers get, such as `tool_choice` and `stream`.
    ///
    /// Members that are absent or null are left out.
    pub answers: BTreeMap<String, Json>,
}

impl Contract {
    /// Returns the contract of a body, with its partials taken from `partials`.
    ///
    /// A body of any shape has a contract. Malformed parts are included unchanged, and compared by
    /// equality.
    #[must_use]
    pub fn of(body: &Json, partials: &Partials) -> Self {
        Self::of_text(body.text(), body.json(), partials)
    }

    /// Returns the contract of a body's text, whose parsed form is `json`.
    pub(crate) fn of_text(text: &str, json: &Value, partials: &Partials) -> Self {
        let expanded = template::expand(json, partials);
        let mut problems = expanded.problems;
        let misplaced = template::misplaced_tags(json).into_iter();
        problems.extend(misplaced.map(Problem::from));
        // The parsed form is examined. Only the parts that the contract contains are cut from the
        // text.
        let parts = LazyCell::new(|| json::members(text).collect::<HashMap<_, _>>());
        let cut = |name: &str| parts.get(name).copied().unwrap_or_default();
        let section = |name: &str| json.get(name).filter(|section| !section.is_null());
        let is_empty = |section: &Value| section.as_array().is_some_and(Vec::is_empty);
        let tools = |name: &str| match section(name).filter(|tools| !is_empty(tools)) {
            Some(tools) => tools::read(name, tools, cut(name)),
            None => Vec::new(),
        };
        let verbatim = |name: &str| section(name).map(|_| Json::compact(cut(name)));
        let answers = answers::MEMBERS.iter();
        let answers = answers.filter_map(|name| Some(((*name).to_owned(), verbatim(name)?)));
        let has_text_format = section("text")
            .and_then(|text| text.get("format"))
            .is_some_and(|format| !format.is_null());
        Self {
            variables: variables::group_by_name(expanded.variables),
            partials: expanded.partials,
            problems,
            tools: tools("tools"),
            functions: tools("functions"),
            response_format: verbatim("response_format"),
            text_format: has_text_format
                .then(|| Json::compact(json::member(cut("text"), "format").unwrap_or_default())),
            answers: answers.collect(),
        }
    }

    fn side(&self) -> answers::Side<'_> {
        answers::Side {
            members: &self.answers,
            has_tools: !self.tools.is_empty() || !self.functions.is_empty(),
        }
    }

    /// Returns the memory that the contract takes, in bytes.
    pub(crate) fn weight(&self) -> usize {
        // The texts of a problem have a maximum length.
        const BYTES_OF_PROBLEM: usize = size_of::<Problem>() + 512;
        let partial = |partial: &PartialUse| {
            size_of::<PartialUse>()
                + of_text(&partial.tag)
                + of_text(partial.environment.as_str())
                + of_text(partial.place.as_str())
        };
        let answer = |(name, value): (&String, &Json)| {
            size_of::<(String, Json)>() + of_text(name) + value.weight()
        };
        size_of::<Self>()
            + self.variables.iter().map(Variable::weight).sum::<usize>()
            + self.partials.iter().map(partial).sum::<usize>()
            + self.problems.len() * BYTES_OF_PROBLEM
            + self.tools.iter().map(Tool::weight).sum::<usize>()
            + self.functions.iter().map(Tool::weight).sum::<usize>()
            + self.response_format.as_ref().map_or(0, Json::weight)
            + self.text_format.as_ref().map_or(0, Json::weight)
            + self.answers.iter().map(answer).sum::<usize>()
    }
}

/// Returns every way in which `new` breaks callers of `base`; none if the change is compatible.
///
/// After a compatible change, all inputs that rendered the base in strict mode also render the new
/// body, unless they make it larger than the maximum size of a rendered body. The breakages are in
/// the order of the contract's parts, and within a part in the order of the new body, then of the
/// base.
#[must_use]
pub fn breakages(base: &Contract, new: &Contract) -> Vec<Breakage> {
    let mut found = Vec::new();
    variables::compare(&base.variables, &new.variables, &mut found);
    partials::compare(&base.problems, &new.problems, &mut found);
    tools::compare(&base.tools, &new.tools, &mut found);
    tools::compare(&base.functions, &new.functions, &mut found);
    response::compare(
        "response_format",
        base.response_format.as_ref(),
        new.response_format.as_ref(),
        &mut found,
    );
    response::compare(
        "text.format",
        base.text_format.as_ref(),
        new.text_format.as_ref(),
        &mut found,
    );
    answers::compare(base.side(), new.side(), &mut found);
    found
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
