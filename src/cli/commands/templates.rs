//! The commands `vars` and `render`.

use std::io::{self, IsTerminal};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::cli::args::{RenderArgs, SpecArgs};
use crate::cli::error::{CommandResult, Failure};
use crate::cli::output::{NAME, PLAIN};
use crate::cli::session::Session;
use crate::cli::table::TextTable;
use crate::cli::{input, json, output, text};
use crate::json::inexact_number;
use crate::template::{TextLocation, UnfilledTag, ValidationError};
use crate::{Contract, Json};

pub(super) fn variables(args: &SpecArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let version = store.version(args.spec.clone())?;
    // By the version's id, because the spec may select another version meanwhile.
    let contract = store.contract(version.id)?;
    for problem in &contract.problems {
        session.warn(&problem.to_string());
    }
    if contract.variables.is_empty() && contract.partials.is_empty() {
        session.note("no variables, no partials");
    }
    let problems: Vec<String> = contract.problems.iter().map(ToString::to_string).collect();
    let json = || {
        json!({
            "version": json::version(&version),
            "variables": contract.variables,
            "partials": contract.partials,
            "problems": problems,
        })
    };
    session.write_output(json, || variables_text(&contract))
}

fn variables_text(contract: &Contract) -> String {
    let mut variables = TextTable::new(&["VARIABLE", "TAKES", "USED IN"]);
    for variable in &contract.variables {
        variables.row([
            (text::line(&variable.name), NAME),
            (variable.accepts.to_string(), PLAIN),
            (places(variable.uses.iter().map(|one| &one.place)), PLAIN),
        ]);
    }
    let mut partials = TextTable::new(&["PARTIAL", "PROMPT", "ENVIRONMENT", "MESSAGE", "USED IN"]);
    for partial in &contract.partials {
        partials.row([
            (text::line(&partial.tag), NAME),
            (partial.prompt.to_string(), PLAIN),
            (text::line(partial.environment.as_str()), PLAIN),
            (partial.message.to_string(), PLAIN),
            (places([&partial.place]), PLAIN),
        ]);
    }
    let texts = [variables.text(), partials.text()];
    let filled: Vec<&str> = texts
        .iter()
        .map(String::as_str)
        .filter(|text| !text.is_empty())
        .collect();
    filled.join("\n")
}

fn places<'a>(places: impl IntoIterator<Item = &'a TextLocation>) -> String {
    let mut places: Vec<String> = places
        .into_iter()
        .map(|place| text::line(place.as_str()))
        .collect();
    places.dedup();
    places.join(", ")
}

pub(super) fn render(args: &RenderArgs, session: &Session) -> CommandResult {
    let mut inputs = match &args.file {
        Some(file) => input::inputs(file)?,
        None => Map::new(),
    };
    inputs.extend(typed(&args.inputs)?);
    let rendered = session
        .view(&args.as_of)?
        .render_as(&args.spec, inputs, args.mode.into())
        .map_err(|error| Failure::from(error).for_spec(&args.spec))?;
    for error in &rendered.errors {
        let given = error
            .value
            .as_ref()
            .map_or_else(|| "is missing".into(), |value| format!("is {value}"));
        session.warn(&format!(
            "input {} {given}, expected {}",
            error.variable, error.expected
        ));
    }
    for left in &rendered.unfilled {
        session.warn(&format!("{}: {} is left unfilled", left.place, left.tag));
    }
    if !session.json() && !io::stdout().is_terminal() {
        return output::write_bytes(rendered.text().as_bytes());
    }
    session.write_output(
        || RenderedShape {
            version: json::version(&rendered.version),
            body: &rendered.body,
            errors: &rendered.errors,
            unfilled: &rendered.unfilled,
        },
        || text::json(&rendered.body),
    )
}

#[derive(Serialize)]
struct RenderedShape<'a> {
    version: Value,
    body: &'a Json,
    errors: &'a [ValidationError],
    unfilled: &'a [UnfilledTag],
}

/// Parses input arguments: `NAME=VALUE` is text, `NAME:=JSON` is any JSON value.
///
/// `NAME=2` is text too, because strict mode accepts the text of a number or boolean for that type.
fn typed(arguments: &[String]) -> CommandResult<Map<String, Value>> {
    let mut inputs = Map::new();
    for argument in arguments {
        let (name, value) = one_typed(argument)?;
        if inputs.insert(name.to_owned(), value).is_some() {
            return Err(Failure::usage(format!("input {name:?} is given twice")));
        }
    }
    Ok(inputs)
}

fn one_typed(argument: &str) -> CommandResult<(&str, Value)> {
    let form = "write inputs as NAME=VALUE or NAME:=JSON";
    let Some((name, value)) = argument.split_once('=') else {
        return Err(Failure::usage(format!("{argument:?} is not an input")).hint(form));
    };
    let Some(name) = name.strip_suffix(':') else {
        return Ok((name, value.into()));
    };
    match serde_json::from_str(value) {
        Ok(_) if let Some(number) = inexact_number(value) => {
            let message = format!("input {name:?} cannot hold the number {number}");
            let hint = format!("{}; give it as text: {name}={number}", input::NUMBERS_HINT);
            Err(Failure::usage(message).hint(hint))
        }
        Ok(value) => Ok((name, value)),
        Err(error) => Err(
            Failure::usage(format!("the value of input {name:?} is not JSON"))
                .with_causes(&error)
                .hint(form),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_text_unless_marked() {
        let inputs = ["a=1", "b:=1", "c=", "d==", "e=x:=y", "f:={\"g\": [null]}"];
        let typed = typed(&inputs.map(str::to_owned)).unwrap();
        let expected =
            json!({"a": "1", "b": 1, "c": "", "d": "=", "e": "x:=y", "f": {"g": [null]}});
        assert_eq!(Value::Object(typed), expected);
    }

    #[test]
    fn malformed_inputs_are_refused() {
        for inputs in [vec!["a"], vec!["a:=x"], vec!["a=1", "a=2"]] {
            let inputs: Vec<String> = inputs.into_iter().map(str::to_owned).collect();
            assert!(typed(&inputs).is_err(), "{inputs:?}");
        }
    }
}
