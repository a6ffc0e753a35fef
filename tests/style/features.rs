//! Features of the crate: what they may change below the layer that they add.

use crate::source::texts;

/// Whatever the server needs of the layers below is a call that every caller may use.
#[test]
fn no_layer_below_the_server_has_code_for_it_alone() {
    let above = ["server", "cli", "bin", "lib.rs"];
    let found: Vec<String> = texts()
        .into_iter()
        .filter(|(path, _)| !above.iter().any(|above| path.starts_with(above)))
        .filter(|(_, text)| has_condition(text))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(found, [""; 0], "these depend on the feature `server`");
}

/// Shows that the check finds one.
#[test]
fn a_condition_is_found() {
    assert!(has_condition(
        "    #[cfg(any(feature = \"cli\", feature = \"server\"))]\n"
    ));
    assert!(has_condition(
        "if cfg!(feature = \"server\") { server() }\n"
    ));
    assert!(!has_condition("/// With the feature `server`.\n"));
}

fn has_condition(text: &str) -> bool {
    text.lines()
        .any(|line| line.contains("cfg") && line.contains("feature = \"server\""))
}
