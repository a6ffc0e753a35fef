//! A dump of the database alone is a backup: the objects outlive their rows by the retention.

use std::sync::Arc;

use super::support::{new_store, opened, shared};
use crate::engine::maintenance::checkpoint::checkpoint;
use crate::model::clock;
use crate::storage::postgres::PostgresUrl;
use crate::storage::{Blobs as _, CompressionLevel, DeltaGroup};
use crate::{NewPrompt, NewVersion, Store, StoreOptions};

fn store(url: &PostgresUrl, options: &StoreOptions) -> Store {
    let (index, blobs) = opened(url);
    options.open_with(Arc::new(index), Arc::new(blobs)).unwrap()
}

#[test]
fn a_dump_restores_a_store_although_garbage_was_collected() {
    let Some((url, index, blobs)) = new_store() else {
        return;
    };
    let server = shared().unwrap();
    let schema = url.schema.clone();
    let body = |text: &str| format!(r#"{{"messages": [{{"role": "user", "content": "{text}"}}]}}"#);

    // Two months ago, two prompts were created, and one was deleted.
    let then = || clock::system() - chrono::Duration::days(60);
    let old = store(&url, &StoreOptions::new().clock(then));
    for name in ["kept", "deleted"] {
        let created = old.create_prompt(NewPrompt::new(name, body(name))).unwrap();
        let second = body(&format!("{name} again"));
        old.commit(NewVersion::new(created.prompt.id, second))
            .unwrap();
        checkpoint(&index, &blobs, |_| true).unwrap();
    }
    old.delete_prompt("deleted").unwrap();
    old.abandon();
    drop(old);
    let dump = server.program("pg_dump", &["--schema", &schema, "postgres"]);

    let present = store(&url, &StoreOptions::new());
    let collected = present.collect_garbage().unwrap();
    assert_eq!(collected.bodies, 2, "{collected:?}");
    present.repack().unwrap();
    present
        .create_prompt(NewPrompt::new("later", body("later")))
        .unwrap();
    present.checkpoint().unwrap();
    drop((present, index, blobs));

    server.sql(&format!(
        "SET client_min_messages = warning; DROP SCHEMA {schema} CASCADE"
    ));
    server.sql(&dump);
    let restored = store(&url, &StoreOptions::new());
    assert_eq!(restored.verify().unwrap().violations, []);
    restored.undo(5).unwrap();
    for name in ["kept", "deleted"] {
        let resolved = restored.resolve(format!("{name}@1.1")).unwrap();
        assert_eq!(resolved.body.text(), body(&format!("{name} again")));
    }
}

/// Many bodies become few objects.
#[test]
fn an_import_makes_few_objects() {
    let Some((_, _, blobs)) = new_store() else {
        return;
    };
    let mut random = fastrand::Rng::with_seed(1);
    let mut pack = blobs.pack(CompressionLevel::Fast).unwrap();
    let mut bytes = 0;
    for number in 0..100_000_u64 {
        let words: String = (0..30).map(|_| format!("{:x} ", random.u32(..))).collect();
        let body = format!(r#"{{"messages": [{{"role": "user", "content": "{words}"}}]}}"#);
        let id = crate::model::id::BlobId::of(body.as_bytes());
        bytes += body.len();
        pack.add(
            id,
            body.as_bytes(),
            DeltaGroup(number / 10),
            clock::system(),
        )
        .unwrap();
    }
    drop(pack.finish().unwrap());
    let usage = blobs.usage().unwrap();
    assert_eq!(
        (usage.packed_bodies, usage.packed_bytes),
        (100_000, bytes as u64)
    );
    assert!(usage.packs <= 20, "{usage:?}");
    assert_eq!(blobs.bucket.list().unwrap().len() as u64, usage.packs);
}
