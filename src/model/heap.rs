//! Memory that was freed, given back to the system.

use std::hint::black_box;

/// Has the allocator give back what this thread has freed of its own.
///
/// The default allocator of Linux (glibc's) keeps freed pieces of up to 128 bytes apart, where they part the larger ones
/// from each other: a tree of many small values leaves hundreds of megabytes of which no two pieces are joined, for as long
/// as the thread does nothing large. Asking for a large piece joins them, and freeing it gives back what is then in one
/// piece at the end of the heap. For other allocators it is one more piece of memory.
pub(crate) fn give_back() {
    // Below what is mapped apart, above what is looked at for being given back.
    const BYTES: usize = 96 * 1024;
    drop(black_box(Vec::<u8>::with_capacity(black_box(BYTES))));
}
