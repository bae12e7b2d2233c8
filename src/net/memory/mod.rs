//! Large memory: hints to the kernel about it, and memory that outlives the process.
#![expect(unsafe_code, reason = "madvise(2) takes an address")]

pub mod region;
pub mod words;

use std::fs::File;
use std::io;
use std::io::{Seek, Write};
use std::os::fd::OwnedFd;

use nix::sys::memfd::{MFdFlags, memfd_create};

/// A file without a name that has these bytes, for another process. Its place is the beginning.
///
/// # Errors
/// What memfd_create(2) or write(2) report.
pub fn file_with(name: &str, bytes: &[u8]) -> io::Result<OwnedFd> {
    let mut file = File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file.into())
}

/// The smallest size of a page.
const PAGE: usize = 4096;

/// The size of a huge page on x86-64. On other machines too, smaller regions gain nothing.
const HUGE_PAGE: usize = 2 << 20;

/// Asks for huge pages under a large allocation that is used at random places. With small pages
/// most of the time of a table look-up goes to finding the page. An allocation smaller than a huge
/// page stays as it is, so that a small table does not take a whole huge page.
fn advise_huge_pages<T>(memory: &[T]) {
    if let Err(error) = advise(memory, HUGE_PAGE, libc::MADV_HUGEPAGE) {
        log::debug!("no huge pages: {error}");
    }
}

/// Asks the kernel to provide the memory of a large allocation now. Otherwise the first use of each
/// huge page waits until the kernel has cleared the page, which takes milliseconds on some virtual
/// machines. If the kernel cannot provide memory beforehand, the first use provides it.
fn provide<T>(memory: &mut [T]) {
    if size_of_val(memory) >= HUGE_PAGE
        && let Err(error) = advise(memory, PAGE, libc::MADV_POPULATE_WRITE)
    {
        log::debug!("memory is not provided beforehand: {error}");
    }
}

/// The part of `memory` to provide at once, if `memory` fills from the beginning.
fn beginning<T>(memory: &mut [T]) -> &mut [T] {
    let len = (2 * HUGE_PAGE / size_of::<T>().max(1)).min(memory.len());
    memory.get_mut(..len).unwrap_or_default()
}

/// Gives the kernel advice about the whole pages of size `page` that lie inside `memory`.
fn advise<T>(memory: &[T], page: usize, advice: libc::c_int) -> io::Result<()> {
    let begin = memory.as_ptr().addr().next_multiple_of(page);
    let end = memory.as_ptr_range().end.addr() / page * page;
    if begin >= end {
        return Ok(());
    }
    let address = memory.as_ptr().with_addr(begin).cast_mut().cast();
    // SAFETY: the range lies inside `memory`, which is allocated, and none of MADV_HUGEPAGE,
    // MADV_POPULATE_WRITE and MADV_COLLAPSE changes the bytes that are stored there.
    let advised = unsafe { libc::madvise(address, end - begin, advice) };
    if advised == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_does_not_change_the_stored_bytes() {
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
