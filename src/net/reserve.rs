//! Memory for the moment when the system has no memory left (`ulimit -v`, or a full machine without
//! overcommit). An allocation that may fail reports its failure. For every other allocation the
//! reserve is given back to the system, so that the allocation succeeds. Until a new reserve can be
//! made, no client is accepted, and the memory is left to the present clients.
#![expect(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The size of the reserve in bytes: enough for the allocations of the present connections, peers
/// and commands. The reserve only takes address space; no page of it is ever touched.
const RESERVE_LEN: usize = 4 << 20;

static RESERVE: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());
/// Whether the reserve was given back to the system.
static IS_SHORT: AtomicBool = AtomicBool::new(false);
/// Whether the allocation under way may fail, and so must not use the reserve.
static MAY_FAIL: AtomicBool = AtomicBool::new(false);

/// The system's allocator, with a reserve after [`keep`] was called.
#[derive(Debug)]
pub struct Reserved;

// SAFETY: every call is passed to the system's allocator with the same arguments.
unsafe impl GlobalAlloc for Reserved {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the promises of `GlobalAlloc`, which are those of `System`.
        or_from_reserve(|| unsafe { System.alloc(layout) })
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as in `alloc`.
        or_from_reserve(|| unsafe { System.alloc_zeroed(layout) })
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as in `alloc`; all memory comes from `System`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, len: usize) -> *mut u8 {
        // SAFETY: as in `dealloc`. When the call fails, `memory` is unchanged and the call may be
        // repeated.
        or_from_reserve(|| unsafe { System.realloc(memory, layout, len) })
    }
}

#[inline]
fn or_from_reserve(allocate: impl Fn() -> *mut u8) -> *mut u8 {
    let memory = allocate();
    if memory.is_null() && !MAY_FAIL.load(Ordering::Relaxed) && give_up() {
        return allocate();
    }
    memory
}

/// Gives the reserve back to the system. Returns false if there was no reserve.
#[cold]
fn give_up() -> bool {
    let reserve = RESERVE.swap(ptr::null_mut(), Ordering::Relaxed);
    if reserve.is_null() {
        return false;
    }
    IS_SHORT.store(true, Ordering::Relaxed);
    // SAFETY: `keep` mapped the reserve with this length, nobody else has its address, and the swap
    // took it out of `RESERVE`, so it is unmapped only once.
    unsafe { libc::munmap(reserve, RESERVE_LEN) == 0 }
}

/// Makes a reserve if there is none. Returns whether there is a reserve now.
pub fn keep() -> bool {
    if !RESERVE.load(Ordering::Relaxed).is_null() {
        return true;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: the kernel chooses the address of the new mapping, so it overlaps no other memory.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), RESERVE_LEN, libc::PROT_NONE, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return false;
    }
    RESERVE.store(mapped, Ordering::Relaxed);
    IS_SHORT.store(false, Ordering::Relaxed);
    true
}

/// Whether the reserve was given back and a new reserve cannot be made yet.
pub fn is_short() -> bool {
    IS_SHORT.load(Ordering::Relaxed) && !keep()
}

/// Zeroed memory, or none if the system has no memory left. The reserve is not used.
pub fn zeroed(len: usize) -> Option<Box<[u8]>> {
    let mut memory = Vec::new();
    MAY_FAIL.store(true, Ordering::Relaxed);
    let reserved = memory.try_reserve_exact(len);
    MAY_FAIL.store(false, Ordering::Relaxed);
    reserved.ok()?;
    memory.resize(len, 0);
    Some(memory.into_boxed_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_allocation_that_may_fail_reports_failure() {
        assert_eq!(zeroed(3).as_deref(), Some(&[0; 3][..]));
        assert!(zeroed(isize::MAX as usize).is_none());
        assert!(!is_short());
    }
}
