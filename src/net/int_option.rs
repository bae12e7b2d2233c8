//! Socket options that are one number and that nix lacks.
#![expect(unsafe_code, reason = "socket options that nix lacks")]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sets the option `name` of `level` (setsockopt(2)).
///
/// # Errors
/// What the system reports.
pub(super) fn set(fd: BorrowedFd<'_>, level: i32, name: i32, value: u32) -> io::Result<()> {
    let len = libc::socklen_t::try_from(size_of::<u32>()).expect("a u32 has 4 bytes");
    // SAFETY: `value` is four bytes as `len` says and outlives the call.
    let done =
        unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, (&raw const value).cast(), len) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The value of the option `name` of `level` (getsockopt(2)).
///
/// # Errors
/// What the system reports.
pub(super) fn get(fd: BorrowedFd<'_>, level: i32, name: i32) -> io::Result<u32> {
    let mut value = 0_u32;
    let mut len = libc::socklen_t::try_from(size_of::<u32>()).expect("a u32 has 4 bytes");
    // SAFETY: `value` is four bytes as `len` says, and both outlive the call.
    let got = unsafe {
        let value = (&raw mut value).cast();
        libc::getsockopt(fd.as_raw_fd(), level, name, value, &raw mut len)
    };
    if got < 0 { Err(io::Error::last_os_error()) } else { Ok(value) }
}
