//! What happens when the system has no memory left (`ulimit -v`, a full machine without
//! overcommit): an allocation that can fail fails by itself, and all others get what was put
//! aside for this case. Until there is a reserve again nobody is accepted, so that the memory is
//! left to the clients that are there.
#![expect(unsafe_code, reason = "an allocator is unsafe by its trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The bytes put aside: room for what connections, peers and commands that are under way allocate.
/// Only addresses are reserved, no page of it is ever touched.
const RESERVE_LEN: usize = 4 << 20;

static RESERVE: AtomicPtr<libc::c_void> = AtomicPtr::new(ptr::null_mut());
/// Whether the reserve has been given up.
static IS_SHORT: AtomicBool = AtomicBool::new(false);
/// Whether the allocation under way may fail: it leaves the reserve alone.
static MAY_FAIL: AtomicBool = AtomicBool::new(false);

/// The system's allocator, with a reserve behind it once [`keep`] has made one.
#[derive(Debug)]
pub struct Reserved;

// SAFETY: every call is passed on to the system's allocator, with the arguments it came with.
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
        // SAFETY: as in `dealloc`; when it fails, `memory` is as it was and can be tried again.
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

/// Gives the reserve back to the system. False if there was none.
#[cold]
fn give_up() -> bool {
    let reserve = RESERVE.swap(ptr::null_mut(), Ordering::Relaxed);
    if reserve.is_null() {
        return false;
    }
    IS_SHORT.store(true, Ordering::Relaxed);
    // SAFETY: `keep` has mapped it with this length, nobody else knows it, and it was just taken
    // out of `RESERVE`, so it is unmapped once.
    unsafe { libc::munmap(reserve, RESERVE_LEN) == 0 }
}

/// Puts memory aside, if none is. Returns whether some is now.
pub fn keep() -> bool {
    if !RESERVE.load(Ordering::Relaxed).is_null() {
        return true;
    }
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: a new mapping at an address that the kernel chooses touches nothing that exists.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), RESERVE_LEN, libc::PROT_NONE, flags, -1, 0) };
    if mapped == libc::MAP_FAILED {
        return false;
    }
    RESERVE.store(mapped, Ordering::Relaxed);
    IS_SHORT.store(false, Ordering::Relaxed);
    true
}

/// Whether the reserve was given up, and could not be replaced yet.
pub fn is_short() -> bool {
    IS_SHORT.load(Ordering::Relaxed) && !keep()
}

/// Zeroed memory, or none when the system has none left. The reserve stays.
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
    fn an_allocation_that_may_fail_does() {
        assert_eq!(zeroed(3).as_deref(), Some(&[0; 3][..]));
        assert!(zeroed(isize::MAX as usize).is_none());
        assert!(!is_short());
    }
}
