//! An object store that fails: no acknowledged change is lost, and no wrong body is returned.

use std::sync::Arc;

use super::support::{FAULTS, S3Fault, S3Proxy, opened, proxied_url};
use crate::model::record::Settings;
use crate::storage::postgres::{PostgresIndex, PostgresUrl};
use crate::storage::s3::TimeLimits;
use crate::{ErrorKind, NewPrompt, NewVersion, Store, StoreOptions};

fn store(url: &PostgresUrl) -> Store {
    let (index, blobs) = opened(url);
    StoreOptions::new()
        .open_with(Arc::new(index), Arc::new(blobs))
        .unwrap()
}

fn body(number: u64) -> String {
    let noise: String = (0..40)
        .map(|n| format!("{} ", (number + 1) * 7919 * (n + 1)))
        .collect();
    format!(r#"{{"messages": [{{"role": "user", "content": "{number} {noise}"}}]}}"#)
}

/// A store whose object store is behind a proxy.
struct Faulty {
    /// With short time limits.
    url: PostgresUrl,
    /// With those of users.
    patient_url: PostgresUrl,
    proxy: S3Proxy,
    /// The number of versions that were committed.
    committed: u64,
}

impl Faulty {
    fn new() -> Option<Self> {
        let (url, proxy) = proxied_url()?;
        assert!(PostgresIndex::create(&url, Settings::default()).unwrap());
        store(&url)
            .create_prompt(NewPrompt::new("greeting", body(0)))
            .unwrap();
        let mut patient_url = url.clone();
        patient_url.objects.as_mut()?.limits = TimeLimits::default();
        Some(Self {
            url,
            patient_url,
            proxy,
            committed: 1,
        })
    }

    fn commit(&mut self, store: &Store) {
        let greeting = store.prompt("greeting").unwrap();
        store
            .commit(NewVersion::new(greeting.id, body(self.committed)))
            .unwrap();
        self.committed += 1;
    }

    /// Reads all versions by a new handle. Returns how many could be read; the others were busy.
    fn read_all(&self, fault: S3Fault) -> u64 {
        let store = store(if fault == S3Fault::None {
            &self.patient_url
        } else {
            &self.url
        });
        let mut read = 0;
        for number in 0..self.committed {
            match store.resolve(format!("greeting@1.{number}")) {
                Ok(resolved) => {
                    assert_eq!(resolved.body.text(), body(number), "a wrong body");
                    read += 1;
                }
                Err(error) => {
                    let is_damaged =
                        fault == S3Fault::Flipped && error.kind() == ErrorKind::Corrupt;
                    assert!(is_damaged || error.kind() == ErrorKind::Busy, "{error}");
                    assert!(!error.to_string().contains("secret"), "{error}");
                    // Each of the others would be waited for as long.
                    return read;
                }
            }
        }
        read
    }
}

#[test]
fn a_failing_object_store_delays_checkpoints_only() {
    let Some(mut faulty) = Faulty::new() else {
        return;
    };
    let first = store(&faulty.url);
    for fault in FAULTS {
        store(&faulty.patient_url).checkpoint().unwrap();
        let cached = first.resolve("greeting@1.0").unwrap();
        faulty.proxy.set(fault);
        faulty.commit(&first);
        faulty.commit(&first);
        assert_eq!(first.resolve("greeting@1.0").unwrap().body, cached.body);
        let newest = format!("greeting@1.{}", faulty.committed - 1);
        // By another handle, which has nothing in memory: the journal contains it.
        let resolved = store(&faulty.url).resolve(&newest);
        assert_eq!(resolved.unwrap().body.text(), body(faulty.committed - 1));
        let checkpointed = first.checkpoint();
        let read = faulty.read_all(fault);
        // The answer to a put has no body that could be changed.
        if !matches!(fault, S3Fault::Short | S3Fault::Flipped | S3Fault::CutOff) {
            assert_eq!(
                checkpointed.unwrap_err().kind(),
                ErrorKind::Busy,
                "{fault:?}"
            );
            assert_eq!(read, 0, "{fault:?}");
            let stats = store(&faulty.url).stats().unwrap();
            assert!(stats.journaled_bodies >= 2, "{stats:?}");
            let failure = stats.bodies.failure.expect("the failure is recorded");
            assert!(
                failure.since <= failure.at && failure.message.contains("s3://"),
                "{failure:?}"
            );
            assert!(
                store(&faulty.url)
                    .diagnostics()
                    .unwrap()
                    .bodies
                    .failure
                    .is_some()
            );
        }
        faulty.proxy.set(S3Fault::None);
        assert_eq!(faulty.read_all(S3Fault::None), faulty.committed);
    }
    let last = store(&faulty.patient_url);
    last.checkpoint().unwrap();
    let stats = last.stats().unwrap();
    assert_eq!((stats.journaled_bodies, stats.bodies.failure), (0, None));
    assert_eq!(last.verify().unwrap().violations, []);
}

#[test]
fn a_large_change_is_committed_without_the_object_store() {
    let Some(mut faulty) = Faulty::new() else {
        return;
    };
    let store = store(&faulty.url);
    store.checkpoint().unwrap();
    faulty.proxy.set(S3Fault::Gone);
    let greeting = store.prompt("greeting").unwrap().id;
    store
        .batch(|batch| {
            for number in 1..=300 {
                batch.commit(NewVersion::new(greeting, body(number)))?;
            }
            Ok(())
        })
        .unwrap();
    faulty.committed = 301;
    assert_eq!(
        store.resolve("greeting@1.300").unwrap().body.text(),
        body(300)
    );
    faulty.proxy.set(S3Fault::None);
    assert_eq!(faulty.read_all(S3Fault::None), 301);
    let store = self::store(&faulty.patient_url);
    store.checkpoint().unwrap();
    store.collect_garbage().unwrap();
    let usage = store.stats().unwrap().bodies;
    assert_eq!(usage.packed_bodies, 301);
    assert_eq!(faulty.read_all(S3Fault::None), 301);
    assert_eq!(store.verify().unwrap().violations, []);
}

/// A change that comes shortly after the failure of a read does not try to put objects. The
/// statistics say so until an object is put.
#[test]
fn a_large_change_after_a_failed_read_says_why_it_put_no_object() {
    let Some(faulty) = Faulty::new() else {
        return;
    };
    store(&faulty.patient_url).checkpoint().unwrap();
    let store = store(&faulty.url);
    faulty.proxy.set(S3Fault::Gone);
    let failed = store.resolve("greeting@1.0").unwrap_err();
    assert_eq!(failed.kind(), ErrorKind::Busy);
    faulty.proxy.set(S3Fault::None);
    assert_eq!(store.stats().unwrap().bodies.failure, None);
    let before = faulty.proxy.requests();
    let greeting = store.prompt("greeting").unwrap().id;
    let large = store.batch(|batch| {
        for number in 1..=100 {
            batch.commit(NewVersion::new(greeting, body(number)))?;
        }
        Ok::<_, crate::Error>(())
    });
    large.unwrap();
    assert_eq!(faulty.proxy.requests(), before);
    let failure = store.diagnostics().unwrap().bodies.failure.unwrap();
    assert!(
        failure.message.contains("reading object"),
        "{}",
        failure.message
    );
    store.collect_garbage().unwrap();
    assert!(faulty.proxy.requests() > before);
    assert_eq!(store.stats().unwrap().bodies.failure, None);
    assert_eq!(store.verify().unwrap().violations, []);
}

#[test]
fn random_failures_lose_nothing() {
    let Some(mut faulty) = Faulty::new() else {
        return;
    };
    for round in 0..12 {
        faulty.proxy.set_random(round);
        let store = store(&faulty.url);
        for _ in 0..10 {
            faulty.commit(&store);
        }
        // Any of them may fail; what they leave is checked below.
        let _ = store.checkpoint();
        let _ = store.collect_garbage();
        if round % 4 == 3 {
            let _ = store.repack();
        }
        faulty.read_all(S3Fault::Flipped);
        drop(store);
    }
    faulty.proxy.set(S3Fault::None);
    let store = store(&faulty.patient_url);
    store.checkpoint().unwrap();
    store.collect_garbage().unwrap();
    assert_eq!(faulty.read_all(S3Fault::None), faulty.committed);
    assert_eq!(store.verify().unwrap().violations, []);
    assert!(faulty.proxy.requests() > 50);
}
