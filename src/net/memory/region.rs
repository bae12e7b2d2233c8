//! Zeroed memory for what is large and lives long. It belongs to this process alone, or it is
//! *kept*: a file without a name (memfd_create(2)), which lives as long as any process has a
//! descriptor of it, also when this process has crashed.
#![expect(unsafe_code, reason = "mmap(2) gives an address")]

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::stat::fstat;
use nix::unistd::ftruncate;

use super::{HUGE_PAGE, advise, advise_huge_pages, beginning, provide};

/// What nobody can do with the file of kept memory: change its length.
const SEALS: SealFlag =
    SealFlag::F_SEAL_SHRINK.union(SealFlag::F_SEAL_GROW).union(SealFlag::F_SEAL_SEAL);

/// Which processes can have the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Storage {
    /// This process alone.
    Own,
    /// This process alone, which uses a little of the memory, here and there.
    Sparse,
    /// Each process that gets the descriptor.
    Kept,
}

/// Zeroed memory of a fixed length.
#[derive(Debug)]
pub struct Region {
    address: NonNull<u8>,
    len: usize,
    /// The file of kept memory.
    file: Option<OwnedFd>,
    /// Whether the memory is to be filled before it is used.
    is_filled: bool,
    /// Bytes from here on have no huge pages yet, which [`Region::provide`] has to ask for.
    provided: usize,
}

impl Region {
    /// `len` zeroed bytes. Memory that cannot be kept, because the system is too old for it, is the
    /// process's own.
    ///
    /// # Errors
    /// What mmap(2) reports.
    pub fn new(len: usize, storage: Storage) -> io::Result<Self> {
        if storage == Storage::Kept {
            match Self::kept(len) {
                Ok(region) => return Ok(region),
                Err(error) => tell_of_own_memory(&error),
            }
        }
        let address = map(len, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, None)?;
        let is_filled = storage != Storage::Sparse;
        let region = Self { address, len, file: None, is_filled, provided: len };
        if is_filled {
            advise_huge_pages(&region);
        }
        Ok(region)
    }

    /// The memory of another process, which has `len` bytes and has prepared those up to
    /// `provided`. Both processes can write to it.
    ///
    /// # Errors
    /// What mmap(2) reports; `InvalidData` if the file has another length, or can be cut.
    pub fn shared(file: OwnedFd, len: usize, provided: usize) -> io::Result<Self> {
        let is_sealed = fcntl(&file, FcntlArg::F_GET_SEALS)? & SEALS.bits() == SEALS.bits();
        if !is_sealed || usize::try_from(fstat(&file)?.st_size) != Ok(len) {
            let what = "the memory has another length, or can be cut";
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        let address = map(len, libc::MAP_SHARED, Some(file.as_fd()))?;
        let provided = provided.next_multiple_of(HUGE_PAGE).min(len);
        Ok(Self { address, len, file: Some(file), is_filled: true, provided })
    }

    /// Memory in a file. Nobody can cut the file, so an access never fails.
    fn kept(len: usize) -> io::Result<Self> {
        let file =
            memfd_create("stickd-table", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let length = i64::try_from(len).map_err(|_| io::ErrorKind::InvalidInput)?;
        ftruncate(&file, length)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SEALS))?;
        let address = map(len, libc::MAP_SHARED, Some(file.as_fd()))?;
        let mut region = Self { address, len, file: Some(file), is_filled: true, provided: 0 };
        if len < HUGE_PAGE {
            region.provided = len;
        } else {
            region.provide_next()?;
        }
        Ok(region)
    }

    /// The file of kept memory; none if the memory is this process's own.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.file.as_ref().map(AsFd::as_fd)
    }

    /// Fills the first huge pages, for memory that is used from its beginning.
    pub fn provide_beginning(&mut self) {
        if self.is_filled && self.file.is_none() {
            provide(beginning(self));
        }
    }

    /// Fills all of the memory.
    pub fn provide_all(&mut self) {
        if self.file.is_some() {
            self.provide(self.len);
        } else if self.is_filled {
            provide(self);
        }
    }

    /// Prepares the memory up to `end`, which is about to be used for the first time. Memory in a
    /// file has huge pages only where they are asked for when it has been written to.
    #[inline]
    pub fn provide(&mut self, end: usize) {
        if end > self.provided {
            self.provide_up_to(end);
        }
    }

    #[cold]
    fn provide_up_to(&mut self, end: usize) {
        while end > self.provided {
            if let Err(error) = self.provide_next() {
                log::debug!("no huge pages: {error}");
            }
        }
    }

    /// Asks for the next huge page. Only a system that has no such call is an error.
    fn provide_next(&mut self) -> io::Result<()> {
        let begin = self.provided;
        let end = (begin + HUGE_PAGE).min(self.len);
        self.provided = end;
        let part = self.get(begin..end).unwrap_or_default();
        // Without room for a huge page the small ones stay.
        advise(part, HUGE_PAGE, libc::MADV_POPULATE_WRITE)
            .and_then(|()| advise(part, HUGE_PAGE, libc::MADV_COLLAPSE))
            .or_else(|error| match error.raw_os_error() {
                Some(libc::EINVAL) => Err(error),
                _ => Ok(()),
            })
    }
}

impl Deref for Region {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        // SAFETY: `address` is the begin of `len` mapped bytes, which only this value's `drop`
        // unmaps, and the file cannot be cut. Nobody else writes to them as long as this process
        // uses them: a process that has the descriptor only reads the file, until this one has
        // handed the table over and uses this value no more.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.len) }
    }
}

impl DerefMut for Region {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above; and this value is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(self.address.as_ptr(), self.len) }
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        unmap(self.address, self.len.max(1)); // as `map` has mapped
    }
}

/// Says once what it means that no memory can be kept.
fn tell_of_own_memory(error: &io::Error) {
    static IS_TOLD: AtomicBool = AtomicBool::new(false);
    if !IS_TOLD.swap(true, Ordering::Relaxed) {
        log::warn!(
            "no memory that other processes can have ({error}): a reload teaches all tables, and a \
             crash takes their entries"
        );
    }
}

/// Maps `len` bytes, or one byte if `len` is 0, at the beginning of a huge page if they can fill
/// one.
fn map(len: usize, flags: libc::c_int, file: Option<BorrowedFd<'_>>) -> io::Result<NonNull<u8>> {
    let len = len.max(1);
    if len < HUGE_PAGE {
        return map_at(None, len, flags, file);
    }
    // Addresses for more than is needed are reserved, and the ends given back.
    let room = len.checked_add(HUGE_PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
    let reserved = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let begin = map_at(None, room, reserved, None)?;
    let before = begin.addr().get().next_multiple_of(HUGE_PAGE) - begin.addr().get();
    // SAFETY: `before` is less than HUGE_PAGE, so the result lies in the `room` reserved bytes.
    let address = unsafe { begin.add(before) };
    if let Err(error) = map_at(Some(address), len, flags, file) {
        unmap(begin, room);
        return Err(error);
    }
    unmap(begin, before);
    // The kernel maps whole pages.
    let whole = len.next_multiple_of(super::PAGE);
    // SAFETY: `before + whole` is at most `room`, as both HUGE_PAGE and the rest are whole pages.
    unmap(unsafe { address.add(whole) }, (room - before).saturating_sub(whole));
    Ok(address)
}

/// Maps `len` bytes, in the place of the reserved bytes at `place` if that is given.
fn map_at(
    place: Option<NonNull<u8>>,
    len: usize,
    flags: libc::c_int,
    file: Option<BorrowedFd<'_>>,
) -> io::Result<NonNull<u8>> {
    use std::os::fd::AsRawFd;
    let fixed = if place.is_some() { libc::MAP_FIXED } else { 0 };
    let address = place.map_or(std::ptr::null_mut(), |place| place.as_ptr().cast());
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let fd = file.map_or(-1, |file| file.as_raw_fd());
    // SAFETY: the kernel chooses the address, or it is one that `map` has reserved for this.
    let mapped = unsafe { libc::mmap(address, len, access, flags | fixed, fd, 0) };
    if mapped == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    NonNull::new(mapped.cast()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Gives back what [`map_at`] has mapped, or a part of it.
fn unmap(address: NonNull<u8>, len: usize) {
    if len > 0 {
        // SAFETY: the caller has mapped these bytes and uses them no more.
        unsafe { libc::munmap(address.as_ptr().cast(), len) };
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::FileExt;

    use super::*;

    const LENGTHS: [usize; 6] = [0, 1, 4096, HUGE_PAGE - 1, HUGE_PAGE + 5, 3 * HUGE_PAGE + 4096];

    #[test]
    fn memory_of_every_length_is_zeroed_and_can_be_written() {
        for storage in [Storage::Own, Storage::Kept] {
            for len in LENGTHS {
                let mut region = Region::new(len, storage).unwrap();
                assert_eq!(region.len(), len);
                region.provide(len / 2);
                assert!(region.iter().all(|byte| *byte == 0));
                region.fill(7);
                region.provide(len);
                assert!(region.iter().all(|byte| *byte == 7));
            }
        }
    }

    #[test]
    fn kept_memory_is_there_when_its_owner_is_gone_and_cannot_be_cut() {
        let mut region = Region::new(HUGE_PAGE + 5, Storage::Kept).unwrap();
        region[HUGE_PAGE] = 7;
        let file = File::from(region.file().unwrap().try_clone_to_owned().unwrap());
        assert!(file.set_len(0).is_err());
        drop(region);
        let mut found = [0; 6];
        assert_eq!(file.read_at(&mut found, HUGE_PAGE as u64 - 1).unwrap(), 6);
        assert_eq!(found, [0, 7, 0, 0, 0, 0]);
        assert!(Region::new(5, Storage::Own).unwrap().file().is_none());
    }

    #[test]
    fn memory_that_nobody_has_is_an_error() {
        for storage in [Storage::Own, Storage::Kept] {
            assert!(Region::new(usize::MAX / 2, storage).is_err());
        }
    }
}
