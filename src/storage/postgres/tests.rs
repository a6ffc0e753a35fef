//! The index and the blob store on a real server.

use std::process::Command;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use super::{PostgresBlobs, PostgresIndex, PostgresUrl};
use crate::model::id::BlobId;
use crate::model::record::{Durability, Settings};
use crate::storage::testing::HistoryWriter;
use crate::storage::{Blobs, Index, StorageErrorKind, testing};

#[path = "../../../tests/shared/postgres_server.rs"]
pub(super) mod postgres_server;

/// Returns a new index, or `None` if there is no server.
fn new_index(settings: Settings) -> Option<PostgresIndex> {
    let url = PostgresUrl::parse(&postgres_server::new_url()?).unwrap();
    assert!(PostgresIndex::create(&url, settings).unwrap());
    Some(opened(&url))
}

fn opened(url: &PostgresUrl) -> PostgresIndex {
    PostgresIndex::open(url).unwrap().unwrap()
}

/// The variable that chooses the backends of the engine's tests.
const TEST_STORE: &str = "PROMPTBOOK_TEST_STORE";

/// Returns backends in a new schema, if the engine's tests are to run on Postgres.
pub(crate) fn backends_of_this_run() -> Option<(Arc<dyn Index>, Arc<dyn Blobs>)> {
    let kind = std::env::var(TEST_STORE);
    #[cfg(feature = "s3")]
    if kind.as_deref() == Ok("s3") {
        let (_, index, blobs) = super::objects::tests::new_store().expect("the servers");
        return Some((Arc::new(index), Arc::new(blobs)));
    }
    (kind.as_deref() == Ok("postgres")).then(|| {
        let index = new_index(Settings::default()).expect("a Postgres server");
        let blobs = PostgresBlobs::of(&index);
        (
            Arc::new(index) as Arc<dyn Index>,
            Arc::new(blobs) as Arc<dyn Blobs>,
        )
    })
}

/// Starts this executable again, with the engine's tests on Postgres.
#[test]
fn the_engine_passes_its_tests() {
    if postgres_server::new_url().is_some() {
        run_engine_tests("postgres");
    }
}

#[cfg(feature = "s3")]
#[test]
fn the_engine_passes_its_tests_with_bodies_in_s3() {
    if super::objects::tests::new_store().is_some() {
        run_engine_tests("s3");
    }
}

fn run_engine_tests(kind: &str) {
    let mut run = Command::new(std::env::current_exe().unwrap());
    run.args(["engine::", "--test-threads=8"]);
    postgres_server::run_tests(run.env(TEST_STORE, kind));
}

#[test]
fn the_index_passes_the_suite() {
    if new_index(Settings::default()).is_some() {
        testing::index::all(&|settings| Box::new(new_index(settings).unwrap()));
    }
}

#[test]
fn the_blob_store_passes_the_suite() {
    if new_index(Settings::default()).is_some() {
        testing::blobs::all(&|| {
            Box::new(PostgresBlobs::of(&new_index(Settings::default()).unwrap()))
        });
    }
}

#[test]
fn a_store_is_created_once() {
    let Some(url) = postgres_server::new_url() else {
        return;
    };
    let url = PostgresUrl::parse(&url).unwrap();
    assert!(PostgresIndex::open(&url).unwrap().is_none());
    let created = thread::scope(|scope| {
        let create = || PostgresIndex::create(&url, Settings::default()).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(create)).collect();
        threads
            .into_iter()
            .filter(|_| true)
            .map(|thread| thread.join().unwrap())
            .filter(|is| *is)
            .count()
    });
    assert_eq!(created, 1);
    let (one, other) = (opened(&url), opened(&url));
    HistoryWriter::new(&one).create(1, "seen", &[]);
    assert_eq!(other.snapshot().unwrap().prompt_count().unwrap(), 1);
    assert_eq!(one.change_mark(), other.change_mark());
}

#[test]
fn a_wait_for_the_writers_lock_ends_as_busy() {
    let Some(index) = new_index(Settings::default()) else {
        return;
    };
    let index = index.with_limit(Duration::from_millis(50));
    let held = index.transaction(Durability::Full).unwrap();
    let refused = index.transaction(Durability::Full).err().unwrap();
    assert_eq!(refused.kind(), StorageErrorKind::Busy);
    drop(held);
    drop(index.transaction(Durability::Full).unwrap());
}

/// A call blocks its thread only, so it works within another runtime that has only this thread.
#[test]
fn calls_work_within_another_runtime() {
    let Some(index) = new_index(Settings::default()) else {
        return;
    };
    let (send, receive) = channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        HistoryWriter::new(&index).create(1, "within", &[]);
        send.send(index.snapshot().unwrap().prompt_count().unwrap())
            .unwrap();
    });
    assert_eq!(receive.recv().unwrap(), 1);
    let blobs = PostgresBlobs::of(&index);
    runtime.block_on(async { assert_eq!(blobs.newest().unwrap(), None) });
}

/// The changes before a savepoint are lost with their connection, and can be made again.
#[test]
fn a_rollback_on_a_broken_connection_ends_as_busy() {
    let Some(index) = new_index(Settings::default()) else {
        return;
    };
    let mut transaction = index.transaction(Durability::Full).unwrap();
    transaction
        .put_body(BlobId::of(b"a body"), b"a body")
        .unwrap();
    transaction.savepoint().unwrap();
    let holder = format!(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory'
         AND (classid::bigint << 32 | objid::bigint) = {}",
        index.locks.writers
    );
    let other = index.pool.connect().unwrap();
    other.batch("ending a connection", &holder).unwrap();
    let read = transaction.snapshot().last_operation();
    assert_eq!(read.unwrap_err().kind(), StorageErrorKind::Busy);
    let rolled_back = transaction.roll_back();
    assert_eq!(rolled_back.unwrap_err().kind(), StorageErrorKind::Busy);
}
