//! Tests of bundles of crafted histories: round trips, damage, forgery, merging.

mod damage;
mod merge;
mod parts;
mod random;

use std::io::Cursor;

use chrono::{DateTime, Utc};

use super::*;
use crate::maintenance::GcOptions;
use crate::model::error::Error;
use crate::model::id::{BlobId, OperationId};
use crate::model::operation_text;
use crate::model::record::{Change, Durability, Operation, OperationContent, OperationKind};
use crate::storage::testing::values::{
    body, environment_change, moment, prompt_change, prompt_id, state, version, version_created,
    version_deleted, version_id, version_restored,
};
use crate::storage::testing::{HistoryWriter, all_answers};

pub(crate) fn export(store: &Store) -> Vec<u8> {
    let mut file = Vec::new();
    let summary = store.export_bundle(&mut file).unwrap();
    let end = format!("blake3 {}\n", summary.seal);
    assert!(file.ends_with(end.as_bytes()));
    file
}

fn import(store: &Store, bundle: &[u8]) -> Result<ImportSummary> {
    store.import_bundle(Cursor::new(bundle))
}

/// Returns the prompts, versions and environments of a store, independently of its operations.
fn tables(store: &Store) -> Vec<String> {
    let mut tables = Vec::new();
    let visited = store
        .shared()
        .index
        .snapshot()
        .unwrap()
        .each_prompt(&mut |table| {
            tables.push(format!("{table:?}"));
            std::ops::ControlFlow::Continue(())
        });
    visited.unwrap();
    tables.sort();
    tables
}

fn is_sound(store: &Store) {
    let report = store.verify().unwrap();
    assert!(report.is_clean(), "{:#?}", report.violations);
}

fn scribe(store: &Store) -> HistoryWriter<'_> {
    HistoryWriter::new(&*store.shared().index)
}

/// Appends an operation that undoes others.
fn undo(store: &Store, at: DateTime<Utc>, undoes: Vec<u64>, changes: Vec<Change>) {
    let mut transaction = store.shared().index.transaction(Durability::Full).unwrap();
    let last = transaction.snapshot().last_operation().unwrap();
    let (number, id) = last.unwrap_or((0, OperationId::ROOT));
    let content = OperationContent {
        at,
        author: "undoer".into(),
        kind: OperationKind::Undo,
        undoes,
        group: None,
        changes,
    };
    let text = operation_text::write(&content).unwrap();
    let operation = Operation {
        number: number + 1,
        id: id.followed_by(text.as_bytes()),
        content,
    };
    transaction.append(&operation, &text, at, &[]).unwrap();
    transaction.commit().unwrap();
}

/// Creates a history with every kind of change.
///
/// It contains an undo, deleted versions and prompts, garbage-collected bodies, a body that several
/// versions share, and bodies in the journal and in the blob store.
fn fill(store: &Store) {
    let mut scribe = scribe(store);
    scribe.create(1, "first, Ünïcödé", &["a", "b"]); // operation 1
    scribe.commit(1, 1, "1.0");
    scribe.commit(1, 2, "1.1");
    scribe.commit_body(1, 3, "2.0", &body(1));
    scribe.point(1, "production", Some(2)); // 5
    scribe.change(1, "renamed", &["c"]);
    scribe.create(2, "gone", &[]);
    scribe.commit(2, 4, "1.0");
    scribe.point(2, "production", Some(4));
    scribe.delete_prompt(2); // 10
    scribe.commit(1, 5, "2.1");
    scribe.delete_version(1, 5);
    scribe.commit(1, 6, "2.2");
    scribe.delete_version(1, 6);
    let back = version_restored(prompt_id(1), version_id(6));
    undo(store, moment(15), vec![14], vec![back]);
    scribe.delete_version(1, 6);
    scribe.forget(&[BlobId::of(&body(4)), BlobId::of(&body(6))]);
    store.checkpoint().unwrap();
    scribe.commit(1, 7, "3.0"); // 17
    let back = environment_change(prompt_id(1), "production", Some(version_id(2)), None);
    undo(store, moment(100), vec![5], vec![back]); // 18
    undo(
        store,
        moment(101),
        vec![18],
        vec![environment_change(
            prompt_id(1),
            "production",
            None,
            Some(version_id(2)),
        )],
    );
}

fn filled() -> Store {
    let store = Store::in_memory().unwrap();
    fill(&store);
    store
}

#[test]
fn export_and_import_preserve_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let directory = |name: &str| Store::create(folder.path().join(name)).unwrap();
    let memory = || Store::in_memory().unwrap();
    let mut bundles = Vec::new();
    for source in [memory(), directory("source")] {
        fill(&source);
        let bundle = export(&source);
        for (at, target) in [memory(), directory(&bundles.len().to_string())]
            .iter()
            .enumerate()
        {
            let imported = import(target, &bundle).unwrap();
            assert_eq!((imported.appended, imported.present), (19, 0));
            assert_eq!((imported.bodies, imported.merged), (4, false));
            assert_eq!(tables(target), tables(&source), "{at}");
            assert_eq!(export(target), bundle, "{at}");
            is_sound(target);
            target.checkpoint().unwrap();
            assert_eq!(export(target), bundle, "settled, {at}");
            is_sound(target);
        }
        bundles.push(bundle);
    }
    assert_eq!(
        bundles[0], bundles[1],
        "bundles of memory and directory differ"
    );
}

#[test]
fn an_empty_store_has_a_bundle() {
    let store = Store::in_memory().unwrap();
    let bundle = export(&store);
    let imported = import(&store, &bundle).unwrap();
    assert_eq!((imported.operations, imported.head), (0, None));
    let filled = filled();
    let before = export(&filled);
    assert_eq!(import(&filled, &bundle).unwrap().appended, 0);
    assert_eq!(export(&filled), before);
}

/// The golden file was written by the release that introduced the format.
///
/// Later releases must read it, and write the same bytes.
#[test]
fn the_format_does_not_change() {
    let store = Store::in_memory().unwrap();
    let mut scribe = scribe(&store);
    scribe.create(1, "greeting", &["a"]);
    scribe.commit_body(1, 1, "1.0", b"{\"model\": \"m\"}");
    scribe.commit_body(
        1,
        2,
        "1.1",
        "{\"messages\":\n [\"Ünïcödé\"], \"model\": \"m\"}\n".as_bytes(),
    );
    scribe.point(1, "production", Some(2));
    let back = environment_change(prompt_id(1), "production", Some(version_id(2)), None);
    undo(&store, moment(9), vec![4], vec![back]);
    let golden = include_bytes!("../../../tests/golden/format-1.bundle");
    assert_eq!(
        String::from_utf8_lossy(&export(&store)),
        String::from_utf8_lossy(golden)
    );
    let read = Store::in_memory().unwrap();
    assert_eq!(import(&read, golden).unwrap().appended, 5);
    assert_eq!(tables(&read), tables(&store));
}

/// A bundle starts at the reader's position, which may be after other data.
#[test]
fn a_bundle_may_begin_anywhere() {
    let bundle = [b"something else".to_vec(), export(&filled())].concat();
    let store = Store::in_memory().unwrap();
    let mut reader = Cursor::new(&bundle);
    reader.set_position(14);
    store.import_bundle(reader).unwrap();
    assert_eq!(export(&store), bundle[14..]);
}

#[test]
fn a_damaged_body_is_never_exported() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::create(folder.path()).unwrap();
    fill(&store);
    let id = BlobId::of(&body(2));
    let path = folder.path().join("blobs");
    let path = path.join(&id.to_string()[..2]).join(&id.to_string()[2..]);
    std::fs::write(&path, body(3)).unwrap();
    for _ in 0..2 {
        match store.export_bundle(std::io::sink()) {
            Err(Error::CorruptBody { blob, .. }) => assert_eq!(blob, id),
            other => panic!("{other:?}"),
        }
        let _ = std::fs::remove_file(&path);
    }
}

/// A bundle contains all bodies that it announced, even if garbage is collected in the meantime.
#[test]
fn bodies_stay_while_they_are_exported() {
    struct Pausing<'a, 'b> {
        scope: &'a std::thread::Scope<'a, 'b>,
        collector: Option<Store>,
        bytes: &'b mut Vec<u8>,
    }
    impl Write for Pausing<'_, '_> {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            if let Some(store) = self.collector.take() {
                self.scope.spawn(move || {
                    store
                        .collect_garbage_with(GcOptions::new().retention(std::time::Duration::ZERO))
                        .unwrap();
                });
                std::thread::sleep(std::time::Duration::from_millis(200));
            }
            self.bytes.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    for store in [
        Store::in_memory().unwrap(),
        Store::create(folder.path()).unwrap(),
    ] {
        fill(&store);
        let (before, mut during) = (export(&store), Vec::new());
        std::thread::scope(|scope| {
            let to = Pausing {
                scope,
                collector: Some(store.clone()),
                bytes: &mut during,
            };
            store.export_bundle(to).unwrap();
        });
        assert_eq!(during, before);
        assert_ne!(export(&store), before, "nothing was collected");
    }
}

/// If the writer or the reader fails, the error contains the cause.
#[test]
fn errors_contain_the_cause() {
    struct Full(usize);
    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match self.0.checked_sub(bytes.len()) {
                Some(left) => self.0 = left,
                None => return Err(std::io::ErrorKind::StorageFull.into()),
            }
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    struct Broken(Cursor<Vec<u8>>, u64);
    impl Read for Broken {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            if self.0.position() < self.1 {
                Read::by_ref(&mut self.0).take(100).read(out)
            } else {
                Err(std::io::Error::other("torn out"))
            }
        }
    }
    impl Seek for Broken {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            self.0.seek(to)
        }
    }
    let store = filled();
    let bundle = export(&store);
    for room in [0, 10, 100, bundle.len() - 1] {
        let error = store.export_bundle(Full(room)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the bundle file cannot be written: no storage space",
            "{room}"
        );
        let source = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(source.as_deref(), Some("no storage space"), "{room}");
    }
    let empty = Store::in_memory().unwrap();
    let broken = Broken(Cursor::new(bundle.clone()), bundle.len() as u64 / 2);
    let error = empty.import_bundle(broken).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the bundle file cannot be read: torn out"
    );
    assert_eq!(empty.stats().unwrap().operations, 0);
}

/// The file is modified between the check and the transaction.
#[test]
fn a_bundle_that_changes_while_it_is_read_is_refused() {
    struct Changing {
        bytes: Cursor<Vec<u8>>,
        at: usize,
        seeks: u32,
    }
    impl Read for Changing {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            self.bytes.read(out)
        }
    }
    impl Seek for Changing {
        fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
            if let std::io::SeekFrom::Start(_) = to {
                self.seeks += 1;
                if self.seeks == 1 {
                    self.bytes.get_mut()[self.at] ^= 1;
                }
            }
            self.bytes.seek(to)
        }
    }
    let bundle = export(&filled());
    let content = bundle.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    for at in content..bundle.len() - 72 {
        let store = Store::in_memory().unwrap();
        let changing = Changing {
            bytes: Cursor::new(bundle.clone()),
            at,
            seeks: 0,
        };
        // The number of bodies in the second line is not read again.
        if store.import_bundle(changing).is_ok() {
            assert_eq!(export(&store), bundle, "byte {at}");
        } else {
            assert_eq!(store.stats().unwrap().operations, 0, "byte {at}");
        }
    }
}
