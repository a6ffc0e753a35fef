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
//! | soak (`tests/soak`) | processes of the library, the command and the server on the same stores make every change; kills, stops, directories exchanged, removed and restored under open handles, open backups, a full disk, wrong clocks, output that can't be written | 2 minutes | a write lost, one made twice and one made in another store are reported by the operation's name |
//! | locks (`tests/it/waits.rs`, `tests/it/owners.rs`, `src/directory/lock`) | a holder of 3 s beside limits of 1 s and 10 s, a stopped holder, the fork of a killed one, a program that holds SQLite's lock, another user, root in a user's store | each once; processes that commit all the time each get at least a quarter of a fair share | rights and limits undone: caught |
//! | links and leftovers (`tests/it/links.rs`) | `tmp/`, `blobs/` and the folders below are links; foreign names; a killed backup; one entry that can't be swept | each once | each mend undone: caught |
//! | clocks (`tests/it/clocks.rs`, `tests/cli/clocks.rs`) | behind, ahead, before 1970, leap seconds, a clock that panics; an older index put back before a collection | each once, library, command and server | each mend undone: caught |
//! | damaged pages (`tests/it/damage.rs`, `tests/cli/damage.rs`) | each page of an index zeroed, bytes of the header, 6 lengths, no index, an older index beside a newer log, no thread to be had | every page of an index of some 90; each ends with exit 6 and names | undamaged copies are clean |
//! | names (`tests/cli/hostile.rs`, `tests/server/hostile.rs`) | 36 names: empty, NUL, escape sequences, bidi controls, `@`, `..`, 64 KiB | every command and every route | |
//! | numbers (`tests/it/numbers.rs`, `tests/cli/numbers.rs`) | numbers that no double holds, in bodies, tools, response formats, beside escapes and repeated members | renders, frozen files, differences, origins and rules | |
//! | memory and load (`tests/server/load.rs`, `tests/memory.rs`) | 700 clients that give up behind a writer, lists that are not read, bodies held back at their last byte, 70 idle connections beside 64 open files | each once; `cargo bench --bench memory --features cli,server` at full size | |
//! | growth (`src/store/growth.rs`) | the work of each operation at n and 4n: rows looked at and steps of SQLite's machine | each operation | |
//! | a full disk on btrfs (`tests/it/btrfs.rs`) | a loop-mounted file system is filled under an open store and before opening one | 3 cases | without the attribute each process ends by SIGBUS |
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
//! - A backup onto a backup that a process had open destroyed it; writes after a swap of directories were acknowledged into another store, and writes after a
//!   removal into nothing.
//! - A reader without the right to write was stale if no log was beside the index.
//! - `gc` emptied the folder that `tmp` linked to; a folder left in `tmp/` stopped `gc` for good; a wrong clock shortened the retention; an older index made `gc`
//!   delete newer bodies; a collection in a backup removed what a backup under way had copied.
//! - Triggers in the index ran. Numbers beyond 64 bits were altered by `render`, `freeze` and `blame`, and passed by `diff` and the rules.
//! - A process that could only read the store could stop all writers; clients that gave up stopped the server's reads; one request took gigabytes.
//! - A clock before 1970 panicked; a leap second made a store unclean for good.
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
//! - Two exchanges of a directory within microseconds, between a look at it and a read by name, are not noticed.
//! - A user who may write the index can hold its locks, up to the limit of each caller. Access control lists are not looked at. Whoever may read `index.db` and
//!   `blobs/` can read all prompts.
//! - On btrfs a full disk may still end a process by SIGBUS with kernels older than 6.18 (not tried), after a snapshot, and in a directory that had other files
//!   when the store was made; ext4 and xfs do not.
//! - A batch that waits for another thread that writes is not detected; it ends with the lock's limit.
//! - Inputs are integers of 64 bits and doubles; other numbers stay exact only as strings.
//! - Pages of a long list are read at different moments. 4,096 connections with a key may take 256 MiB beside the server's budget.
//! - The age of a file that the index does not know of is its modification time, so a clock that was behind makes it old.
//! - An index page that the disk does not give (EIO) ends `verify`; for a body it is a violation. Invisible characters inside a name are shown as they are.
//! - One operation of 50,000 changes holds the lock while its rows are written.
//!
//! # Not promised
//!
//! A disk that lies about flushes, or damages what lies beside a write when the power fails; network file systems, which are
//! refused unless asked for by name; a directory that is copied while it is written to, other than by
//! [`backup`](crate::Store::backup).
