//! An app that manages its prompts offline: `cargo run --example offline`. It can be run again.

use promptbook::{EnvironmentUpdate, NewPrompt, NewVersion, Result, Store};
use serde_json::json;

#[allow(clippy::print_stdout)] // This program prints for its user.
fn main() -> Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "prompts".into());
    let store = Store::open_or_create(&directory)?;

    // The first run creates the prompt; later runs find it.
    let mut body = json!({
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "You greet people."},
            {"role": "user", "content": "Greet {{hc:name:string}}."},
        ],
    });
    let greeting = store.ensure_prompt(NewPrompt::new("greeting", body.clone()))?;

    // A new wording that requires nothing new of its callers is a minor version.
    body["messages"][0]["content"] = json!("You greet people warmly.");
    let new = NewVersion::new("greeting", body).message("Be warm");
    let committed = store.commit_if_changed(new)?;

    // Move production to the new version, unless another process moved it in the meantime.
    let before = store.version("greeting@production")?;
    let update = EnvironmentUpdate::set("greeting", "production", committed.version.id);
    store.update_environment(update.expect(before.id))?;

    let rendered = store.render("greeting@production", [("name", "Ada")])?;
    let text = &rendered.body["messages"][1]["content"];
    let (name, number) = (&greeting.prompt.name, committed.version.number);
    println!("{name} {number}: {text}");
    Ok(())
}
