//! What the kernel is told about large allocations.
#![expect(unsafe_code, reason = "madvise(2) takes an address")]

/// The size of a huge page on x86-64, and of the region from which one pays on others.
const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages under a large allocation that is used at random places: most of a table
/// look-up's time is otherwise spent on finding the page. Small ones are left alone, so that a
/// small table does not take a whole huge page.
pub fn advise_huge_pages<T>(memory: &[T]) {
    let begin = memory.as_ptr().addr().next_multiple_of(HUGE_PAGE);
    let end = memory.as_ptr_range().end.addr() / HUGE_PAGE * HUGE_PAGE;
    if begin >= end {
        return;
    }
    let address = memory.as_ptr().with_addr(begin);
    // SAFETY: the range lies inside `memory`, which is allocated, and MADV_HUGEPAGE changes
    // nothing of what is stored there.
    let advised =
        unsafe { libc::madvise(address.cast_mut().cast(), end - begin, libc::MADV_HUGEPAGE) };
    if advised != 0 {
        log::debug!("no huge pages: {}", std::io::Error::last_os_error());
    }
}
