//! The frames of a write-ahead log that are not written yet.
//!
//! SQLite writes each frame of its log by two calls: the header and the page
//! (<https://sqlite.org/fileformat2.html#walformat>). A buffer collects consecutive frames, so that
//! one call writes those of a commit. A frame that commits completes the buffer. No other frame is
//! needed by anybody but the connection that writes it, until its transaction commits.

/// The size of a frame's header in bytes.
const HEADER: usize = 24;

/// The position in the header of the size of the database, which is zero unless the frame commits.
const COMMIT_MARK: std::ops::Range<usize> = 4..8;

/// The size from which a buffer is complete, in bytes: with one more frame of the usual size it is not
/// larger than [`MAX_WRITE`].
const FULL: usize = 120 * 1024;

/// The maximum size of a write in bytes. The VFS for Unix cannot write 128 KiB by one call.
const MAX_WRITE: usize = 127 * 1024;

/// Consecutive frames of one transaction.
#[derive(Debug, Default)]
pub(super) struct FrameBuffer {
    bytes: Vec<u8>,
    /// The position of the first byte in the file.
    start: u64,
    /// The header whose page comes next.
    header: Option<FrameHeader>,
    /// The end of what the transaction has written, here or in the file. It is the maximum if nothing
    /// more of the transaction is collected.
    written: u64,
}

#[derive(Clone, Copy, Debug)]
struct FrameHeader {
    commits: bool,
}

/// What must happen after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextStep {
    /// Nothing: the bytes are in the buffer.
    Wait,
    /// The buffer, which contains the bytes, must be written.
    Flush,
    /// The buffer must be written, and then the bytes, which it does not contain.
    WriteApart,
}

impl FrameBuffer {
    /// Adds bytes that SQLite writes at a position, if they belong to a frame that follows the others.
    ///
    /// Only what is appended is added: SQLite also overwrites the headers and pages of frames that
    /// the transaction has written before.
    pub(super) fn add(&mut self, bytes: &[u8], position: u64) -> NextStep {
        let is_next = self.bytes.is_empty() || position == self.end();
        let is_appended = position >= self.written;
        self.written = self
            .written
            .max(position.saturating_add(bytes.len() as u64));
        if !is_next || !is_appended {
            return NextStep::WriteApart;
        }
        match self.header.take() {
            Some(header) => {
                if !is_page(bytes) {
                    // SQLite flushes within a page, and the rest of it is no frame.
                    self.written = u64::MAX;
                    return NextStep::WriteApart;
                }
                if !self.push(bytes) {
                    return NextStep::WriteApart;
                }
                let is_complete = header.commits || self.bytes.len() >= FULL;
                if is_complete {
                    NextStep::Flush
                } else {
                    NextStep::Wait
                }
            }
            None if bytes.len() == HEADER => {
                if self.bytes.is_empty() {
                    self.start = position;
                }
                if !self.push(bytes) {
                    return NextStep::WriteApart;
                }
                let mark = bytes.get(COMMIT_MARK).unwrap_or_default();
                self.header = Some(FrameHeader {
                    commits: mark.iter().any(|byte| *byte != 0),
                });
                NextStep::Wait
            }
            None => NextStep::WriteApart,
        }
    }

    /// Appends bytes. Returns false if there is no memory for them.
    fn push(&mut self, bytes: &[u8]) -> bool {
        let has_room = self.bytes.try_reserve(bytes.len()).is_ok();
        if has_room {
            self.bytes.extend_from_slice(bytes);
        }
        has_room
    }

    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Writes the bytes by a function, which gets their position. Even if it fails, nothing stays in the
    /// buffer.
    ///
    /// One call writes them, unless the pages are unusually large.
    pub(super) fn flush<E>(
        &mut self,
        mut write: impl FnMut(&[u8], u64) -> Result<(), E>,
    ) -> Result<(), E> {
        self.header = None;
        let mut position = self.start;
        let written = self.bytes.chunks(MAX_WRITE).try_for_each(|part| {
            let at = position;
            position += part.len() as u64;
            write(part, at)
        });
        self.bytes.clear();
        written
    }

    /// Forgets the frames of a transaction that ends. Those of a commit have been written.
    pub(super) fn end_transaction(&mut self) {
        self.bytes.clear();
        self.header = None;
        self.written = 0;
    }
}

/// Returns whether bytes have a size that pages can have.
fn is_page(bytes: &[u8]) -> bool {
    bytes.len() >= 512 && bytes.len().is_power_of_two()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: usize = 4096;

    /// A log that is written through a buffer, beside one that is written directly.
    #[derive(Default)]
    struct Logs {
        buffer: FrameBuffer,
        buffered: Vec<u8>,
        direct: Vec<u8>,
        calls: usize,
    }

    fn write(file: &mut Vec<u8>, bytes: &[u8], position: u64) {
        let start = usize::try_from(position).unwrap();
        let end = start + bytes.len();
        file.resize(file.len().max(end), 0);
        file[start..end].copy_from_slice(bytes);
    }

    impl Logs {
        fn write(&mut self, bytes: &[u8], position: usize) {
            write(&mut self.direct, bytes, position as u64);
            let step = self.buffer.add(bytes, position as u64);
            if step != NextStep::Wait {
                self.flush();
            }
            if step == NextStep::WriteApart {
                self.calls += 1;
                write(&mut self.buffered, bytes, position as u64);
            }
        }

        fn flush(&mut self) {
            let (file, calls) = (&mut self.buffered, &mut self.calls);
            let write = |bytes: &[u8], position| {
                *calls += 1;
                write(file, bytes, position);
                Ok::<_, ()>(())
            };
            self.buffer.flush(write).unwrap();
        }

        /// Writes a frame as SQLite does, and returns the position after it.
        fn frame(&mut self, position: usize, byte: u8, commits: bool) -> usize {
            self.write(&header(byte, commits), position);
            self.write(&[byte; PAGE], position + HEADER);
            position + HEADER + PAGE
        }

        fn assert_equal(&self) {
            assert_eq!(self.buffered, self.direct);
        }
    }

    fn header(byte: u8, commits: bool) -> [u8; HEADER] {
        let mut header = [byte; HEADER];
        header[COMMIT_MARK].fill(u8::from(commits));
        header
    }

    #[test]
    fn the_frames_of_a_commit_are_written_by_one_call() {
        let mut logs = Logs::default();
        for commit in 1..=3 {
            // The log begins again, as after a WAL checkpoint.
            let mut end = 32;
            for frame in 0..10 {
                end = logs.frame(end, frame, frame == 9);
            }
            assert_eq!(logs.calls, commit);
            logs.assert_equal();
            logs.buffer.end_transaction();
        }
    }

    #[test]
    fn a_long_transaction_is_written_in_parts() {
        let mut logs = Logs::default();
        let mut end = 32;
        for frame in 0..2000 {
            end = logs.frame(end, frame as u8, false);
        }
        assert_eq!(logs.calls, 2000 / FULL.div_ceil(HEADER + PAGE));
        logs.flush();
        logs.assert_equal();
    }

    #[test]
    fn no_write_is_larger_than_the_vfs_can_make() {
        let mut buffer = FrameBuffer::default();
        let mut end = 32;
        for _ in 0..3 {
            buffer.add(&header(1, false), end);
            buffer.add(&[1; 65_536], end + HEADER as u64);
            end += (HEADER + 65_536) as u64;
        }
        let mut sizes = Vec::new();
        let write = |bytes: &[u8], _| {
            sizes.push(bytes.len());
            Ok::<_, ()>(())
        };
        buffer.flush(write).unwrap();
        assert_eq!(sizes, [MAX_WRITE, 3 * (HEADER + 65_536) - MAX_WRITE]);
    }

    #[test]
    fn the_header_of_a_log_is_written_apart() {
        let mut logs = Logs::default();
        logs.write(&[7; 32], 0);
        assert_eq!(logs.calls, 1);
        logs.assert_equal();
        logs.frame(32, 1, true);
        assert_eq!(logs.calls, 2);
        logs.assert_equal();
    }

    /// At the commit of a transaction that overwrote pages, SQLite writes the headers again, with new
    /// checksums. Nothing follows these headers.
    #[test]
    fn what_is_overwritten_is_written_at_once() {
        for written_before in [false, true] {
            let mut logs = Logs::default();
            let second = logs.frame(32, 1, false);
            let third = logs.frame(second, 2, false);
            if written_before {
                logs.flush();
            }
            logs.write(&[9; PAGE], 32 + HEADER);
            let end = logs.frame(third, 3, true);
            logs.write(&header(10, false), 32);
            logs.write(&header(11, false), second);
            logs.write(&header(12, true), third);
            logs.assert_equal();
            logs.buffer.end_transaction();
            logs.frame(end, 4, true);
            logs.assert_equal();
        }
    }

    #[test]
    fn after_a_savepoint_frames_are_written_over_those_of_what_was_undone() {
        let mut logs = Logs::default();
        let second = logs.frame(32, 1, false);
        let third = logs.frame(second, 2, false);
        logs.frame(third, 3, false);
        let third = logs.frame(second, 4, false);
        logs.frame(third, 5, true);
        logs.assert_equal();
    }

    #[test]
    fn the_frames_of_a_transaction_that_was_rolled_back_are_not_written() {
        let mut logs = Logs::default();
        logs.frame(32, 1, false);
        logs.buffer.end_transaction();
        logs.direct.clear();
        // Another process has committed more frames in the meantime.
        write(&mut logs.direct, &[8; 2000], 32);
        write(&mut logs.buffered, &[8; 2000], 32);
        logs.frame(2032, 2, true);
        logs.assert_equal();
    }

    #[test]
    fn the_parts_of_a_page_are_written_at_once() {
        for rest in [100, HEADER] {
            let mut logs = Logs::default();
            logs.write(&header(1, true), 32);
            logs.write(&[1; PAGE][rest..], 32 + HEADER);
            logs.write(&[2; PAGE][..rest], 32 + HEADER + PAGE - rest);
            logs.assert_equal();
            logs.buffer.end_transaction();
            logs.frame(32 + HEADER + PAGE, 3, true);
            logs.assert_equal();
            assert_eq!(logs.calls, 4);
        }
    }
}
