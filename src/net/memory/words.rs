//! Zeroed memory as numbers of four bytes.
#![expect(unsafe_code, reason = "bytes are taken for numbers")]

use std::io;
use std::ops::{Deref, DerefMut};
use std::os::fd::{BorrowedFd, OwnedFd};

use super::region::{Region, Storage};

/// The bytes of a number.
const WIDTH: usize = size_of::<u32>();

/// A fixed number of numbers, zero at first.
#[derive(Debug)]
pub struct Words(Region);

impl Words {
    /// `count` numbers.
    ///
    /// # Errors
    /// What mmap(2) reports.
    pub fn new(count: usize, storage: Storage) -> io::Result<Self> {
        let len = count.checked_mul(WIDTH).ok_or(io::ErrorKind::OutOfMemory)?;
        Region::new(len, storage).map(Self)
    }

    /// `count` numbers of another process, which has prepared the first `provided` of them.
    ///
    /// # Errors
    /// Those of [`Region::shared`].
    pub fn shared(file: OwnedFd, count: usize, provided: usize) -> io::Result<Self> {
        let len = count.checked_mul(WIDTH).ok_or(io::ErrorKind::InvalidData)?;
        Region::shared(file, len, provided.saturating_mul(WIDTH)).map(Self)
    }

    /// The file of the memory, if another process can have it.
    pub fn file(&self) -> Option<BorrowedFd<'_>> {
        self.0.file()
    }

    /// Fills the first huge pages.
    pub fn provide_beginning(&mut self) {
        self.0.provide_beginning();
    }

    /// Fills all of the memory.
    pub fn provide_all(&mut self) {
        self.0.provide_all();
    }

    /// Prepares the first `count` numbers, see [`Region::provide`].
    #[inline]
    pub fn provide(&mut self, count: usize) {
        self.0.provide((count * WIDTH).min(self.0.len()));
    }
}

impl Deref for Words {
    type Target = [u32];

    #[inline]
    fn deref(&self) -> &[u32] {
        let (address, count) = (self.0.as_ptr(), self.0.len() / WIDTH);
        // SAFETY: the region begins at a page and has at least `count * WIDTH` bytes, which are
        // borrowed as long as the result is; each value of four bytes is a number.
        unsafe { std::slice::from_raw_parts(address.cast(), count) }
    }
}

impl DerefMut for Words {
    #[inline]
    fn deref_mut(&mut self) -> &mut [u32] {
        let (address, count) = (self.0.as_mut_ptr(), self.0.len() / WIDTH);
        // SAFETY: as above; and the region is borrowed alone.
        unsafe { std::slice::from_raw_parts_mut(address.cast(), count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_there_for_the_process_that_gets_the_descriptor() {
        let mut words = Words::new(1 << 20, Storage::Kept).unwrap();
        assert!(words.iter().all(|word| *word == 0));
        words.provide(5);
        words.provide_all();
        words[(1 << 20) - 1] = 0x0403_0201;
        let file = || words.file().unwrap().try_clone_to_owned().unwrap();
        let same = Words::shared(file(), 1 << 20, 5).unwrap();
        assert_eq!(same[(1 << 20) - 1], 0x0403_0201);
        assert!(Words::shared(file(), 1 << 19, 0).is_err());
        let pipe = io::pipe().unwrap().0;
        assert!(Words::shared(pipe.into(), 1 << 20, 0).is_err());
        assert!(Words::new(usize::MAX, Storage::Own).is_err());
    }
}
