//! The commands `show`, `resolve` and `cat-body`.

use serde::Serialize;
use serde_json::{Value, json};

use super::prompts::title;
use super::texts::{texts, texts_json, texts_text};
use crate::cli::args::{CatBodyArgs, ShowArgs, SpecArgs};
use crate::cli::error::CommandResult;
use crate::cli::json::ContractShape;
use crate::cli::output;
use crate::cli::output::{DIM, NUMBER, paint};
use crate::cli::session::Session;
use crate::cli::{json, text};
use crate::{Contract, Json, Resolved, Version};

pub(super) fn show(args: &ShowArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let resolved = store.resolve(&args.spec)?;
    let Resolved { version, body, .. } = &*resolved;
    let json: &Json = body.as_ref();
    let prompt = store.prompt(version.prompt_id)?;
    let heading = || {
        format!(
            "{}, version {}\n",
            title(&prompt),
            paint(NUMBER, version.number)
        )
    };
    if args.text {
        let texts = texts(json);
        return session.write_output(
            || json!({"prompt": json::prompt(&prompt), "version": json::version(version), "texts": texts_json(&texts)}),
            || heading() + "\n" + &texts_text(&texts),
        );
    }
    let contract = store.contract(version.id)?;
    let base = version.base.and_then(|base| store.version(base).ok());
    session.write_output(
        || ShowShape {
            prompt: json::prompt(&prompt),
            version: json::version(version),
            contract: json::contract(&contract),
            body: json,
        },
        || {
            let fields = fields(version, base.as_ref(), &contract);
            heading() + &fields + "\n" + &text::json(json)
        },
    )
}

#[derive(Serialize)]
struct ShowShape<'a> {
    prompt: Value,
    version: Value,
    contract: ContractShape<'a>,
    body: &'a Json,
}

/// Renders a version's fields, one per line.
fn fields(version: &Version, base: Option<&Version>, contract: &Contract) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let base = match (version.base, base) {
        (Some(_), Some(base)) => base.number.to_string(),
        (Some(id), None) => format!("{id} (deleted)"),
        (None, _) => String::new(),
    };
    let environments = version
        .environments
        .iter()
        .map(|name| text::line(name.as_str()));
    let variables = contract
        .variables
        .iter()
        .map(|one| format!("{} ({})", text::line(&one.name), one.accepts));
    let tools = contract
        .tools
        .iter()
        .chain(&contract.functions)
        .map(|tool| json::tool_name(tool).map_or_else(|| tool.place.to_string(), str::to_owned));
    let partials = contract.partials.iter().map(|one| text::line(&one.tag));
    let fields = [
        ("id", version.id.to_string()),
        ("environments", list(environments.collect())),
        ("date", text::moment(version.created_at)),
        ("author", text::line(&version.author)),
        (
            "message",
            text::lines(&version.message).replace('\n', "\n              "),
        ),
        ("base", base),
        (
            "model",
            version.model.as_deref().map(text::line).unwrap_or_default(),
        ),
        ("size", text::count(version.size, "byte", "bytes")),
        ("blob", version.blob.to_string()),
        ("variables", list(variables.collect())),
        ("partials", list(partials.collect())),
        ("tools", text::line(&list(tools.collect()))),
        ("format", response_format(contract).unwrap_or_default()),
        (
            "problems",
            list(
                contract
                    .problems
                    .iter()
                    .map(|one| text::line(&one.to_string()))
                    .collect(),
            ),
        ),
    ];
    let filled = fields.iter().filter(|(_, value)| !value.is_empty());
    filled
        .map(|(name, value)| format!("{} {value}\n", paint(DIM, format!("{name:<13}"))))
        .collect()
}

fn response_format(contract: &Contract) -> Option<String> {
    let format = contract.response_format.as_ref();
    let format = format.or(contract.text_format.as_ref())?;
    let kind = format.json().get("type").and_then(Value::as_str);
    Some(kind.map_or_else(|| "custom".into(), text::line))
}

pub(super) fn resolve(args: &SpecArgs, session: &Session) -> CommandResult {
    let store = session.view(&args.as_of)?;
    let resolved = store.resolve(&args.spec)?;
    let Resolved { version, body, .. } = &*resolved;
    if session.json() {
        return output::write_json(
            &json!({"version": json::version(version), "text": body.text()}),
        );
    }
    output::write_bytes(body.as_bytes())
}

pub(super) fn cat_body(args: &CatBodyArgs, session: &Session) -> CommandResult {
    let body = session.reader()?.body(args.blob)?;
    if session.json() {
        return output::write_json(&json!({"blob": body.id(), "text": body.text()}));
    }
    output::write_bytes(body.as_bytes())
}
