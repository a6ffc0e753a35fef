//! Files that depend on each other in a circle.
//!
//! A file depends on another one if a path in its code leads to an item of that file. A `mod.rs` is only a list: a path
//! through it leads to the file that defines the item.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use syn::visit::{self, Visit};
use syn::{Item, ItemMacro, ItemUse, UseTree};

use crate::source::{Source, sources};

#[test]
fn no_files_depend_on_each_other() {
    let circles = circles(&edges(&sources()));
    assert!(
        circles.is_empty(),
        "circles of files:\n{}",
        circles.join("\n")
    );
}

/// Shows that the check finds one, also through a list.
#[test]
fn a_circle_is_found() {
    let source = |path: &str, module: &[&str], text: &str| Source {
        path: path.into(),
        module: module.iter().map(|&name| name.to_owned()).collect(),
        items: syn::parse_file(text).unwrap().items,
    };
    let sources = [
        source("a/mod.rs", &["a"], "mod b; pub use self::b::B;"),
        source("a/b.rs", &["a", "b"], "use crate::c::C; pub struct B;"),
        source("c.rs", &["c"], "pub struct C; fn of(b: crate::a::B) {}"),
        source("d.rs", &["d"], "use crate::c::C;"),
    ];
    assert_eq!(circles(&edges(&sources)), ["a/b.rs, c.rs"]);
}

type Edges = BTreeMap<String, BTreeSet<String>>;

/// What each module re-exports under a name, and its globs.
#[derive(Default)]
struct Exports {
    names: HashMap<String, Vec<String>>,
    globs: Vec<Vec<String>>,
}

struct Crate<'a> {
    by_module: HashMap<Vec<String>, &'a Source>,
    exports: HashMap<Vec<String>, Exports>,
}

fn edges(sources: &[Source]) -> Edges {
    let mut all = Crate {
        by_module: HashMap::new(),
        exports: HashMap::new(),
    };
    for source in sources {
        all.by_module.insert(source.module.clone(), source);
    }
    for source in sources {
        let mut exports = Exports::default();
        for item in &source.items {
            if let Item::Use(item) = item {
                for (path, name) in leaves(&item.tree) {
                    let path = all.absolute(&path, &source.module);
                    if name == "*" {
                        exports.globs.push(path);
                    } else {
                        exports.names.insert(name, path);
                    }
                }
            }
        }
        all.exports.insert(source.module.clone(), exports);
    }
    let mut edges = Edges::new();
    for source in sources.iter().filter(|source| !source.is_list()) {
        let mut paths = Paths::default();
        source.items.iter().for_each(|item| paths.visit_item(item));
        let targets = edges.entry(source.path.display().to_string()).or_default();
        for path in paths.0 {
            let path = all.absolute(&path, &source.module);
            if let Some(target) = all.file_of(&path, 0)
                && target.path != source.path
                && !target.is_list()
            {
                targets.insert(target.path.display().to_string());
            }
        }
    }
    edges
}

impl Crate<'_> {
    /// Resolves `crate`, `self`, `super`, and the names of child modules.
    fn absolute(&self, path: &[String], module: &[String]) -> Vec<String> {
        let mut base = module.to_vec();
        let mut rest = path;
        match path[0].as_str() {
            "crate" => (base, rest) = (Vec::new(), &path[1..]),
            "self" => rest = &path[1..],
            "super" => {
                while rest.first().is_some_and(|name| name == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            _ => {}
        }
        base.extend_from_slice(rest);
        base
    }

    /// The file that defines the item at a path.
    fn file_of(&self, path: &[String], depth: usize) -> Option<&Source> {
        let length = (1..=path.len())
            .rev()
            .find(|&length| self.by_module.contains_key(&path[..length]))?;
        let source = self.by_module[&path[..length]];
        if length == path.len() || depth > 8 {
            return Some(source);
        }
        let exports = &self.exports[&path[..length]];
        if source.is_list() {
            if let Some(target) = exports.names.get(&path[length]) {
                return self.file_of(target, depth + 1);
            }
            return exports.globs.iter().find_map(|glob| {
                let mut path_in_glob = glob.clone();
                path_in_glob.push(path[length].clone());
                self.file_of(&path_in_glob, depth + 1)
            });
        }
        Some(source)
    }
}

/// The paths of a file that lead elsewhere.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<String> = path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string())
            .collect();
        if matches!(names[0].as_str(), "crate" | "super") && names.len() > 1 {
            self.0.push(names);
        }
        visit::visit_path(self, path);
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let paths = leaves(&item.tree).into_iter().map(|(path, _)| path);
        self.0
            .extend(paths.filter(|path| matches!(path[0].as_str(), "crate" | "super" | "self")));
    }

    fn visit_item_macro(&mut self, _: &'ast ItemMacro) {}
}

/// The paths of a `use`, each with the name that it brings into scope. A glob is `*`, with the path before it.
fn leaves(tree: &UseTree) -> Vec<(Vec<String>, String)> {
    fn walk(tree: &UseTree, prefix: &[String], found: &mut Vec<(Vec<String>, String)>) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            UseTree::Path(path) => walk(&path.tree, &with(path.ident.to_string()), found),
            UseTree::Group(group) => group
                .items
                .iter()
                .for_each(|item| walk(item, prefix, found)),
            UseTree::Glob(_) => found.push((prefix.to_vec(), "*".into())),
            UseTree::Name(name) if name.ident == "self" => {
                found.push((prefix.to_vec(), prefix.last().cloned().unwrap_or_default()));
            }
            UseTree::Name(name) => {
                found.push((with(name.ident.to_string()), name.ident.to_string()))
            }
            UseTree::Rename(name) => {
                found.push((with(name.ident.to_string()), name.rename.to_string()))
            }
        }
    }
    let mut found = Vec::new();
    walk(tree, &[], &mut found);
    found
}

/// The groups of files that reach each other, each as one line.
fn circles(edges: &Edges) -> Vec<String> {
    let reach: BTreeMap<&String, BTreeSet<&String>> = edges
        .keys()
        .map(|file| (file, reachable(edges, file)))
        .collect();
    let mut found = BTreeSet::new();
    for (file, reached) in &reach {
        if reached.contains(file) {
            let group = reached.iter().filter(|other| reach[*other].contains(file));
            let group: Vec<&str> = group.map(|other| other.as_str()).collect();
            found.insert(group.join(", "));
        }
    }
    found.into_iter().collect()
}

fn reachable<'a>(edges: &'a Edges, from: &String) -> BTreeSet<&'a String> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&String> = edges[from].iter().collect();
    while let Some(file) = next.pop() {
        if found.insert(file) {
            next.extend(edges.get(file).into_iter().flatten());
        }
    }
    found.retain(|file| edges.contains_key(*file));
    found
}
