//! The failures that were tested against the promises of a store, and the results.
//!
//! [The promises](crate#what-it-promises) are tested by failures that are provoked, not waited for.
//! One function, `check` of `tests/crashes/check.rs`, compares a store with the results that its
//! writers received. Each technique has controls: they break the store's own rules on purpose and
//! must be caught, or else the technique proves nothing.
//!
//! # Tested failures
//!
//! | technique | failure | cases in each check of a commit | controls, all caught |
//! |---|---|---|---|
//! | kill at a system call (`tests/crashes`, with `strace`) | the process dies at each write, flush, rename, removal, lock, opening | 1,000 of 80,000; 3,000 passed in one run; `PROMPTBOOK_CRASHES=all` adds any sequence of three operations | a change that is acknowledged before it is done |
//! | error at a system call (`tests/crashes`) | EIO, ENOSPC, EDQUOT, EMFILE, ENOLCK, EINTR; once, and from then on | 800 of 49,000 | a failure that is acknowledged |
//! | short write (`tests/crashes`) | a file may not grow beyond a size, so a write ends before all of its bytes are written | 264 sizes | a failure that is acknowledged |
//! | power cut (`tests/crashes`) | every unflushed page, size and name may be lost or torn independently; with `Durability::Relaxed` the last commits may be lost, and nothing else | 2,400 states of 350,000, and 690 relaxed | each flush omitted; steps swapped; a change that is acknowledged too early |
//! | damage (`tests/crashes`, suites of both backends) | bits flip, sectors become zeros, files are truncated, in every file | 2,000 of 520,000; every byte of a pack and of its dictionary | a reader that does not verify the bytes that it reads |
//! | rows altered by another program (`tests/it/tampering.rs`) | each table, counter and listing is changed to a wrong value | each kind once | each statement is checked to change something |
//! | processes killed at random (`tests/processes.rs`) | 8 processes of 4 threads, `kill -9` | 40 kills | a number that is assigned twice would be detected |
//! | linearizability and freshness (`tests/linearizable.rs`) | 6 processes write, read, checkpoint, collect garbage, repack, verify, export and back up; they are killed, stopped and continued; WAL checkpoints run in every mode | 150 kills and stops; one run of 10,000 passed, with 179,542 moves and 10,043,038 reads, of which the longest waited 860 ms | reads that return the state of a moment ago |
//! | model (`tests/it/model`, and suites that every backend passes) | random histories with undo, garbage collection, repacking, reopening, days that pass; SQLite compared with memory | 24 histories of the store, 192 pairs that merge | |
//! | full disk, permissions, file limits, forks, moved directories, ids that collide, clocks that go backwards, names in every writing system (`tests/it`) | unusual environments | each once | |
//! | fuzzing (`tests/fuzz`, libFuzzer) | bodies, templates, selectors, forged bundles, requests, a damaged index file | 15 s each, and all seeds; see below | a defect that was inserted on purpose |
//! | formats (`tests/golden`) | packs and bundles of earlier builds are read; a store of an unreleased build is refused and stays unchanged | 1 store, 2 packs, a bundle | |
//! | identity of a store (`tests/it/identity.rs`, `tests/serve.rs`) | the directory, the index or its log is moved, removed, replaced or restored under open handles; a relative path and a changed working directory; links; a backup over a backup that a process has open | 11 cases, library and server | each failure was seen before its fix: writes acknowledged into another store or a removed file |
//! | readers without write permission (`tests/it/readers.rs`) | another user's process and a read-only bind mount read while others commit: no log, an empty log, links to the directory, the index and `blobs/`, paths that are not UTF-8 or look like a URI | 9 kinds; each result is the committed state, or an error with the reason | before the fix, reads were stale for the life of the process |
//! | soak (`tests/soak`) | processes of the library, the command and the server make every kind of change on the same stores; kills, stops, directories exchanged, removed and restored under open handles, open backups, a full disk, wrong clocks, output that cannot be written | 2 minutes | a write that is lost, made twice, or made in another store is reported by the operation's name |
//! | locks (`tests/it/waits.rs`, `tests/it/owners.rs`, `src/directory/lock`) | a lock held for 3 s with limits of 1 s and 10 s, a stopped holder, the fork of a killed one, a program that holds SQLite's lock, another user, root in a user's store | each once; processes that commit continuously each get at least a quarter of a fair share | permissions and limits reverted: caught |
//! | links and leftovers (`tests/it/links.rs`) | `tmp/`, `blobs/` and the folders below are links; foreign names; a killed backup; one entry that cannot be removed | each once | each fix reverted: caught |
//! | clocks (`tests/it/clocks.rs`, `tests/cli/clocks.rs`) | behind, ahead, before 1970, leap seconds, a clock that panics; an older index restored before a garbage collection | each once, library, command and server | each fix reverted: caught |
//! | damaged pages (`tests/it/damage.rs`, `tests/cli/damage.rs`) | each page of an index zeroed, bytes of the header, 6 lengths, no index, an older index with a newer log, no thread can be started | every page of an index of about 90 pages; each case ends with exit code 6 and names the damage | undamaged copies are clean |
//! | names (`tests/cli/hostile.rs`, `tests/server/hostile.rs`) | 36 names: empty, NUL, escape sequences, bidi controls, `@`, `..`, 64 KiB | every command and every route | |
//! | numbers (`tests/it/numbers.rs`, `tests/cli/numbers.rs`) | numbers that no double can represent, in bodies, tools, response formats, next to escapes and repeated members | renders, frozen files, differences, origins and rules | |
//! | memory and load (`tests/server/load.rs`, `tests/memory.rs`) | 700 clients that give up while they wait for a writer, lists that are not read, bodies withheld at their last byte, 70 idle connections with a limit of 64 open files | each once; `cargo bench --bench memory --features cli,server` at full size | |
//! | growth (`src/store/growth.rs`) | the work of each operation at n and 4n: rows read and steps of SQLite's virtual machine | each operation | |
//! | a full disk on btrfs (`tests/it/btrfs.rs`) | a loop-mounted file system is filled under an open store and before one is opened | 3 cases | without the file attribute each process ends by SIGBUS |
//! | foreign objects in the index (`sqlite::objects`) | triggers, views, tables, indexes, cascades and generated columns are added, others removed or changed | 12 changes, each reported by name when the store is opened | |
//!
//! The longest fuzzing runs, in CPU minutes: bodies 30 (3.2 million inputs), templates 22 (27.9
//! million), selectors 23 (35.1 million), bundles 28 (7.6 million), requests 37 (3.6 million), a
//! damaged index 33 (170,000, each a store that is opened, read, verified and written to).
//!
//! # Defects found
//!
//! Each defect is fixed and has its own test.
//!
//! - A power cut during the creation of a store could leave a page of zeros, which was taken for a
//!   foreign file.
//! - A snapshot that began between the read of the change mark and the read of the operations was
//!   attributed to that mark, which made a read stale.
//! - `gc` removed a pack that an import was writing.
//! - A batch could have left the row of a body behind if a failure of the index had rolled back its
//!   transaction.
//! - An abandoned repack could have removed an existing pack that it had recreated byte for byte.
//! - No pack could be started any more once the size of a file could not be read.
//! - A flipped byte in a pack's record could cause a panic.
//! - The bodies of a folder that could not be read were skipped as if they did not exist.
//! - After the first corrupt table, `verify` did not report the others.
//! - If a store was moved while it was open, and another one was created in its place, a checkpoint
//!   wrote bodies to the other one's directory and dropped their journal rows.
//! - A backup over a backup that a process had open destroyed it. Writes after a swap of
//!   directories were acknowledged into another store, and writes after a removal were lost.
//! - A reader without write permission was stale if the index had no log.
//! - `gc` emptied the folder that `tmp` linked to. A folder left in `tmp/` stopped `gc`
//!   permanently. A wrong clock shortened the retention. An older index made `gc` delete newer
//!   bodies. A garbage collection in a backup removed bodies that a backup in progress had copied.
//! - Triggers in the index ran. Numbers beyond 64 bits were altered by `render`, `freeze` and
//!   `blame`, and missed by `diff` and the rules.
//! - A process that could only read the store could block all writers. Clients that gave up blocked
//!   the server's reads. One request used gigabytes of memory.
//! - A clock before 1970 caused a panic. A leap second made a store fail verification permanently.
//! - A damaged index kept a garbage collection running forever, because a body that was removed
//!   from the index appeared again as unreferenced.
//! - A pack with a damaged index was reported, but its bodies could not be found without that
//!   index.
//! - A damaged pack that was created again had the same bytes and the same name, so handles that
//!   had it open continued to read the damaged file.
//!
//! # Known limits
//!
//! - An exhausted quota (EDQUOT) makes a handle unusable until the store is reopened, because
//!   SQLite reports it as an I/O error.
//! - A `-wal` file that is damaged later may lose its end, because the damage looks like the result
//!   of a crash.
//! - [`repair`](crate::Store::repair) does not restore operations and rows. A backup contains them;
//!   rows can also be restored from a [bundle](crate::Store::export_bundle) if the operations are
//!   intact.
//! - No target has been fuzzed for an hour yet.
//! - A damaged id or address in a chunk of old operations makes all 128 of them unreadable. This is
//!   always reported; the store never returns wrong operations.
//! - Two exchanges of a directory within microseconds, between a check of it and a read by name,
//!   are not detected.
//! - A user with write permission on the index can hold its locks, up to the limit of each caller.
//!   Access control lists are not checked. A user who may read `index.db` and `blobs/` can read all
//!   prompts.
//! - On btrfs a full disk may still end a process by SIGBUS with kernels older than 6.18 (not
//!   tried), after a snapshot, and in a directory that contained other files when the store was
//!   created. On ext4 and xfs it does not.
//! - A batch that waits for another thread that writes is not detected; it fails when the lock's
//!   limit is reached.
//! - Inputs are integers of 64 bits and doubles; other numbers stay exact only as strings.
//! - Pages of a long list are read at different moments. 4,096 connections with a key may use 256
//!   MiB in addition to the server's budget.
//! - The age of a file that is not in the index is its modification time, so a clock that was
//!   behind makes the file look old.
//! - An index page that the disk cannot read (EIO) ends `verify`; an unreadable body is a
//!   violation. Invisible characters inside a name are printed unchanged.
//! - One operation of 50,000 changes holds the lock while its rows are written.
//!
//! # Not promised
//!
//! The promises do not cover a disk that lies about flushes, or that damages data next to a write
//! when the power fails; network file systems, which are refused unless they are requested by name;
//! and a directory that is copied while it is written to, except by
//! [`backup`](crate::Store::backup).
