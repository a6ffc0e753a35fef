//! A store in Postgres beside bare SQL on the same server, in one run.
//!
//! `cargo bench --features postgres --bench postgres` starts a server of its own, and prints a table.
//! Bare SQL writes the same rows, or reads them, with prepared statements and one round trip for each.
//! With `--test` it does everything a few times, which shows that it works.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_types,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark prints, and ends by a panic"
)]

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use promptbook::{
    Body, Bump, EnvironmentName, NewPrompt, NewVersion, PromptId, Selector, Store, StoreOptions,
};
use tokio::runtime::Runtime;
use tokio_postgres::{Client, NoTls, Statement};

#[path = "../tests/shared/postgres_server.rs"]
mod postgres_server;

/// How much is measured.
struct Scale {
    /// The time of each measurement.
    time: Duration,
    threads: usize,
    imported: usize,
}

fn body(text: &str) -> Body {
    let json = serde_json::json!({"model": "m", "messages": [{"role": "user", "content": text}]});
    Body::try_from(json).unwrap()
}

/// Calls a function until the time is over. Returns the calls in a second.
fn rate(time: Duration, mut call: impl FnMut(usize)) -> f64 {
    (0..3).for_each(&mut call);
    let began = Instant::now();
    let mut calls = 0;
    while began.elapsed() < time {
        call(calls + 3);
        calls += 1;
    }
    calls as f64 / began.elapsed().as_secs_f64()
}

/// Does the same on many threads, each with a state of its own.
fn rate_of_threads<S: Send>(
    scale: &Scale,
    states: Vec<S>,
    call: impl Fn(&mut S, usize, usize) + Sync,
) -> f64 {
    let start = Barrier::new(states.len());
    thread::scope(|scope| {
        let threads: Vec<_> = states
            .into_iter()
            .enumerate()
            .map(|(thread, mut state)| {
                let (start, call) = (&start, &call);
                scope.spawn(move || {
                    start.wait();
                    rate(scale.time, |number| call(&mut state, thread, number))
                })
            })
            .collect();
        threads.into_iter().map(|one| one.join().unwrap()).sum()
    })
}

fn line(what: &str, store: f64, bare: f64) {
    let (each, ratio) = (1e6 / store, bare / store);
    println!("{what:<34} {store:>9.0}/s {each:>8.0} µs   bare {bare:>9.0}/s   {ratio:>5.2} ×");
}

/// A connection that writes and reads the same rows without a store.
struct Bare {
    client: Client,
    insert: [Statement; 4],
    point: Statement,
    mark: Statement,
    lookup: Statement,
}

impl Bare {
    fn connect(runtime: &Runtime, server: &postgres_server::Server) -> Self {
        runtime.block_on(async {
            let host = server.directory().display();
            let config = format!("host={host} user=tests dbname=postgres");
            let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
            tokio::spawn(connection);
            let prepared = |sql: &'static str| {
                let client = &client;
                async move { client.prepare(sql).await.unwrap() }
            };
            let insert = [
                prepared("INSERT INTO bare_body VALUES ($1, $2)").await,
                prepared("INSERT INTO bare_version VALUES ($1, $2, $3)").await,
                prepared("INSERT INTO bare_log (hash, content) VALUES ($1, $2)").await,
                prepared("UPDATE bare_head SET number = number + 1 WHERE one = $1").await,
            ];
            let point = prepared("UPDATE bare_environment SET version = $1 WHERE name = 1").await;
            let mark = prepared("SELECT number FROM bare_head WHERE one = 0").await;
            let lookup = prepared(
                "SELECT v.number, b.body FROM bare_version v JOIN bare_body b ON b.hash = v.body
                 WHERE v.id = $1",
            )
            .await;
            Self {
                client,
                insert,
                point,
                mark,
                lookup,
            }
        })
    }

    /// Writes the rows of a commit. The thread's head is its own, so that none waits for another.
    async fn commit(&self, thread: usize) {
        let id: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
            .take(32)
            .collect();
        let text = vec![b'x'; 300];
        self.client.batch_execute("BEGIN").await.unwrap();
        let [bodies, versions, log, head] = &self.insert;
        self.client.execute(bodies, &[&id, &text]).await.unwrap();
        let number = 1_i64;
        self.client
            .execute(versions, &[&id, &number, &id])
            .await
            .unwrap();
        self.client.execute(log, &[&id, &text]).await.unwrap();
        self.client
            .execute(head, &[&(thread as i64)])
            .await
            .unwrap();
        self.client.batch_execute("COMMIT").await.unwrap();
    }

    async fn point(&self, to: i64) {
        self.client.batch_execute("BEGIN").await.unwrap();
        self.client.execute(&self.point, &[&to]).await.unwrap();
        let [_, _, log, head] = &self.insert;
        let id: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..))
            .take(32)
            .collect();
        self.client
            .execute(log, &[&id, &vec![b'x'; 200]])
            .await
            .unwrap();
        self.client.execute(head, &[&0_i64]).await.unwrap();
        self.client.batch_execute("COMMIT").await.unwrap();
    }
}

const TABLES: &str = "CREATE TABLE bare_body (hash bytea PRIMARY KEY, body bytea NOT NULL);
    CREATE TABLE bare_version (id bytea PRIMARY KEY, number bigint NOT NULL, body bytea NOT NULL);
    CREATE TABLE bare_log (number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, hash bytea NOT NULL, content bytea NOT NULL);
    CREATE TABLE bare_head (one bigint PRIMARY KEY, number bigint NOT NULL);
    INSERT INTO bare_head SELECT x, 0 FROM generate_series(0, 200) AS x;
    CREATE TABLE bare_environment (name bigint PRIMARY KEY, version bigint NOT NULL);
    INSERT INTO bare_environment VALUES (1, 0)";

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let scale = if is_test {
        Scale {
            time: Duration::from_millis(20),
            threads: 4,
            imported: 200,
        }
    } else {
        Scale {
            time: Duration::from_secs(3),
            threads: 64,
            imported: 100_000,
        }
    };
    let Some(server) = postgres_server::Server::start(&["-c", "shared_buffers=256MB"]) else {
        return;
    };
    server.sql(TABLES);
    let url = server.new_url();
    let store = StoreOptions::new().create_url(&url).unwrap();
    let prompts: Vec<PromptId> = (0..scale.threads)
        .map(|number| {
            let new = NewPrompt::new(format!("prompt {number}"), body(&format!("{number}")));
            store.create_prompt(new).unwrap().prompt.id
        })
        .collect();
    let runtime = Runtime::new().unwrap();
    let bare = Bare::connect(&runtime, &server);
    writes(&scale, &store, &prompts, &runtime, &bare, &server);
    reads(&scale, &store, &prompts, &runtime, &bare);
    import(&scale, &server, &runtime, &bare);
    servers(&scale, &url, &prompts);
    assert_eq!(store.verify().unwrap().violations, []);
}

fn commit(store: &Store, prompt: PromptId) {
    let new = NewVersion::new(
        prompt,
        body(&format!("{:016x} and some words", fastrand::u64(..))),
    );
    store.commit(new.bump(Bump::Minor)).unwrap();
}

fn writes(
    scale: &Scale,
    store: &Store,
    prompts: &[PromptId],
    runtime: &Runtime,
    bare: &Bare,
    server: &postgres_server::Server,
) {
    let by_store = rate(scale.time, |_| commit(store, prompts[0]));
    let by_bare = rate(scale.time, |_| runtime.block_on(bare.commit(0)));
    line("commit", by_store, by_bare);
    let states = prompts.to_vec();
    let by_store = rate_of_threads(scale, states, |prompt, _, _| commit(store, *prompt));
    let states = prompts
        .iter()
        .map(|_| Bare::connect(runtime, server))
        .collect();
    let by_bare = rate_of_threads(scale, states, |bare: &mut Bare, thread, _| {
        runtime.block_on(bare.commit(thread));
    });
    line(
        &format!("commit, {} threads", scale.threads),
        by_store,
        by_bare,
    );
    let listed = store.versions(prompts[0]).page(None, 2).unwrap();
    let by_store = rate(scale.time, |number| {
        let to = listed[number % 2].id;
        store
            .set_environment(prompts[0], EnvironmentName::production(), to)
            .unwrap();
    });
    let by_bare = rate(scale.time, |number| {
        runtime.block_on(bare.point(number as i64));
    });
    line("move of an environment", by_store, by_bare);
}

fn reads(scale: &Scale, store: &Store, prompts: &[PromptId], runtime: &Runtime, bare: &Bare) {
    let spec = (
        prompts[0],
        Selector::Environment(EnvironmentName::production()),
    );
    let by_store = rate(scale.time, |_| drop(store.resolve(spec.clone()).unwrap()));
    let by_bare = rate(scale.time, |_| {
        let rows = runtime.block_on(bare.client.query(&bare.mark, &[]));
        assert_eq!(rows.unwrap().len(), 1);
    });
    line("resolve, warm", by_store, by_bare);
    let versions: Vec<_> = store
        .versions(prompts[0])
        .page(None, usize::MAX)
        .unwrap()
        .iter()
        .map(|version| version.id)
        .collect();
    let count = versions.len();
    let by_store = rate(scale.time, |number| {
        // Each is resolved for the first time, at least for the first rounds.
        drop(store.resolve(versions[number % count]).unwrap());
    });
    let ids = runtime
        .block_on(bare.client.query("SELECT id FROM bare_version", &[]))
        .unwrap();
    let by_bare = rate(scale.time, |number| {
        let id: &[u8] = ids[number % ids.len()].get(0);
        let rows = runtime.block_on(bare.client.query(&bare.lookup, &[&id]));
        assert_eq!(rows.unwrap().len(), 1);
    });
    line("resolve, cold", by_store, by_bare);
    let by_store = rate(scale.time, |_| {
        assert!(
            !store
                .versions(prompts[0])
                .page(None, 50)
                .unwrap()
                .is_empty()
        );
    });
    let by_bare = rate(scale.time, |_| {
        let sql = "SELECT v.id, v.number, b.hash, length(b.body) FROM bare_version v
            JOIN bare_body b ON b.hash = v.body LIMIT 50";
        assert!(
            !runtime
                .block_on(bare.client.query(sql, &[]))
                .unwrap()
                .is_empty()
        );
    });
    line("list of 50 versions", by_store, by_bare);
}

/// Imports a bundle, as another store's history is imported, and versions by one batch.
fn import(scale: &Scale, server: &postgres_server::Server, runtime: &Runtime, bare: &Bare) {
    let source = Store::in_memory().unwrap();
    let made = source.batch(|batch| {
        let mut prompt = None;
        for number in 0..scale.imported {
            let body = body(&format!("version {number} of a prompt with some words"));
            if number % 100 == 0 {
                let new = NewPrompt::new(format!("imported {number}"), body);
                prompt = Some(batch.create_prompt(new)?.prompt.id);
            } else if let Some(prompt) = prompt {
                batch.commit(NewVersion::new(prompt, body).bump(Bump::Minor))?;
            }
        }
        Ok::<_, promptbook::Error>(())
    });
    made.unwrap();
    let mut bundle = Vec::new();
    source.export_bundle(&mut bundle).unwrap();
    let store = StoreOptions::new().create_url(&server.new_url()).unwrap();
    let began = Instant::now();
    store.import_bundle(std::io::Cursor::new(bundle)).unwrap();
    let by_store = scale.imported as f64 / began.elapsed().as_secs_f64();
    let began = Instant::now();
    let copied = runtime.block_on(async {
        let sql = "INSERT INTO bare_body SELECT sha256(convert_to(x::text, 'UTF8')), convert_to('version ' || x || ' of a prompt with some words', 'UTF8')
            FROM generate_series(1, $1::bigint) AS x";
        let bodies = bare.client.execute(sql, &[&(scale.imported as i64)]).await.unwrap();
        let sql = "INSERT INTO bare_version SELECT sha256(convert_to('v' || x::text, 'UTF8')), x, sha256(convert_to(x::text, 'UTF8'))
            FROM generate_series(1, $1::bigint) AS x";
        bare.client.execute(sql, &[&(scale.imported as i64)]).await.unwrap();
        bodies
    });
    assert_eq!(copied, scale.imported as u64);
    let by_bare = scale.imported as f64 / began.elapsed().as_secs_f64();
    line(
        &format!("import, {} versions", scale.imported),
        by_store,
        by_bare,
    );
    assert!(store.stats().unwrap().operations > 0);
}

/// Four handles as of four servers, which write and read at once.
fn servers(scale: &Scale, url: &str, prompts: &[PromptId]) {
    let states: Vec<Store> = (0..4)
        .map(|_| StoreOptions::new().open_url(url).unwrap())
        .collect();
    let rate = rate_of_threads(scale, states, |store, thread, number| {
        let prompt = prompts[thread % prompts.len()];
        if number % 10 == 0 {
            commit(store, prompt);
        } else {
            store.resolve((prompt, Selector::Latest)).unwrap();
        }
    });
    println!("{:<34} {rate:>9.0}/s", "4 servers, a tenth are commits");
}
