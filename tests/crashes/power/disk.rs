//! A model of a disk with every state that unflushed changes may leave.
//!
//! In the model, any of these may survive a power cut, each independent of all others:
//!
//! - Of each page of 4 KiB of a file: any state since the last flush of the file. The page may also
//!   be torn, with some of its sectors of 512 bytes from one such state and the rest from the
//!   previous one.
//! - Of each file: any size since then. A size without its bytes gives zeros; bytes beyond the size
//!   are cut off. If a file was truncated, its pages are as before or as after, in agreement with
//!   its size.
//! - Of each name in a directory: any meaning since the last flush of the directory. So one half of
//!   a rename may be lost, and the file may be under both names, or under none.
//!
//! After a flush of a file that fails, later flushes do not write its pages, unless they are written
//! to again.
//!
//! A flush of a file makes its bytes and its size durable, but no name. A flush of a directory
//! makes the names in it durable, but nothing of the files. `syncfs` makes everything durable. This
//! is less than ext4, XFS or Btrfs promise: they keep the order of changes to names, and a rename
//! is atomic. The model excludes sectors that are neither old nor new, writes that damage adjacent
//! bytes, and flushes that lie. SQLite assumes the same: that a flush is effective, and that a
//! write damages no adjacent bytes ("powersafe overwrite", which it assumes by default,
//! <https://sqlite.org/psow.html>). It need not assume that a sector is written entirely, because
//! its log has checksums.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::recording::{Event, Node};

const PAGE: usize = 4096;
const SECTOR: usize = 512;

type Page = Arc<[u8; PAGE]>;

/// The states since the last flush, oldest first. The last one is current.
type States<T> = Vec<T>;

#[derive(Clone, Debug, Default)]
struct File {
    sizes: States<Size>,
    pages: BTreeMap<u64, States<Content>>,
    /// The pages that no flush writes, because the system takes them for written.
    not_flushed: BTreeSet<u64>,
    /// How often the file has been truncated.
    cuts: usize,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    bytes: u64,
    /// How often the file had been truncated when it got this size, that truncation included.
    cuts: usize,
}

#[derive(Clone, Debug)]
struct Content {
    page: Page,
    /// How often the file had been truncated when the page got this content.
    cuts: usize,
    /// Whether the content results from a truncation.
    by_cut: bool,
}

/// A disk at a moment of a recording.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    files: Vec<File>,
    /// The meaning of each name: a file, a directory, or nothing.
    names: BTreeMap<PathBuf, States<Option<Meaning>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    File(Node),
    Directory,
}

/// An item of which more than one state may survive.
#[derive(Clone, Debug)]
pub enum Open {
    Size(Node),
    Page(Node, u64),
    Name(PathBuf),
}

/// A choice among the states of one item.
#[derive(Clone, Copy, Debug)]
pub struct Choice {
    pub state: usize,
    /// The sectors, as bits, that are in the previous state.
    pub torn: u8,
}

/// The contents after a power cut: directories, and files with their bytes.
pub type Found = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Disk {
    /// Adds a file or directory that is there at the start, flushed.
    pub fn add(&mut self, path: PathBuf, bytes: Option<&[u8]>) {
        let Some(bytes) = bytes else {
            self.names.insert(path, vec![Some(Meaning::Directory)]);
            return;
        };
        let node = self.create(path);
        self.files[node].write(0, bytes);
        self.files[node].flush();
        self.names.values_mut().for_each(keep_last);
    }

    fn create(&mut self, path: PathBuf) -> Node {
        let file = File {
            sizes: vec![Size { bytes: 0, cuts: 0 }],
            ..File::default()
        };
        self.files.push(file);
        let node = self.files.len() - 1;
        self.name(path, Some(Meaning::File(node)));
        node
    }

    fn name(&mut self, path: PathBuf, meaning: Option<Meaning>) {
        let states = self.names.entry(path).or_insert_with(|| vec![None]);
        states.push(meaning);
    }

    fn meaning(&self, path: &Path) -> Option<Meaning> {
        self.names.get(path).and_then(|states| *states.last()?)
    }

    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Create(node, path) => {
                assert_eq!(
                    self.create(path.clone()),
                    *node,
                    "the files have other numbers"
                );
            }
            Event::MakeDirectory(path) => self.name(path.clone(), Some(Meaning::Directory)),
            Event::Write(node, at, bytes) => self.files[*node].write(*at, bytes),
            Event::Resize(node, size) => self.files[*node].resize(*size),
            Event::Rename(from, to) => {
                let meaning = self.meaning(from);
                self.name(to.clone(), meaning);
                self.name(from.clone(), None);
            }
            Event::Remove(path) => self.name(path.clone(), None),
            Event::FlushFile(node, _) => self.files[*node].flush(),
            Event::FailedFlush(node) => self.files[*node].fail_flush(),
            Event::FlushDirectory(path) => {
                let within = self.names.iter_mut();
                within
                    .filter(|(name, _)| name.parent() == Some(path))
                    .for_each(|(_, states)| keep_last(states));
            }
            Event::FlushAll => {
                self.files.iter_mut().for_each(File::flush);
                self.names.values_mut().for_each(keep_last);
            }
            Event::LedgerLine(_) => {}
        }
    }

    /// Returns all items that are not flushed, with the number of states of each.
    pub fn open(&self) -> Vec<(Open, usize)> {
        let mut open = Vec::new();
        for (path, states) in &self.names {
            open.push((Open::Name(path.clone()), states.len()));
        }
        for (node, file) in self.files.iter().enumerate() {
            open.push((Open::Size(node), file.sizes.len()));
            for (page, states) in &file.pages {
                open.push((Open::Page(node, *page), states.len()));
            }
        }
        open.retain(|(_, states)| *states > 1);
        open
    }

    /// Returns the contents after a power cut with these choices.
    pub fn found(&self, choices: &[(Open, Choice)]) -> Found {
        let mut names = BTreeMap::new();
        for (path, states) in &self.names {
            names.insert(path.clone(), states[states.len() - 1]);
        }
        let mut sizes: BTreeMap<Node, Size> = BTreeMap::new();
        let mut pages: BTreeMap<(Node, u64), Choice> = BTreeMap::new();
        for (open, choice) in choices {
            match open {
                Open::Name(path) => {
                    names.insert(path.clone(), self.names[path][choice.state]);
                }
                Open::Size(node) => {
                    sizes.insert(*node, self.files[*node].sizes[choice.state]);
                }
                Open::Page(node, page) => {
                    pages.insert((*node, *page), *choice);
                }
            }
        }
        let mut found = Found::new();
        for (path, meaning) in names {
            // Directories come before their contents. Without the directory, its contents are
            // unreachable.
            let reached = path.parent().is_none_or(|parent| {
                !self.names.contains_key(parent) || found.get(parent) == Some(&None)
            });
            match meaning {
                Some(Meaning::Directory) if reached => drop(found.insert(path, None)),
                Some(Meaning::File(node)) if reached => {
                    let file = &self.files[node];
                    let size = sizes.get(&node).copied().unwrap_or(file.size());
                    let bytes = file.found(size, |page| pages.get(&(node, page)).copied());
                    found.insert(path, Some(bytes));
                }
                _ => {}
            }
        }
        found
    }
}

impl File {
    fn size(&self) -> Size {
        self.sizes[self.sizes.len() - 1]
    }

    fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut done = 0;
        while done < bytes.len() {
            let place = at + done as u64;
            let within = usize::try_from(place % PAGE as u64).unwrap();
            let length = (PAGE - within).min(bytes.len() - done);
            self.not_flushed.remove(&(place / PAGE as u64));
            self.change(place / PAGE as u64, false, |page| {
                page[within..within + length].copy_from_slice(&bytes[done..done + length]);
            });
            done += length;
            // The system may take note of the size after each page of a long write.
            let (bytes, cuts) = (at + done as u64, self.cuts);
            if bytes > self.size().bytes {
                self.sizes.push(Size { bytes, cuts });
            }
        }
    }

    fn resize(&mut self, bytes: u64) {
        let before = self.size().bytes;
        if bytes < before {
            self.cuts += 1;
            let cut = usize::try_from(bytes % PAGE as u64).unwrap();
            let (first, pages) = (bytes / PAGE as u64, self.pages.keys().copied());
            let pages: Vec<u64> = pages.filter(|page| *page >= first).collect();
            for page in pages {
                let from = if page == first { cut } else { 0 };
                self.change(page, true, |bytes| bytes[from..].fill(0));
            }
        }
        if bytes != before {
            let cuts = self.cuts;
            self.sizes.push(Size { bytes, cuts });
        }
    }

    fn change(&mut self, page: u64, by_cut: bool, change: impl FnOnce(&mut [u8; PAGE])) {
        let cuts = self.cuts;
        let content = |page| Content {
            page: Arc::new(page),
            cuts,
            by_cut,
        };
        let zeros = || vec![content([0; PAGE])];
        let states = self.pages.entry(page).or_insert_with(zeros);
        let before = &states[states.len() - 1].page;
        let mut bytes = **before;
        change(&mut bytes);
        if by_cut || bytes != **before {
            states.push(content(bytes));
        }
    }

    fn flush(&mut self) {
        keep_last(&mut self.sizes);
        let pages = self.pages.iter_mut();
        pages
            .filter(|(page, _)| !self.not_flushed.contains(page))
            .for_each(|(_, states)| keep_last(states));
    }

    fn fail_flush(&mut self) {
        let unflushed = self.pages.iter().filter(|(_, states)| states.len() > 1);
        self.not_flushed.extend(unflushed.map(|(page, _)| page));
    }

    fn found(&self, size: Size, chosen: impl Fn(u64) -> Option<Choice>) -> Vec<u8> {
        let mut bytes = vec![0; usize::try_from(size.bytes).unwrap()];
        for (number, part) in (0..).zip(bytes.chunks_mut(PAGE)) {
            let Some(states) = self.pages.get(&number) else {
                continue;
            };
            // The content must agree with the size: bytes cut off by a truncation do not return
            // with a size after it, and later bytes do not appear with an earlier size.
            let allowed = states.iter().rposition(|content| content.cuts <= size.cuts);
            let last = allowed.unwrap_or_default();
            let first = states[..=last].iter().rposition(|content| content.by_cut);
            let first = first.unwrap_or_default();
            let Choice { state, torn } = chosen(number).unwrap_or(Choice::LAST);
            let state = state.clamp(first, last);
            let before = state.saturating_sub(1).max(first);
            let page = tear(&states[state].page, &states[before].page, torn);
            part.copy_from_slice(&page[..part.len()]);
        }
        bytes
    }
}

impl Choice {
    const LAST: Self = Self {
        state: usize::MAX,
        torn: 0,
    };
}

fn keep_last<T>(states: &mut States<T>) {
    states.drain(..states.len() - 1);
}

fn tear(page: &Page, before: &Page, torn: u8) -> Page {
    if torn == 0 {
        return Arc::clone(page);
    }
    let mut bytes = **page;
    for sector in (0..PAGE / SECTOR).filter(|sector| torn & 1 << sector != 0) {
        let sector = sector * SECTOR..(sector + 1) * SECTOR;
        bytes[sector.clone()].copy_from_slice(&before[sector]);
    }
    Arc::new(bytes)
}
