//! A proxy between a store and its server, which counts the messages of Postgres' protocol, and cuts a
//! connection before a chosen one.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

/// The types of the messages by which the client ends a statement: `Query` and `Sync`.
const ENDS_OF_STATEMENT: [u8; 2] = [b'Q', b'S'];

/// The type of the message by which the server ends the answer to a statement.
const READY_FOR_QUERY: u8 = b'Z';

/// Where a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

/// A proxy on a free port of this machine. Its threads end with the process.
pub struct Proxy {
    port: u16,
    socket: Arc<Mutex<PathBuf>>,
    rule: Arc<Mutex<Rule>>,
}

#[derive(Debug, Default)]
struct Rule {
    /// The number of failovers. A connection of an earlier one is cut at its next message.
    generation: usize,
    /// The messages to the server and to the client since the last call.
    passed: [usize; 2],
    /// The statements that the server completed since the last call.
    completed: usize,
    /// The statements since the last call that were sent when no answer was outstanding.
    round_trips: usize,
    /// The direction and the number of the message before which the connection is cut.
    cut: Option<(Direction, usize)>,
}

impl Proxy {
    /// Starts a proxy to the server with a socket.
    pub fn start(socket: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let rule = Arc::new(Mutex::new(Rule::default()));
        let socket = Arc::new(Mutex::new(socket.to_owned()));
        let (upstream, shared) = (Arc::clone(&socket), Arc::clone(&rule));
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                client.set_nodelay(true).unwrap();
                // While the server is down, the client is refused.
                let Ok(server) = UnixStream::connect(&*upstream.lock().unwrap()) else {
                    continue;
                };
                connect(client, server, &shared);
            }
        });
        Self { port, socket, rule }
    }

    /// Returns the URL of a schema, through the proxy.
    pub fn url(&self, schema: &str) -> String {
        let port = self.port;
        format!("postgres://tests@127.0.0.1:{port}/postgres?schema={schema}")
    }

    /// Connects to another server from now on, as a failover does.
    pub fn fail_over(&self, socket: &Path) {
        *self.socket.lock().unwrap() = socket.to_owned();
        self.rule.lock().unwrap().generation += 1;
    }

    /// Cuts the connection that is about to pass a message, counted from now on.
    pub fn cut(&self, direction: Direction, message: usize) {
        let mut rule = self.rule.lock().unwrap();
        (rule.passed, rule.cut) = ([0; 2], Some((direction, message)));
    }

    /// Returns the number of statements that the server completed since the last call.
    ///
    /// A text with several statements counts once, as it is answered once.
    pub fn count_statements(&self) -> usize {
        std::mem::take(&mut self.rule.lock().unwrap().completed)
    }

    /// Returns the number of statements since the last call that the client sent after it had the
    /// answers to all before, on the same connection.
    pub fn count_round_trips(&self) -> usize {
        std::mem::take(&mut self.rule.lock().unwrap().round_trips)
    }

    /// Counts messages from now on, and cuts none. Returns whether the last cut was made, and the
    /// messages in both directions since then.
    pub fn count(&self) -> (bool, [usize; 2]) {
        let mut rule = self.rule.lock().unwrap();
        let is_cut = rule.cut.take().is_none();
        (is_cut, std::mem::take(&mut rule.passed))
    }
}

impl Rule {
    /// Counts a message. Returns whether the connection is to be cut before it.
    fn cuts(&mut self, generation: usize, direction: Direction) -> bool {
        if generation < self.generation {
            return true;
        }
        let passed = &mut self.passed[direction as usize];
        let is_cut = self.cut == Some((direction, *passed));
        *passed += 1;
        if is_cut {
            self.cut = None;
        }
        is_cut
    }
}

fn connect(client: TcpStream, server: UnixStream, rule: &Arc<Mutex<Rule>>) {
    let outstanding = Arc::new(AtomicUsize::new(0));
    for direction in [Direction::ToServer, Direction::ToClient] {
        let (client, server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        let (rule, outstanding) = (Arc::clone(rule), Arc::clone(&outstanding));
        thread::spawn(move || {
            // Either end may be gone.
            let _ = match direction {
                Direction::ToServer => pass(&client, &server, true, direction, &rule, &outstanding),
                Direction::ToClient => {
                    pass(&server, &client, false, direction, &rule, &outstanding)
                }
            };
            let _ = client.shutdown(Shutdown::Both);
            let _ = server.shutdown(Shutdown::Both);
        });
    }
}

/// Passes messages on until one is cut, or an end is gone.
fn pass(
    mut from: impl Read,
    mut to: impl Write,
    mut is_first: bool,
    direction: Direction,
    rule: &Mutex<Rule>,
    outstanding: &AtomicUsize,
) -> std::io::Result<()> {
    let generation = rule.lock().unwrap().generation;
    loop {
        // The client's first message has no type.
        let mut head = vec![0; if is_first { 4 } else { 5 }];
        from.read_exact(&mut head)?;
        let (_, length) = head.split_at(head.len() - 4);
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let mut rest = vec![0; length - 4];
        from.read_exact(&mut rest)?;
        if !is_first && rule.lock().unwrap().cuts(generation, direction) {
            return Ok(());
        }
        if !is_first && direction == Direction::ToClient && head[0] == READY_FOR_QUERY {
            rule.lock().unwrap().completed += 1;
            // The answer to the start of the connection ends no statement.
            let minus_one = |answers: usize| answers.checked_sub(1);
            let _ = outstanding.fetch_update(Ordering::SeqCst, Ordering::SeqCst, minus_one);
        }
        let is_end = !is_first && ENDS_OF_STATEMENT.contains(&head[0]);
        if is_end
            && direction == Direction::ToServer
            && outstanding.fetch_add(1, Ordering::SeqCst) == 0
        {
            rule.lock().unwrap().round_trips += 1;
        }
        is_first = false;
        head.append(&mut rest);
        to.write_all(&head)?;
    }
}
