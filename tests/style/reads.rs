//! The reads of a store are those of its view, with the same first lines.

use std::collections::BTreeMap;

use syn::{Attribute, Expr, ImplItem, Item, Lit, Meta, Type, Visibility};

use crate::source::{sources, texts};

/// What only a view of an earlier moment has.
const OF_EARLIER_MOMENTS: [&str; 1] = ["operation"];

#[test]
fn a_store_has_every_read_of_its_view() {
    let mut expected = of_the_view();
    for name in OF_EARLIER_MOMENTS {
        expected.remove(name).expect("a method of a view");
    }
    let (_, text) = texts()
        .into_iter()
        .find(|(path, _)| path.ends_with("store/present.rs"))
        .expect("the file that declares the reads");
    assert_eq!(of_the_store(&text), expected);
}

/// Shows that the check sees a line that differs.
#[test]
fn a_read_is_found_with_its_first_line() {
    let text = "    /// Returns it.\n    #[must_use]\n    fn it(&self) -> It;\n\n    fn bare(&self) -> It;\n";
    let found = of_the_store(text).into_iter().collect::<Vec<_>>();
    let expected = [("bare", ""), ("it", "Returns it.")];
    assert_eq!(found, expected.map(|(a, b)| (a.to_owned(), b.to_owned())));
}

/// Returns the public methods of `View`, each with the first line of its documentation.
fn of_the_view() -> BTreeMap<String, String> {
    let items = sources().into_iter().flat_map(|source| source.items);
    let blocks = items.filter_map(|item| match item {
        Item::Impl(block) if block.trait_.is_none() && is_view(&block.self_ty) => Some(block.items),
        _ => None,
    });
    let methods = blocks.flatten().filter_map(|item| match item {
        ImplItem::Fn(method) if matches!(method.vis, Visibility::Public(_)) => {
            let first = method.attrs.iter().find_map(doc).unwrap_or_default();
            Some((method.sig.ident.to_string(), first))
        }
        _ => None,
    });
    methods.collect()
}

fn is_view(of: &Type) -> bool {
    matches!(of, Type::Path(path) if path.path.is_ident("View"))
}

fn doc(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

/// Returns the methods that a text declares, each with its line of documentation.
fn of_the_store(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut doc = "";
    for line in text.lines().map(str::trim) {
        if let Some(line) = line.strip_prefix("/// ") {
            doc = if doc.is_empty() { line } else { doc };
        } else if let Some((name, _)) = line
            .strip_prefix("fn ")
            .and_then(|declared| declared.split_once('('))
        {
            // The macro that defines the methods has a placeholder instead of a name.
            if !name.starts_with('$') {
                found.insert(name.to_owned(), doc.to_owned());
            }
        } else if line.is_empty() {
            doc = "";
        }
    }
    found
}
