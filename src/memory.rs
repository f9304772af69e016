//! Memory that was used once and is free is given back to the system: compiling a revision takes some ten megabytes that an
//! idle gateway would keep for good, since the allocator gives back only while it works. The one call that needs `unsafe`.

/// Gives back what is free now. Takes some milliseconds at most; harmless at any time, on any thread.
pub fn give_back() {
    #[expect(unsafe_code, reason = "the allocator's own function: it takes a flag, and touches free pages only")]
    // SAFETY: `mi_collect` may be called at any time from any thread; where another allocator is in use (tests of the
    // library), it finds nothing of its own to free.
    unsafe {
        libmimalloc_sys::mi_collect(true);
    }
}
