//! Notices of writes to files, by one inotify instance for the process.
//!
//! A watch names its file by path and does not open it: closing a file of SQLite's would release
//! SQLite's locks on it. The number of inotify instances that a user may have is small, so all
//! watches of the process share one, which a thread reads. Both are created by the first watch and
//! last as long as the process.

use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init, remove_watch};
use rustix::io::Errno;

/// Called after writes. It must not block.
type Callback = Arc<dyn Fn() + Send + Sync>;

/// The size of the buffer of events. The kernel joins equal events that follow each other.
const BUFFER_BYTES: usize = 4096;

/// A watch of one file, until this is dropped.
pub(crate) struct FileWatch {
    instance: Arc<Instance>,
    descriptor: i32,
    number: u64,
}

impl FileWatch {
    /// Watches a file. Returns `None` if that is not possible.
    ///
    /// `wake` is called soon after each write to the file that begins after this call.
    pub(crate) fn of(path: &Path, wake: Arc<dyn Fn() + Send + Sync>) -> Option<Self> {
        Instance::of_process()?.watch(path, wake)
    }
}

impl Drop for FileWatch {
    fn drop(&mut self) {
        self.instance.forget(self.descriptor, self.number);
    }
}

/// The inotify instance of the process.
struct Instance {
    inotify: OwnedFd,
    /// A forked process has the descriptor, but not the thread that reads it.
    process: u32,
    watches: Mutex<Watches>,
}

#[derive(Default)]
struct Watches {
    /// By the watch descriptor of their file, with a number of their own.
    by_file: HashMap<i32, Vec<(u64, Callback)>>,
    next: u64,
}

static INSTANCE: Mutex<Option<Arc<Instance>>> = Mutex::new(None);

impl Instance {
    fn of_process() -> Option<Arc<Self>> {
        let mut instance = INSTANCE.lock().unwrap_or_else(PoisonError::into_inner);
        let is_own = |found: &&Arc<Self>| found.process == std::process::id();
        if let Some(found) = instance.as_ref().filter(is_own) {
            return Some(Arc::clone(found));
        }
        let made = Arc::new(Self {
            inotify: init(CreateFlags::CLOEXEC).ok()?,
            process: std::process::id(),
            watches: Mutex::default(),
        });
        let read = Arc::clone(&made);
        std::thread::Builder::new()
            .name("promptbook-watch".into())
            .spawn(move || read.run())
            .ok()?;
        Some(Arc::clone(instance.insert(made)))
    }

    fn watch(self: Arc<Self>, path: &Path, wake: Callback) -> Option<FileWatch> {
        // The lock is held meanwhile, because another watch of the file has the same descriptor,
        // and may end.
        let mut watches = self.watches();
        let descriptor = add_watch(&self.inotify, path, WatchFlags::MODIFY).ok()?;
        let number = watches.next;
        watches.next += 1;
        let of_file = watches.by_file.entry(descriptor).or_default();
        of_file.push((number, wake));
        drop(watches);
        Some(FileWatch {
            instance: self,
            descriptor,
            number,
        })
    }

    fn forget(&self, descriptor: i32, number: u64) {
        let mut watches = self.watches();
        let Some(of_file) = watches.by_file.get_mut(&descriptor) else {
            return;
        };
        of_file.retain(|(other, _)| *other != number);
        if of_file.is_empty() {
            watches.by_file.remove(&descriptor);
            // Fails if the file was removed.
            let _ = remove_watch(&self.inotify, descriptor);
        }
    }

    fn run(&self) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut events = Reader::new(&self.inotify, &mut buffer);
        loop {
            let descriptor = match events.next() {
                Ok(event) => event.wd(),
                Err(Errno::INTR) => continue,
                // No event will come. Those that watch look for changes from time to time, too.
                Err(_) => return,
            };
            for wake in self.wakes(descriptor) {
                wake();
            }
        }
    }

    /// Returns what to call for an event. After a loss of events, the descriptor is negative.
    fn wakes(&self, descriptor: i32) -> Vec<Callback> {
        let watches = self.watches();
        let files = watches.by_file.iter();
        let concerned = files.filter(|(file, _)| **file == descriptor || descriptor < 0);
        let wakes = concerned.flat_map(|(_, of_file)| of_file);
        wakes.map(|(_, wake)| Arc::clone(wake)).collect()
    }

    fn watches(&self) -> MutexGuard<'_, Watches> {
        self.watches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for FileWatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileWatch")
            .field("descriptor", &self.descriptor)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::sync::mpsc;

    use super::*;

    fn watch(path: &Path) -> (FileWatch, mpsc::Receiver<()>) {
        let (sender, receiver) = mpsc::channel();
        let sender = Mutex::new(sender);
        let wake = move || {
            let _ = sender.lock().unwrap().send(());
        };
        (FileWatch::of(path, Arc::new(wake)).unwrap(), receiver)
    }

    #[test]
    fn each_watch_of_a_file_is_woken_by_writes_until_it_is_dropped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        let mut file = std::fs::File::create(&path).unwrap();
        let (first, of_first) = watch(&path);
        let (second, of_second) = watch(&path);
        file.write_all(b"a").unwrap();
        of_first.recv().unwrap();
        of_second.recv().unwrap();
        drop(first);
        // The other watch of the same file remains.
        assert!(of_first.iter().count() < 2, "an ended watch is woken");
        while of_second.try_recv().is_ok() {}
        file.write_all(b"b").unwrap();
        of_second.recv().unwrap();
        drop(second);
        assert!(of_second.iter().count() < 2, "an ended watch is woken");
    }

    #[test]
    fn a_missing_file_cannot_be_watched() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("missing");
        assert!(FileWatch::of(&missing, Arc::new(|| ())).is_none());
    }
}
