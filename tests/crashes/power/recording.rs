//! Recordings by `strace` of a child's changes to the files below a directory, read as events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The number of a file, in order of creation.
pub type Node = usize;

/// An event in a child's run.
#[derive(Clone, Debug)]
pub enum Event {
    Create(Node, PathBuf),
    MakeDirectory(PathBuf),
    Write(Node, u64, Vec<u8>),
    Resize(Node, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// The content of the file is durable from here on.
    FlushFile(Node, PathBuf),
    /// A flush of the file failed, and the system takes its pages for written nevertheless.
    FailedFlush(Node),
    /// The names in the directory are durable from here on.
    FlushDirectory(PathBuf),
    /// Everything is durable from here on.
    FlushAll,
    /// The child wrote a line to its ledger.
    LedgerLine(String),
}

impl Event {
    pub fn is_flush(&self) -> bool {
        matches!(
            self,
            Self::FlushFile(..) | Self::FlushDirectory(_) | Self::FlushAll
        )
    }
}

/// The calls that are recorded. A call of another name that changes files would be missed, so the
/// full replay is compared with the files that the child left.
const RECORDED: &str = "openat,?open,?creat,close,?dup,?dup2,dup3,fcntl,write,pwrite64,writev,pwritev,?pwritev2,\
    lseek,fsync,fdatasync,syncfs,?sync,sync_file_range,?rename,?renameat,renameat2,?link,linkat,?unlink,unlinkat,\
    ?rmdir,ftruncate,truncate,fallocate,?mkdir,mkdirat,?symlink,symlinkat,copy_file_range,sendfile";

/// Returns the command that records a child in which a flush fails: the one of this number.
pub fn failing_wrapper(to: &Path, flush: usize) -> Vec<String> {
    let mut arguments = wrapper(to);
    // See `Fault::wrapper`.
    arguments.retain(|argument| argument != "--seccomp-bpf");
    let fault = format!("inject=fsync,fdatasync:error=EIO:when={flush}");
    arguments.extend(["-e".to_owned(), fault]);
    arguments
}

/// Returns the command that records a child.
pub fn wrapper(to: &Path) -> Vec<String> {
    let (to, trace) = (to.to_str().unwrap(), format!("trace={RECORDED}"));
    let arguments = [
        "strace",
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-xx",
        "-s",
        "100000000",
        "-e",
        "signal=none",
        "-o",
        to,
        "-e",
        &trace,
    ];
    arguments.map(str::to_owned).into()
}

/// The object that a descriptor refers to.
#[derive(Clone, Debug)]
enum Open {
    File {
        node: Node,
        path: PathBuf,
        position: u64,
        appends: bool,
    },
    Directory(PathBuf),
    Ledger,
}

/// The reader of a recording. `there` contains the initial files and directories, files with their
/// size.
pub struct Reader {
    root: PathBuf,
    ledger: PathBuf,
    open: HashMap<i64, Open>,
    /// The object at each path; directories have no node.
    names: HashMap<PathBuf, Option<Node>>,
    sizes: Vec<u64>,
    events: Vec<Event>,
    /// A file that was opened before the call that created its name was recorded.
    unknown: Option<PathBuf>,
}

impl Reader {
    pub fn new(root: &Path, ledger: &Path, there: &[(PathBuf, Option<u64>)]) -> Self {
        let mut reader = Self {
            root: root.to_owned(),
            ledger: ledger.to_owned(),
            open: HashMap::new(),
            names: HashMap::from([(root.to_owned(), None)]),
            sizes: Vec::new(),
            events: Vec::new(),
            unknown: None,
        };
        for (path, size) in there {
            let node = size.map(|size| reader.new_node(size));
            reader.names.insert(path.clone(), node);
        }
        reader
    }

    fn new_node(&mut self, size: u64) -> Node {
        self.sizes.push(size);
        self.sizes.len() - 1
    }

    /// Returns the events of a recording.
    ///
    /// The end of a call may be recorded after a call of another thread that relies on it. Then the
    /// recording is useless, and the error says so.
    pub fn read(mut self, recording: &str) -> Result<Vec<Event>, String> {
        // A call during which another thread made one is recorded in two parts, and counts at its
        // end. A line that is not a call, such as the end of a process, begins with a sign.
        let mut begun: HashMap<&str, &str> = HashMap::new();
        for line in recording.lines() {
            let Some((thread, call)) = line.split_once(char::is_whitespace) else {
                continue;
            };
            let call = call.trim_start();
            if let Some(beginning) = call.strip_suffix("<unfinished ...>") {
                begun.insert(thread, beginning.trim_end());
            } else if call.starts_with("<... ") {
                let (_, rest) = call
                    .split_once("resumed>")
                    .expect("the rest of a resumed call");
                let beginning = begun
                    .remove(thread)
                    .expect("the beginning of a resumed call");
                self.call(&format!("{beginning}{rest}"));
            } else if !call.starts_with(['+', '-', '?']) {
                self.call(call);
            }
        }
        match self.unknown {
            Some(path) => Err(format!("{} is unknown", path.display())),
            None => Ok(self.events),
        }
    }

    fn call(&mut self, call: &str) {
        let (name, rest) = call.split_once('(').expect("a call");
        let answered = rest.rsplit_once(" = ");
        let (arguments, answer) =
            answered.unwrap_or_else(|| panic!("the call has no result: {call:.200}"));
        let arguments = arguments.trim_end().strip_suffix(')').expect("arguments");
        let answer = answer.split_whitespace().next().unwrap();
        let Ok(answer) = answer.parse::<i64>() else {
            return; // `?`: the process ended during the call
        };
        let arguments = split(arguments);
        if answer < 0 {
            if ["fsync", "fdatasync"].contains(&name) {
                self.not_flushed(arguments[0].parse().unwrap());
            }
            return;
        }
        let number = |place: usize| arguments[place].parse::<i64>().unwrap();
        let path = |place: usize| {
            self.resolved(PathBuf::from(
                String::from_utf8(bytes(&arguments[place])).unwrap(),
            ))
        };
        // A name may be relative to an open directory.
        let path_at = |directory: usize| {
            let name = path(directory + 1);
            let above = arguments[directory].parse().ok();
            match above.and_then(|descriptor: i64| self.open.get(&descriptor)) {
                Some(Open::Directory(above)) => above.join(name),
                _ => name,
            }
        };
        match name {
            "openat" => self.opened(answer, &path_at(0), &arguments[2]),
            "open" => self.opened(answer, &path(0), &arguments[1]),
            "close" => drop(self.open.remove(&number(0))),
            "dup" | "dup2" | "dup3" => self.doubled(number(0), answer),
            "fcntl" if arguments[1].starts_with("F_DUPFD") => self.doubled(number(0), answer),
            "fcntl" => {}
            "lseek" => self.moved(number(0), answer),
            "write" => self.wrote(number(0), None, &bytes(&arguments[1]), answer),
            "pwrite64" => {
                let offset = u64::try_from(number(3)).unwrap();
                self.wrote(number(0), Some(offset), &bytes(&arguments[1]), answer);
            }
            "writev" => self.told(number(0), &arguments[1]),
            "fsync" | "fdatasync" => self.flushed(number(0)),
            "syncfs" if self.open.contains_key(&number(0)) => self.events.push(Event::FlushAll),
            "ftruncate" => self.resized(number(0), number(1)),
            "rename" => self.renamed(&path(0), &path(1)),
            "renameat" | "renameat2" => self.renamed(&path_at(0), &path_at(2)),
            "unlink" | "rmdir" => self.removed(&path(0)),
            "unlinkat" => self.removed(&path_at(0)),
            "mkdir" => self.made_directory(path(0)),
            "mkdirat" => self.made_directory(path_at(0)),
            other => panic!(
                "the replay does not support the call {other}({})",
                arguments.join(", ")
            ),
        }
    }

    /// Returns a path that begins with the name of an open directory's descriptor in full.
    fn resolved(&self, path: PathBuf) -> PathBuf {
        let Ok(rest) = path.strip_prefix("/proc/self/fd") else {
            return path;
        };
        let mut rest = rest.components();
        let descriptor = rest.next().and_then(|name| name.as_os_str().to_str());
        let descriptor = descriptor.and_then(|name| name.parse::<i64>().ok());
        match descriptor.and_then(|descriptor| self.open.get(&descriptor)) {
            Some(Open::Directory(above)) => above.join(rest),
            _ => path,
        }
    }

    /// Returns whether a path counts: it is below the directory and is not SQLite's shared memory.
    fn counts(&self, path: &Path) -> bool {
        path.starts_with(&self.root) && !path.to_string_lossy().ends_with("-shm")
    }

    fn opened(&mut self, descriptor: i64, path: &Path, flags: &str) {
        self.open.remove(&descriptor);
        if path == self.ledger {
            self.open.insert(descriptor, Open::Ledger);
            return;
        }
        if !self.counts(path) {
            return;
        }
        let node = match self.names.get(path) {
            Some(None) => {
                self.open
                    .insert(descriptor, Open::Directory(path.to_owned()));
                return;
            }
            Some(Some(node)) => *node,
            None => {
                if !flags.contains("O_CREAT") {
                    self.unknown = Some(path.to_owned());
                }
                let node = self.new_node(0);
                self.names.insert(path.to_owned(), Some(node));
                self.events.push(Event::Create(node, path.to_owned()));
                node
            }
        };
        if flags.contains("O_TRUNC") && self.sizes[node] > 0 {
            self.sizes[node] = 0;
            self.events.push(Event::Resize(node, 0));
        }
        let open = Open::File {
            node,
            path: path.to_owned(),
            position: 0,
            appends: flags.contains("O_APPEND"),
        };
        self.open.insert(descriptor, open);
    }

    fn doubled(&mut self, from: i64, to: i64) {
        self.open.remove(&to);
        if let Some(open) = self.open.get(&from).cloned() {
            self.open.insert(to, open);
        }
    }

    fn moved(&mut self, descriptor: i64, to: i64) {
        if let Some(Open::File { position, .. }) = self.open.get_mut(&descriptor) {
            *position = u64::try_from(to).unwrap();
        }
    }

    fn wrote(&mut self, descriptor: i64, offset: Option<u64>, bytes: &[u8], answer: i64) {
        let Some(Open::File {
            node,
            position,
            appends,
            ..
        }) = self.open.get_mut(&descriptor)
        else {
            return;
        };
        let bytes = &bytes[..usize::try_from(answer).unwrap()];
        let at = match offset {
            Some(offset) => offset,
            None if *appends => self.sizes[*node],
            None => *position,
        };
        let end = at + bytes.len() as u64;
        if offset.is_none() {
            *position = end;
        }
        self.sizes[*node] = self.sizes[*node].max(end);
        self.events.push(Event::Write(*node, at, bytes.to_vec()));
    }

    /// Handles a line of the ledger; nothing else is written by this call.
    fn told(&mut self, descriptor: i64, vector: &str) {
        match self.open.get(&descriptor) {
            Some(Open::Ledger) => {
                let (_, text) = vector.split_once("iov_base=").expect("a buffer");
                let text = String::from_utf8(bytes(text)).unwrap();
                self.events.push(Event::LedgerLine(text));
            }
            None => {}
            Some(other) => panic!("the replay does not support this write to {other:?}"),
        }
    }

    fn flushed(&mut self, descriptor: i64) {
        self.events.extend(match self.open.get(&descriptor) {
            Some(Open::File { node, path, .. }) => Some(Event::FlushFile(*node, path.clone())),
            Some(Open::Directory(path)) => Some(Event::FlushDirectory(path.clone())),
            Some(Open::Ledger) | None => None,
        });
    }

    fn not_flushed(&mut self, descriptor: i64) {
        if let Some(Open::File { node, .. }) = self.open.get(&descriptor) {
            self.events.push(Event::FailedFlush(*node));
        }
    }

    fn resized(&mut self, descriptor: i64, to: i64) {
        if let Some(Open::File { node, .. }) = self.open.get(&descriptor) {
            let to = u64::try_from(to).unwrap();
            self.sizes[*node] = to;
            self.events.push(Event::Resize(*node, to));
        }
    }

    fn renamed(&mut self, from: &Path, to: &Path) {
        if self.counts(from) || self.counts(to) {
            let node = self.names.remove(from).expect("an unknown file is renamed");
            assert!(
                node.is_some(),
                "the replay does not support the renaming of a directory"
            );
            self.names.insert(to.to_owned(), node);
            self.events
                .push(Event::Rename(from.to_owned(), to.to_owned()));
        }
    }

    fn removed(&mut self, path: &Path) {
        if self.counts(path) && self.names.remove(path).is_some() {
            self.events.push(Event::Remove(path.to_owned()));
        }
    }

    fn made_directory(&mut self, path: PathBuf) {
        if self.counts(&path) {
            self.names.insert(path.clone(), None);
            self.events.push(Event::MakeDirectory(path));
        }
    }
}

/// Splits arguments. Texts are hexadecimal, so a comma separates arguments unless it is in braces
/// or brackets.
fn split(arguments: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0;
    for character in arguments.chars() {
        match character {
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            _ => {}
        }
        parts.last_mut().unwrap().push(character);
    }
    parts.iter().map(|part| part.trim().to_owned()).collect()
}

/// Returns the bytes of `"\x41\x42"` at the beginning of a text.
fn bytes(text: &str) -> Vec<u8> {
    let text = text
        .strip_prefix('"')
        .unwrap_or_else(|| panic!("not a text: {text}"));
    let (text, _) = text.split_once('"').expect("the text has no end");
    let digits = text.as_bytes().chunks_exact(4);
    let byte = |digits: &[u8]| {
        let digits = std::str::from_utf8(&digits[2..]).unwrap();
        u8::from_str_radix(digits, 16).unwrap()
    };
    digits.map(byte).collect()
}
