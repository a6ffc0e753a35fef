//! Waits for changes, which end by a notice of the server, and calls within another runtime.

use std::thread;
use std::time::Duration;

use promptbook::history::LogPosition;
use promptbook::{PromptId, StoreOptions};

use crate::postgres_server::{Server, new_schema, shared};
use crate::proxy::Proxy;
use crate::support::{version, with_prompt};

fn prompt() -> PromptId {
    "watchd".parse().unwrap()
}

/// Returns the number of connections that listen.
fn listeners(server: &Server) -> usize {
    let sql = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'";
    server.sql(sql).parse().unwrap()
}

#[test]
fn a_wait_listens_and_ends_by_a_commit() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let proxy = Proxy::start(&server.socket());
    let url = proxy.url(&new_schema());
    let store = with_prompt(&url, prompt());
    let other = StoreOptions::new().open_url(&url).unwrap();
    // The second round is after a failure of the server, which ends the connection that listens.
    for round in 0..2 {
        let here = store.position().unwrap();
        thread::scope(|scope| {
            let wait = || store.wait_for_changes(here, 9, Duration::MAX).unwrap();
            let waiting = scope.spawn(wait);
            while listeners(&server) == 0 {
                thread::sleep(Duration::from_millis(10));
            }
            other
                .commit(version(prompt(), &format!("{round}")))
                .unwrap();
            assert_eq!(waiting.join().unwrap().len(), 1);
        });
        proxy.fail_over(&server.socket());
    }
    drop(store);
    while listeners(&server) > 0 {
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn calls_work_within_tokio_main() {
    #[tokio::main(flavor = "current_thread")]
    async fn main() {
        let Some(server) = shared() else { return };
        let url = server.new_url();
        let store = with_prompt(&url, prompt());
        store.commit(version(prompt(), "within")).unwrap();
        let events = store.wait_for_changes(LogPosition::START, 9, Duration::MAX);
        assert_eq!(events.unwrap().len(), 2);
        assert_eq!(store.resolve("shared").unwrap().version.message, "within");
    }
    main();
}
