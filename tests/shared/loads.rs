//! Loads that once exhausted a server's memory, and a measurement of the memory they use.

use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use promptbook::{Bump, BumpPolicy, NewPrompt, NewVersion, StoreOptions};

/// The sizes of the loads.
pub struct Scale {
    /// The size in bytes of a body of many small values, and of a body whose last byte is held
    /// back.
    pub body: usize,
    /// The number of versions of the prompt that is listed.
    pub versions: usize,
    /// The number of clients that don't read.
    pub clients: usize,
    /// The number of commits of a body with many tools.
    pub commits: usize,
    /// The number of bodies whose last byte is held back.
    pub held_back: usize,
    /// The time the server has to return memory to the system.
    pub rest: Duration,
    /// The memory in MiB at which this time ends early.
    pub enough: u64,
}

/// The memory that a load used, in MiB.
#[derive(Debug)]
pub struct Taken {
    pub load: &'static str,
    pub peak: u64,
    pub left: u64,
}

/// A server in a separate process, on a new store.
pub struct Server {
    child: Child,
    address: String,
    key: String,
    prompt: String,
    version: String,
}

const NAME: &str = "listed";

impl Server {
    /// Starts a server on a store that contains a prompt with this number of versions.
    pub fn start(program: &Path, place: &Path, versions: usize) -> Self {
        let store = StoreOptions::new()
            .policy(BumpPolicy::Free)
            .create(place)
            .unwrap();
        let created = store.create_prompt(NewPrompt::new(NAME, "{}"));
        let created = created.unwrap();
        let made = store.batch(|batch| {
            for number in 1..versions {
                let body = format!(r#"{{"model":"m","seed":{number}}}"#);
                let new = NewVersion::new(created.prompt.id, body).bump(Bump::Minor);
                batch.commit(new.message(format!("Version {number} of many")))?;
            }
            Ok::<_, promptbook::Error>(())
        });
        made.unwrap();
        drop(store);
        let mut child = Command::new(program)
            .arg("--store")
            .arg(place)
            .args(["serve", "--addr", "127.0.0.1:0", "--json", "--log", "error"])
            .env_remove("PROMPTBOOK_KEY")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let url = told["url"].as_str().unwrap();
        Self {
            child,
            address: url.strip_prefix("http://").unwrap().to_owned(),
            key: told["key"].as_str().unwrap().to_owned(),
            prompt: created.prompt.id.to_string(),
            version: created.version.id.to_string(),
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream
            .set_read_timeout(Some(Duration::from_secs(120)))
            .unwrap();
        stream
    }

    fn head(&self, route: &str, length: usize) -> String {
        format!(
            "POST /v1/prompt-2025{route} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n",
            self.key
        )
    }

    /// Sends a request on a new connection, and returns the status.
    fn post(&self, route: &str, body: &str) -> u16 {
        let mut stream = self.connect();
        stream
            .write_all(self.head(route, body.len()).as_bytes())
            .unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        status(&mut stream)
    }

    fn query(&self, member: &str) -> String {
        format!(r#"{{"promptId":"{}"{member}}}"#, self.prompt)
    }

    /// Returns a member of the process's `/proc` status, in MiB.
    fn memory(&self, member: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(member));
        let kib = line
            .unwrap()
            .trim_start_matches(':')
            .trim()
            .trim_end_matches(" kB");
        kib.parse::<u64>().unwrap() / 1024
    }

    /// Resets the peak memory of the process.
    fn forget_peak(&self) {
        fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0; 12];
    stream.read_exact(&mut head).unwrap();
    std::str::from_utf8(&head[9..]).unwrap().parse().unwrap()
}

/// Returns a request that creates a prompt. Its body contains this number of copies of an element,
/// and a text of this number of bytes.
fn of_elements(element: &str, elements: usize, text: usize) -> String {
    let mut body = String::from(r#"{"name":"b","tags":[],"promptBody":{"model":"m","tools":["#);
    for number in 0..elements {
        if number > 0 {
            body.push(',');
        }
        body.push_str(element);
    }
    write!(body, r#"],"text":"{}"}}}}"#, "x".repeat(text)).unwrap();
    body
}

/// Applies each load in turn, and returns the memory that each used.
pub fn run(server: &Server, scale: &Scale) -> Vec<Taken> {
    let object = r#"{"":0}"#;
    let over = of_elements(object, scale.body / (object.len() + 1), 0);
    let most = of_elements(object, 499_990, scale.body.saturating_sub(4_000_000));
    let mut taken = Vec::new();
    let mut measure = |load, work: &mut dyn FnMut()| {
        server.forget_peak();
        work();
        let peak = server.memory("VmHWM");
        let ended = Instant::now() + scale.rest;
        let mut left = server.memory("VmRSS");
        while left > scale.enough && Instant::now() < ended {
            thread::sleep(Duration::from_millis(50));
            left = server.memory("VmRSS");
        }
        taken.push(Taken { load, peak, left });
    };
    measure("nothing", &mut || {
        assert_eq!(server.post("/query/total-versions", &server.query("")), 200)
    });
    measure("a body of more values than are accepted", &mut || {
        assert_eq!(server.post("", &over), 400);
    });
    measure("three of those at the same time", &mut || {
        let refused = |status| assert!(matches!(status, 400 | 503), "{status}");
        at_once(3, |_| refused(server.post("", &over)));
    });
    measure("a body of as many values as are accepted", &mut || {
        assert_eq!(server.post("", &most), 201);
    });
    measure("three of those at the same time, again", &mut || {
        let made = |status| assert!(matches!(status, 201 | 503), "{status}");
        at_once(3, |_| made(server.post("", &most)));
    });
    measure("clients that do not read a long list", &mut || {
        let ask = server.query("");
        let mut clients: Vec<TcpStream> = (0..scale.clients).map(|_| server.connect()).collect();
        for client in &mut clients {
            client
                .write_all(server.head("/query/versions", ask.len()).as_bytes())
                .unwrap();
            client.write_all(ask.as_bytes()).unwrap();
        }
        for client in &mut clients {
            assert_eq!(status(client), 200);
        }
        thread::sleep(Duration::from_secs(2));
    });
    measure("commits of many tools", &mut || {
        for number in 0..scale.commits {
            let body = server.update(&tools(number));
            assert_eq!(server.post("/update", &body), 200);
        }
    });
    measure("commits of many variables", &mut || {
        for number in 0..scale.commits / 4 {
            let tags = (0..9_000).fold(String::new(), |mut text, tag| {
                write!(text, "{{{{hc:v{number}_{tag}:string}}}}").unwrap();
                text
            });
            let body = server.update(&format!(r#"{{"messages":[{{"content":"{tags}"}}]}}"#));
            assert_eq!(server.post("/update", &body), 200);
        }
    });
    measure("bodies that are held back at their last byte", &mut || {
        let body = of_elements("1", 1, scale.body);
        let body = &body.as_bytes()[..body.len() - 1];
        let mut clients: Vec<TcpStream> = (0..scale.held_back).map(|_| server.connect()).collect();
        thread::scope(|scope| {
            for client in &mut clients {
                scope.spawn(|| {
                    client
                        .set_write_timeout(Some(Duration::from_secs(10)))
                        .unwrap();
                    let head = server.head("", body.len() + 1);
                    // Requests beyond the budget are answered, and possibly closed, before the
                    // whole body is sent.
                    let _ = client.write_all(head.as_bytes());
                    let _ = client.write_all(body);
                });
            }
        });
        thread::sleep(Duration::from_secs(2));
    });
    taken
}

impl Server {
    /// Returns a request that creates a version of the prompt.
    fn update(&self, body: &str) -> String {
        let version = &self.version;
        let members = format!(
            r#","promptVersionId":"{version}","newMajorVersion":false,"commitMessage":"","promptBody":{body}"#
        );
        self.query(&members)
    }
}

/// Returns a body of 56 KB with 40 tools.
fn tools(number: usize) -> String {
    let mut body = format!(r#"{{"model":"m","seed":{number},"tools":["#);
    for tool in 0..40 {
        let comma = if tool > 0 { "," } else { "" };
        write!(body, r#"{comma}{{"type":"function","function":{{"name":"tool_{tool}","parameters":{{"type":"object","properties":{{"#).unwrap();
        for property in 0..12 {
            let comma = if property > 0 { "," } else { "" };
            write!(body, r#"{comma}"property_{property}":{{"type":"string","description":"What the {property}. argument of tool {tool} of body {number} is for"}}"#).unwrap();
        }
        body.push_str("}}}}");
    }
    body + "]}"
}

fn at_once(threads: usize, work: impl Fn(usize) + Sync) {
    thread::scope(|scope| {
        for number in 0..threads {
            let work = &work;
            scope.spawn(move || work(number));
        }
    });
}

/// Waits until the server has finished its startup work.
pub fn wait_until_quiet(server: &Server) {
    let (started, mut before) = (Instant::now(), u64::MAX);
    while started.elapsed() < Duration::from_secs(30) {
        thread::sleep(Duration::from_secs(1));
        let now = server.memory("VmRSS");
        if now == before {
            return;
        }
        before = now;
    }
}
