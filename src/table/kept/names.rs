//! The file of the names that rows refer to by number.

use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{Ordering, compiler_fence};

use super::invalid;
use crate::net::memory::region::{Region, Storage};
use crate::table::layout::word;

const MAGIC: &[u8; 8] = b"stickd N";
/// Where the highest number that was ever used stands, behind the magic.
const HIGHEST: usize = 8;
/// A length of four bytes and the longest name. The first place has the magic, as no name has the
/// number 0.
const PLACE: usize = 4 + KEPT_LEN_MAX;
/// The longest name that is kept, in bytes.
pub(in crate::table) const KEPT_LEN_MAX: usize = 256;
/// The numbers that are kept. Entries with a number beyond are not restored.
pub(in crate::table) const NUMBERS: usize = 1 << 17;

/// The names of this process, in memory that is kept.
#[derive(Debug)]
pub(in crate::table) struct KeptNames {
    memory: Region,
}

impl KeptNames {
    /// No names.
    ///
    /// # Errors
    /// What memfd_create(2) or mmap(2) report.
    pub(in crate::table) fn new() -> io::Result<Self> {
        let mut memory = Region::new(NUMBERS * PLACE, Storage::Kept)?;
        if let Some(begin) = memory.get_mut(..MAGIC.len()) {
            begin.copy_from_slice(MAGIC);
        }
        Ok(Self { memory })
    }

    /// The names of another process, which does not change them any more.
    ///
    /// # Errors
    /// Those of [`Region::shared`].
    pub(in crate::table) fn shared(file: OwnedFd) -> io::Result<Self> {
        let len = NUMBERS * PLACE;
        Ok(Self { memory: Region::shared(file, len, len)? })
    }

    /// No name has a number above this one.
    pub(in crate::table) fn end_behind(&mut self, highest: u32) {
        self.memory[HIGHEST..HIGHEST + 4].copy_from_slice(&highest.to_ne_bytes());
    }

    /// The file, if the system can keep memory.
    pub(in crate::table) fn file(&self) -> Option<BorrowedFd<'_>> {
        self.memory.file()
    }

    /// The number stands for `name` from now on, or for nothing if that is empty. A reader that
    /// comes between two of the steps finds no name.
    pub(in crate::table) fn set(&mut self, number: u32, name: &[u8]) {
        let begin = number as usize * PLACE;
        let Some(place) = self.memory.get_mut(begin..begin + PLACE) else { return };
        let (len, bytes) = place.split_at_mut(4);
        len.fill(0);
        compiler_fence(Ordering::SeqCst);
        bytes.iter_mut().zip(name).for_each(|(place, byte)| *place = *byte);
        compiler_fence(Ordering::SeqCst);
        let count = u32::try_from(name.len()).unwrap_or(0);
        len.copy_from_slice(&count.to_ne_bytes());
        if number > word(&self.memory, HIGHEST) {
            self.memory[HIGHEST..HIGHEST + 4].copy_from_slice(&number.to_ne_bytes());
        }
    }
}

/// Reads the names that another process has left, with their numbers.
///
/// # Errors
/// What pread(2) reports; `InvalidData` if the file has something else.
pub(in crate::table) fn read(file: &File) -> io::Result<Vec<(u32, Box<[u8]>)>> {
    let mut begin = [0; PLACE];
    file.read_exact_at(&mut begin, 0)?;
    if !begin.starts_with(MAGIC) {
        return Err(invalid("not a file of names"));
    }
    let highest = (word(&begin, HIGHEST) as usize).min(NUMBERS - 1);
    let mut bytes = vec![0; (highest + 1) * PLACE];
    file.read_exact_at(&mut bytes, 0)?;
    let places = (0..).zip(bytes.chunks_exact(PLACE)).skip(1);
    let names = places.filter_map(|(number, place)| Some((number, name_in(place)?.into())));
    Ok(names.collect())
}

/// Reads the name with this number that another process may change at the same time.
///
/// # Errors
/// What pread(2) reports.
pub(in crate::table) fn read_one(file: &File, number: u32) -> io::Result<Option<Box<[u8]>>> {
    if number == 0 || number as usize >= NUMBERS {
        return Ok(None);
    }
    let mut place = [0; PLACE];
    file.read_exact_at(&mut place, u64::from(number) * PLACE as u64)?;
    Ok(name_in(&place).map(Into::into))
}

/// The name in a place; none in an empty one.
fn name_in(place: &[u8]) -> Option<&[u8]> {
    let len = word(place, 0) as usize;
    place.get(4..4 + len).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_by_their_numbers() {
        let mut names = KeptNames::new().unwrap();
        let longest = [b'x'; KEPT_LEN_MAX];
        names.set(1, b"s1");
        names.set(2, b"gone");
        names.set(3, &longest);
        names.set(2, b"");
        names.set(u32::MAX, b"nowhere");
        let file = names.file().unwrap().try_clone_to_owned().unwrap();
        drop(names);
        let expected: [(u32, Box<[u8]>); 2] =
            [(1, b"s1".as_slice().into()), (3, longest.as_slice().into())];
        assert_eq!(read(&File::from(file)).unwrap(), expected);
    }
}
