//! One name for one type.

use std::collections::BTreeMap;

use syn::Item;

use crate::source::{Source, sources};

/// Names that more than one module defines, each for a reason.
const ALLOWED: [&str; 1] = [
    // The same type for systems with and without `openat`.
    "Folder",
];

#[test]
fn no_two_types_have_one_name() {
    let homonyms = homonyms(&sources());
    assert!(
        homonyms.is_empty(),
        "types of one name:\n{}",
        homonyms.join("\n")
    );
}

/// Shows that the check finds one.
#[test]
fn a_homonym_is_found() {
    let source = |path: &str, text: &str| Source {
        path: path.into(),
        module: Vec::new(),
        items: syn::parse_file(text).unwrap().items,
    };
    let sources = [
        source("a.rs", "struct Line;"),
        source("b.rs", "mod inner { enum Line {} }"),
    ];
    assert_eq!(homonyms(&sources), ["Line: a.rs, b.rs"]);
}

fn homonyms(sources: &[Source]) -> Vec<String> {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources {
        types_of(&source.items, &mut |name| {
            let places = defined.entry(name).or_default();
            places.push(source.path.display().to_string());
        });
    }
    let homonyms = defined
        .into_iter()
        .filter(|(name, places)| places.len() > 1 && !ALLOWED.contains(&name.as_str()));
    homonyms
        .map(|(name, places)| format!("{name}: {}", places.join(", ")))
        .collect()
}

fn types_of(items: &[Item], found: &mut impl FnMut(String)) {
    for item in items {
        match item {
            Item::Struct(item) => found(item.ident.to_string()),
            Item::Enum(item) => found(item.ident.to_string()),
            Item::Trait(item) => found(item.ident.to_string()),
            Item::Type(item) => found(item.ident.to_string()),
            Item::Union(item) => found(item.ident.to_string()),
            Item::Mod(item) => {
                if let Some((_, items)) = &item.content {
                    types_of(items, found);
                }
            }
            _ => {}
        }
    }
}
