//! Files that a configuration consists of or names, read within a bound.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The largest file, in bytes. The limit ends the reading of a device that was named by mistake.
const MAX: u64 = 256 << 20;

/// Reads a whole file.
///
/// # Errors
/// The file cannot be opened or read, or is larger than 256 MiB.
pub(in crate::config) fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    File::open(path)?.take(MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > MAX {
        return Err(io::Error::other("it is larger than 256 MiB"));
    }
    Ok(text)
}
