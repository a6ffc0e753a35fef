//! Return of freed memory to the operating system.

use std::hint::black_box;

/// Makes the allocator return memory that this thread has freed to the operating system.
///
/// The default allocator of Linux (glibc's) keeps freed pieces of up to 128 bytes separate, between
/// the larger free pieces. A freed tree of many small values therefore leaves hundreds of megabytes
/// in pieces that are not merged until the thread makes a large allocation. Allocating a large
/// piece merges them. Freeing that piece returns the free memory at the end of the heap. With other
/// allocators this is only one more allocation.
pub(crate) fn release_freed() {
    // Below the size that gets a memory mapping of its own, and above the size whose release makes
    // the allocator return memory.
    const BYTES: usize = 96 * 1024;
    drop(black_box(Vec::<u8>::with_capacity(black_box(BYTES))));
}
