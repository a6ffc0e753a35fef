//! Fuzz target for a damaged index file: either opening, reading or `verify` reports the damage, or
//! every answer is right.
//!
//! The input is up to eight damages of eight bytes each: three for the place, one for the kind,
//! four for the value. The kinds are: one byte is replaced, four bytes are replaced, a page is
//! replaced by another page of the file, or the file is truncated.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::DateTime;
use promptbook::maintenance::GcOptions;
use promptbook::{NewPrompt, NewVersion, Store};
use promptbook::{StoreOptions, View};
use serde_json::json;

const PAGE: usize = 4096;

/// A closed store: its files, and everything that can be read from it.
struct Sound {
    index: Vec<u8>,
    others: Vec<(PathBuf, Vec<u8>)>,
    told: String,
}

static SOUND: LazyLock<Sound> = LazyLock::new(|| {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    fill(&options().create(&path).unwrap());
    let told = told(options().open(&path).unwrap().as_view()).unwrap();
    let mut others = Vec::new();
    gather(&path, Path::new(""), &mut others);
    let at = others
        .iter()
        .position(|(name, _)| name == Path::new("index.db"));
    let (_, index) = others.swap_remove(at.unwrap());
    Sound {
        index,
        others,
        told,
    }
});

fn options() -> StoreOptions {
    static SECONDS: AtomicI64 = AtomicI64::new(0);
    let clock = || DateTime::from_timestamp(SECONDS.fetch_add(1, Ordering::Relaxed), 0);
    StoreOptions::new()
        .seed(7)
        .clock(move || clock().unwrap_or_default())
}

/// Fills the store until old operations are archived, bodies are packed, and the search index has
/// entries.
fn fill(store: &Store) {
    let body = |name: &str, turn: usize| {
        let text = format!("Greet {{{{hc:{name}:string}}}} the {turn}. time, and warmly");
        json!({"model": "m", "messages": [{"role": "user", "content": text}]})
    };
    for name in ["one", "two", "three"] {
        let new = NewPrompt::new(name, body(name, 0)).tag("tag");
        store.create_prompt(new).unwrap();
        let commits = store.batch(|batch| {
            for turn in 1..20 {
                batch.commit(NewVersion::new(name, body(name, turn)).message("more"))?;
            }
            Ok(())
        });
        commits.unwrap();
    }
    for turn in 0..140 {
        let number: promptbook::Selector = format!("1.{}", turn % 20).parse().unwrap();
        store.set_environment("one", "staging", number).unwrap();
    }
    store.delete_version("two@1.3").unwrap();
    store.delete_prompt("three").unwrap();
    store.checkpoint().unwrap();
}

fn gather(root: &Path, within: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in fs::read_dir(root.join(within)).unwrap() {
        let entry = entry.unwrap();
        let name = within.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            gather(root, &name, found);
        } else if !name.ends_with("index.db-shm") {
            found.push((name, fs::read(entry.path()).unwrap()));
        }
    }
}

/// Returns everything that can be read from a store.
fn told(store: &View) -> promptbook::Result<String> {
    use std::fmt::Write;
    let mut told = String::new();
    for prompt in store.prompts().page(None, usize::MAX)? {
        let _ = writeln!(told, "{prompt:?}");
        for version in store.versions(prompt.id).page(None, usize::MAX)? {
            let resolved = store.resolve(version.id)?;
            assert_eq!(
                resolved.body.id(),
                resolved.version.blob,
                "the body differs from the version's"
            );
            let _ = writeln!(told, "{version:?} {}", resolved.body.text());
        }
        let _ = writeln!(told, "{:?}", store.environments(prompt.id)?);
        let _ = writeln!(told, "{:?}", store.version_counts(prompt.id)?);
    }
    let operations = store.operations().page(None, usize::MAX)?;
    let _ = writeln!(told, "{operations:?}");
    Ok(told)
}

pub fn holds(data: &[u8]) {
    let mut index = SOUND.index.clone();
    for damage in data.chunks_exact(8).take(8) {
        do_damage(&mut index, damage);
    }
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("store");
    for (name, bytes) in &SOUND.others {
        let file = path.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, bytes).unwrap();
    }
    fs::create_dir_all(path.join("tmp")).unwrap();
    fs::write(path.join("index.db"), &index).unwrap();

    let Ok(store) = options().open(&path) else {
        return;
    };
    let found = told(store.as_view());
    let report = store.verify();
    if let (Ok(found), Ok(report)) = (found, report)
        && report.is_clean()
    {
        assert_eq!(found, SOUND.told, "the damage is not reported");
    }
    // Further calls may be refused, but must return.
    let _ = store.search("warmly", 9);
    let _ = store.create_prompt(NewPrompt::new("more", json!({"model": "m"})));
    let _ = store.commit(NewVersion::new("one", json!({"model": "n"})));
    let _ = store.undo_newest();
    let _ = store.checkpoint();
    let _ = store.collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO));
    let _ = store.export_bundle(std::io::sink());
}

fn do_damage(index: &mut Vec<u8>, damage: &[u8]) {
    let &[a, b, c, kind, ref value @ ..] = damage else {
        return;
    };
    let value: [u8; 4] = value.try_into().unwrap();
    let at = u32::from_be_bytes([0, a, b, c]) as usize;
    let pages = index.len() / PAGE;
    if pages == 0 {
        return;
    }
    // An incomplete last page is ignored after a truncation.
    let at = at % (pages * PAGE);
    match kind % 8 {
        0..=3 => index[at] = value[0],
        4 | 5 => {
            let end = index.len().min(at + 4);
            index[at..end].copy_from_slice(&value[..end - at]);
        }
        6 => {
            let (from, to) = (u32::from_be_bytes(value) as usize % pages, at / PAGE);
            index.copy_within(from * PAGE..(from + 1) * PAGE, to * PAGE);
        }
        _ => index.truncate(at),
    }
}
