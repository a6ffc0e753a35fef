//! The spans of the feature `tracing`, counted by a small subscriber.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "in a test they say what failed"
)]

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use promptbook::{ErrorKind, NewPrompt, Store, StoreOptions};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The name, level and fields of each span that was opened.
#[derive(Default)]
struct Spans {
    last: AtomicU64,
    opened: Mutex<BTreeMap<u64, Opened>>,
}

#[derive(Clone, Debug)]
struct Opened {
    name: &'static str,
    level: String,
    fields: BTreeMap<&'static str, String>,
}

impl Spans {
    fn opened(&self) -> MutexGuard<'_, BTreeMap<u64, Opened>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the spans of this name, oldest first.
    fn of(&self, name: &str) -> Vec<Opened> {
        let opened = self.opened();
        let named = opened.values().filter(|span| span.name == name);
        named.cloned().collect()
    }
}

struct Values<'a>(&'a mut BTreeMap<&'static str, String>);

impl Visit for Values<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for &'static Spans {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "promptbook"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let mut fields = BTreeMap::new();
        attributes.record(&mut Values(&mut fields));
        let metadata = attributes.metadata();
        self.opened().insert(
            id,
            Opened {
                name: metadata.name(),
                level: metadata.level().to_string(),
                fields,
            },
        );
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        let mut opened = self.opened();
        let span = opened.get_mut(&id.into_u64()).expect("a span");
        values.record(&mut Values(&mut span.fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, _: &Event<'_>) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// It is the only test of its process, because the subscriber also sees the maintenance worker.
#[test]
fn work_and_waits_are_spans_without_names_and_bodies() {
    let spans: &'static Spans = Box::leak(Box::default());
    tracing::subscriber::set_global_default(spans).unwrap();
    let place = tempfile::tempdir().unwrap();
    let store = Store::create(place.path()).unwrap();
    let body = r#"{"messages": [], "model": "secret-model"}"#;
    for name in ["secret-one", "secret-two"] {
        store.create_prompt(NewPrompt::new(name, body)).unwrap();
    }
    let commits = spans.of("commit");
    assert_eq!(commits.len(), 2, "{commits:?}");
    assert_eq!(commits[0].level, "DEBUG");
    assert_eq!(commits[0].fields["operations"], "1");
    assert_eq!(commits[0].fields["bodies"], "1");
    assert_eq!(commits[0].fields["bytes"], body.len().to_string());
    assert!(!commits[1].fields.contains_key("body"));

    let before = spans.of("checkpoint").len();
    store.checkpoint().unwrap();
    assert!(spans.of("checkpoint").len() > before);
    let tasks = spans.of("maintenance");
    assert!(
        tasks
            .iter()
            .any(|span| span.fields["task"] == "maintain_index"),
        "{tasks:?}"
    );

    // Reads open no span, and a lock that is free is no wait.
    let opened = || {
        let opened = spans.opened();
        let of_callers = ["commit", "queue_wait", "lock_wait"];
        let of_callers = opened
            .values()
            .filter(|span| of_callers.contains(&span.name));
        of_callers.count()
    };
    let before = opened();
    store.resolve("secret-one").unwrap();
    assert_eq!(store.prompts().count().unwrap(), 2);
    assert_eq!(opened(), before);

    // While a batch holds the write lock, another handle waits for it.
    let other = StoreOptions::new().busy_timeout(Duration::from_millis(20));
    let other = other.open(place.path()).unwrap();
    let waits = spans.of("lock_wait").len();
    store
        .batch(|_| {
            let busy = other.rename("secret-one", "secret-three").unwrap_err();
            assert_eq!(busy.kind(), ErrorKind::Busy);
            Ok(())
        })
        .unwrap();
    let waits = spans.of("lock_wait").split_off(waits);
    assert_eq!(waits.len(), 1, "{waits:?}");
    assert_eq!(waits[0].level, "INFO");
    assert!(place.path().join(&waits[0].fields["lock"]).exists());

    // Writers of one handle wait for each other.
    let waits = spans.of("queue_wait").len();
    std::thread::scope(|scope| {
        let (store, copy) = (&store, store.clone());
        store
            .batch(|_| {
                let renamed = scope.spawn(move || copy.rename("secret-two", "secret-four"));
                while spans.of("queue_wait").len() == waits {
                    std::thread::yield_now();
                }
                drop(renamed);
                Ok(())
            })
            .unwrap();
    });
    assert_eq!(spans.of("queue_wait").len(), waits + 1);

    drop((store, other));
    let shown = format!("{:?}", spans.opened());
    assert!(!shown.contains("secret"), "{shown}");
    assert!(fs::exists(place.path().join("index.db")).unwrap());
}
