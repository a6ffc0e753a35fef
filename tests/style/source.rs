//! The source files of the crate, parsed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test they say what failed"
)]

use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item};

/// One file below `src/`.
pub(crate) struct Source {
    /// Relative to `src/`, for messages.
    pub(crate) path: PathBuf,
    /// The path of the module that the file defines: `["engine", "write"]`; empty for `lib.rs`.
    pub(crate) module: Vec<String>,
    /// The items, without those that only tests have.
    pub(crate) items: Vec<Item>,
}

impl Source {
    /// Whether the file only lists modules and re-exports.
    pub(crate) fn is_list(&self) -> bool {
        self.path.ends_with("mod.rs") || self.path == Path::new("lib.rs")
    }
}

/// Reads every file of the crate, those of tests included.
pub(crate) fn texts() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    collect(&root, &root, &mut found);
    found.sort();
    assert!(found.len() > 100, "the source was not found");
    found
}

/// Parses every file that is not one of tests.
pub(crate) fn sources() -> Vec<Source> {
    let files = texts().into_iter();
    let files = files.filter(|(path, _)| !is_of_tests(path));
    files.map(|(path, text)| parse(path, text)).collect()
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.strip_prefix(root).unwrap().to_owned(), text));
        }
    }
}

/// Tests beside the code that they test, and the suites that storage implementations pass.
fn is_of_tests(path: &Path) -> bool {
    let mut names = path
        .components()
        .filter_map(|name| name.as_os_str().to_str());
    names.any(|name| {
        let stem = name.trim_end_matches(".rs");
        stem == "tests" || stem == "testing" || stem.ends_with("_tests") || stem.ends_with("_model")
    })
}

fn parse(path: PathBuf, text: String) -> Source {
    let file = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut module: Vec<String> = path
        .with_extension("")
        .iter()
        .map(|name| name.to_str().unwrap().to_owned())
        .collect();
    if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
        module.pop();
    }
    let items = file.items.into_iter().filter(|item| !is_for_tests(item));
    Source {
        path,
        module,
        items: items.collect(),
    }
}

/// Whether an item exists only in tests.
fn is_for_tests(item: &Item) -> bool {
    let attributes = match item {
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Const(item) => &item.attrs,
        _ => return false,
    };
    attributes.iter().any(is_cfg_test)
}

fn is_cfg_test(attribute: &Attribute) -> bool {
    let Ok(list) = attribute.meta.require_list() else {
        return false;
    };
    list.path.is_ident("cfg") && list.tokens.to_string().starts_with("test")
}
