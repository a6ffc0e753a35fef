//! Derivation of contracts, and the bump rules that compare two of them.

use std::collections::{BTreeMap, HashMap};
use std::mem;

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
use crate::template::{Expanded, PartialUse, Partials, Problem};

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

/// The tags of a body and its partials, in the places where they count.
#[derive(Debug, Default)]
pub(crate) struct TagUses {
    expanded: Expanded,
    problems: Vec<Problem>,
}

impl TagUses {
    fn of(json: &Value, partials: &Partials) -> Self {
        let mut expanded = template::expand(json, partials);
        let mut problems = mem::take(&mut expanded.problems);
        let misplaced = template::misplaced_tags(json).into_iter();
        problems.extend(misplaced.map(Problem::from));
        Self { expanded, problems }
    }
}

impl Contract {
    /// Returns the contract of a body, with its partials taken from `partials`.
    ///
    /// A body of any shape has a contract. Malformed parts are included unchanged, and compared by
    /// equality.
    #[must_use]
    pub fn of(body: &Json, partials: &Partials) -> Self {
        Self::of_text(body.text(), partials, |derive| derive(body.json()))
    }

    /// Returns the contract of a body's text.
    ///
    /// `parsed` calls its argument with the parsed text. That is not called for a text without tags.
    pub(crate) fn of_text(
        text: &str,
        partials: &Partials,
        parsed: impl FnOnce(&(dyn Fn(&Value) -> TagUses + Sync)) -> TagUses,
    ) -> Self {
        let tags = if template::may_have_tags(text) {
            parsed(&|json| TagUses::of(json, partials))
        } else {
            TagUses::default()
        };
        Self::with_tags(text, tags)
    }

    /// Returns the contract of a body's text that has these tags.
    fn with_tags(text: &str, tags: TagUses) -> Self {
        // If a name is repeated, the last member counts.
        let parts: HashMap<_, _, foldhash::fast::RandomState> = json::members(text).collect();
        let section = |name: &str| parts.get(name).copied().filter(|part| *part != "null");
        let tools = |name: &str| match section(name) {
            Some(text) => tools::read(name, text),
            None => Vec::new(),
        };
        let verbatim = |name: &str| section(name).map(Json::compact);
        let answers = answers::MEMBERS.iter();
        let answers = answers.filter_map(|name| Some(((*name).to_owned(), verbatim(name)?)));
        let text_format = section("text").and_then(|text| json::member(text, "format"));
        Self {
            variables: variables::group_by_name(tags.expanded.variables),
            partials: tags.expanded.partials,
            problems: tags.problems,
            tools: tools("tools"),
            functions: tools("functions"),
            response_format: verbatim("response_format"),
            text_format: text_format
                .filter(|format| *format != "null")
                .map(Json::compact),
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
