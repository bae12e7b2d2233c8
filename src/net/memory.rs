//! What the kernel is told about large allocations.
#![expect(unsafe_code, reason = "madvise(2) takes an address")]

/// The smallest page there is.
const PAGE: usize = 4096;

/// The size of a huge page on x86-64, and of the region from which one pays on others.
const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages under a large allocation that is used at random places: most of a table
/// look-up's time is otherwise spent on finding the page. Small ones are left alone, so that a
/// small table does not take a whole huge page.
pub fn advise_huge_pages<T>(memory: &[T]) {
    if let Err(error) = advise(memory, HUGE_PAGE, libc::MADV_HUGEPAGE) {
        log::debug!("no huge pages: {error}");
    }
}

/// Has a large allocation's memory provided now. Otherwise whoever first uses one of its huge pages
/// waits until all of that is cleared: milliseconds on some virtual machines. A system that cannot
/// do it provides the memory at its first use.
pub fn provide<T>(memory: &mut [T]) {
    if size_of_val(memory) >= HUGE_PAGE
        && let Err(error) = advise(memory, PAGE, libc::MADV_POPULATE_WRITE)
    {
        log::debug!("memory is not provided beforehand: {error}");
    }
}

/// The first part of `memory` to be provided where it fills from the beginning.
pub fn beginning<T>(memory: &mut [T]) -> &mut [T] {
    let len = (2 * HUGE_PAGE / size_of::<T>().max(1)).min(memory.len());
    memory.get_mut(..len).unwrap_or_default()
}

/// Gives advice about the whole pages of this size that lie inside `memory`.
fn advise<T>(memory: &[T], page: usize, advice: libc::c_int) -> std::io::Result<()> {
    let begin = memory.as_ptr().addr().next_multiple_of(page);
    let end = memory.as_ptr_range().end.addr() / page * page;
    if begin >= end {
        return Ok(());
    }
    let address = memory.as_ptr().with_addr(begin).cast_mut().cast();
    // SAFETY: the range lies inside `memory`, which is allocated, and neither MADV_HUGEPAGE nor
    // MADV_POPULATE_WRITE changes anything of what is stored there.
    let advised = unsafe { libc::madvise(address, end - begin, advice) };
    if advised == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_leaves_what_is_stored_as_it_is() {
        let mut memory: Vec<u32> = (0..3_000_000).collect();
        advise_huge_pages(&memory);
        provide(&mut memory);
        provide(beginning(&mut memory));
        assert!(memory.iter().zip(0..).all(|(value, expected)| *value == expected));
        assert_eq!(beginning(&mut memory).len(), 1 << 20);
        assert_eq!(beginning(&mut [1_u8, 2]).len(), 2);
        assert!(advise(&memory, PAGE, -1).is_err());
    }
}
