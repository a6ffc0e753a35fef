//! What was tried to lose, tear or alter what is kept, and what came of it.
//!
//! [The promises](crate#what-it-promises) are held against failures that are played, not waited for. One function,
//! `check` of `tests/crashes/check.rs`, holds a store against what its writers were told; each technique has controls, which
//! break the store's own rules on purpose and must be caught, or it proves nothing.
//!
//! # What is tried
//!
//! | technique | failure that it plays | in each check of a commit | controls, all caught |
//! |---|---|---|---|
//! | kill at a system call (`tests/crashes`, with `strace`) | the process dies at each write, flush, rename, removal, lock, opening | 1,000 of 80,000; 3,000 at once held; any sequence of three operations by `PROMPTBOOK_CRASHES=all` | acknowledged before it is done |
//! | error at a system call (`tests/crashes`) | EIO, ENOSPC, EDQUOT, EMFILE, ENOLCK, EINTR; once, and from then on | 800 of 49,000 | a failure that is acknowledged |
//! | write cut short (`tests/crashes`) | a file may not grow beyond a size, so a write ends within what it was to write | 264 sizes | a failure that is acknowledged |
//! | power cut (`tests/crashes`) | of all that was not flushed, any page, size and name is lost or torn by itself; under `Durability::Relaxed` the last commits may go, and nothing else | 2,400 states of 350,000, and 690 relaxed | each flush left out; steps swapped; acknowledged too early |
//! | damage (`tests/crashes`, suites of both backends) | bits flip, sectors become zeros, files are cut, in every file | 2,000 of 520,000; every byte of a pack and of its dictionary | a reader that believes what it reads |
//! | rows altered behind the store's back (`tests/it/tampering.rs`) | each table, counter and listing says something else | each kind once | the statement changes something |
//! | processes killed at random (`tests/processes.rs`) | 8 processes of 4 threads, `kill -9` | 40 kills | a number given twice would be seen |
//! | linearizability and freshness (`tests/linearizable.rs`) | 6 processes write, read, settle, collect, repack, verify, export and back up; killed, stopped and let go on; the log folded in by every mode | 150 kills and stops; 10,000 at once held, of 179,542 moves and 10,043,038 reads, of which the longest waited 860 ms | reads that tell what was true a moment ago |
//! | model (`tests/it/model`, and suites that every backend passes) | random histories with undo, collection, repacking, reopening, days that pass; SQLite against memory | 24 histories of the store, 192 pairs that merge | |
//! | full disk, rights, file limits, forks, moved directories, ids that collide, clocks that go backwards, names of every script (`tests/it`) | odd worlds | each once | |
//! | fuzzing (`tests/fuzz`, libFuzzer) | bodies, templates, selectors, forged bundles, requests, a damaged index file | 15 s each, and all seeds; see below | a defect put there on purpose |
//! | formats (`tests/golden`) | packs and bundles of earlier builds are read; a store of an unreleased build is refused and stays as it is | 1 store, 2 packs, a bundle | |
//! | one store, one identity (`tests/it/identity.rs`, `tests/serve.rs`) | the directory, the index or its log is moved, removed, replaced or restored under open handles; a relative path and another working directory; links; a backup onto a backup that a process has open | 11 cases, library and server | each was seen before its mend: writes acknowledged into another store or a removed file |
//! | readers that may not write (`tests/it/readers.rs`) | another user's process and a read-only bind mount read while others commit: no log, an empty log, links to the directory, the index and `blobs/`, paths that are not UTF-8 or look like a URI | 9 kinds; each answer is what was committed, or says why not | stale for the process's life before the mend |
//! | foreign objects in the index (`sqlite::objects`) | triggers, views, tables, indexes, cascades and generated columns are added, others removed or changed | 12 changes, each named at opening | |
//!
//! What fuzzers ran longest, in minutes of a processor: bodies 30 (3.2 million inputs), templates 22 (27.9 million), selectors 23
//! (35.1 million), bundles 28 (7.6 million), requests 37 (3.6 million), a damaged index 33 (170,000, each a store that is opened,
//! read, verified and written to).
//!
//! # What it found
//!
//! Each has its own test, and is mended.
//!
//! - A power cut while a store is made could leave a page of zeros, which was taken for a foreign file.
//! - A snapshot that began between the look at the change mark and the operations was taken for the mark's: a stale read.
//! - `gc` swept a pack that an import was writing.
//! - A batch whose transaction was rolled back under it could have left a body's row.
//! - A compaction that was given up could have removed the pack that it had made again, byte for byte.
//! - No pack could be begun, for ever, once a file could not be measured.
//! - A flipped byte in a pack's record could panic.
//! - Bodies of a folder that could not be looked at were passed over as if there were none.
//! - The first corrupt table kept `verify` from telling of the others.
//! - A store that was moved while it was open, and another made in its place: bodies were settled into the other's
//!   directory, and their journal rows dropped.
//!
//! - A damaged index kept a collection going for ever, as a body that was forgotten was unused again.
//! - A pack whose index was damaged was told, and what it had was not found without.
//! - A damaged pack that was made anew had the same bytes, and name: whoever had it open went on reading the damaged file.
//!
//! # Still open
//!
//! - A used-up quota (EDQUOT) makes a handle useless until the store is opened anew, as SQLite calls it an I/O error.
//! - A `-wal` that is damaged afterwards may lose its end, which looks as what a crash leaves.
//! - Operations and rows are not made anew by [`repair`](crate::Store::repair): a backup has them, and rows come anew with a
//!   [bundle](crate::Store::export_bundle) where the operations are sound.
//! - No target was fuzzed for an hour yet.
//! - A damaged id or address in a chunk of old operations makes all 128 of them unreadable: told, never wrong.
//!
//! # Not promised
//!
//! A disk that lies about flushes, or damages what lies beside a write when the power fails; network file systems, which are
//! refused unless asked for by name; a directory that is copied while it is written to, other than by
//! [`backup`](crate::Store::backup).
