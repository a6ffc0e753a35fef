//! An app that manages its prompts offline: `cargo run --example offline`.

use promptbook::{Bump, EnvironmentUpdate, Error, NewPrompt, NewVersion, Result, Store};
use serde_json::json;

#[allow(clippy::print_stdout)] // This program prints for its user.
fn main() -> Result<()> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "prompts".into());
    let store = Store::open_or_create(&directory)?;

    // The first run creates the prompt; later runs find it.
    let greeting = match store.prompt("greeting") {
        Ok(prompt) => prompt,
        Err(Error::PromptNotFound { .. }) => {
            let body = json!({
                "model": "gpt-4o",
                "messages": [
                    {"role": "system", "content": "You greet people."},
                    {"role": "user", "content": "Greet {{hc:name:string}}."},
                ],
            });
            store
                .create_prompt(NewPrompt::new("greeting", body))?
                .prompt
        }
        Err(error) => return Err(error),
    };

    // A new wording that requires nothing new of its callers is a minor version.
    let mut body = store.resolve("greeting@latest")?.body.json().clone();
    body["messages"][0]["content"] = json!("You greet people warmly.");
    let new = NewVersion::new(greeting.id, body)
        .bump(Bump::Minor)
        .message("Be warm");
    let version = store.commit(new)?;

    // Move production to the new version, unless another process moved it in the meantime.
    let before = store.version("greeting@production")?;
    store.update_environment(
        EnvironmentUpdate::set(greeting.id, "production", version.id).expect(before.id),
    )?;

    let rendered = store.render("greeting@production", [("name", "Ada")])?;
    let text = &rendered.body["messages"][1]["content"];
    println!("{} {}: {text}", greeting.name, version.number);
    Ok(())
}
