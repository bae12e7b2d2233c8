//! Files that this program writes. If another user may write to the directory, that user could put
//! a link there so that this program overwrites another file. So no link is followed, and no file
//! that has several names is written to.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::Uid;

/// The most bytes that are copied from a file of another user.
const TEXT_LEN_MAX: u64 = 4096;

/// Creates a new file at `path`, a temporary name of this process. An older file there is a
/// leftover and is removed.
///
/// # Errors
/// What the system reports. `AlreadyExists` if another process creates the file first.
pub fn create(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)
}

/// Opens the file at `path` for writing and keeps its content. Creates the file if it is missing. A
/// file of another user, who could write to it later, is replaced by a copy.
///
/// # Errors
/// What the system reports. `InvalidInput` with a text if the path is a link or not an ordinary
/// file.
pub fn open(path: &Path) -> io::Result<File> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o644).open(path);
    match created {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        done => return done,
    }
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let strange = || io::Error::new(io::ErrorKind::InvalidInput, "a link, or no ordinary file");
    let file = match OpenOptions::new().write(true).custom_flags(flags).open(path) {
        Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(strange()),
        opened => opened?,
    };
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(strange());
    }
    let is_safe = found.uid() == 0 || found.uid() == Uid::effective().as_raw();
    if is_safe { Ok(file) } else { copy(path) }
}

/// Puts a file of this user into the place of the one at `path`, with the beginning of its text.
fn copy(path: &Path) -> io::Result<File> {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let file = create(&temporary)?;
    let copied = || {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let old = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        io::copy(&mut old.take(TEXT_LEN_MAX), &mut &file)?;
        fs::rename(&temporary, path)
    };
    match copied() {
        Ok(()) => Ok(file),
        Err(error) => {
            // The first error is the one to report.
            let _ = fs::remove_file(&temporary);
            Err(error)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::symlink;

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("stickd-own-{}-{name}", std::process::id()));
        fs::remove_dir_all(&dir).ok();
        fs::create_dir(&dir).unwrap();
        fs::write(dir.join("other"), "keep me").unwrap();
        dir
    }

    type Put = fn(&Path, &Path) -> io::Result<()>;
    const LINKS: [Put; 2] = [|from, to| symlink(from, to), |from, to| fs::hard_link(from, to)];

    #[test]
    fn a_new_file_replaces_a_link() {
        let dir = directory("new");
        let (other, path) = (dir.join("other"), dir.join("file"));
        for put in LINKS {
            put(&other, &path).unwrap();
            create(&path).unwrap().write_all(b"mine").unwrap();
            assert_eq!(fs::read(&other).unwrap(), b"keep me");
            assert_eq!(fs::read(&path).unwrap(), b"mine");
            assert!(fs::symlink_metadata(&path).unwrap().is_file());
            fs::remove_file(&path).unwrap();
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_link_is_not_opened_and_an_ordinary_file_is() {
        let dir = directory("open");
        let (other, path) = (dir.join("other"), dir.join("file"));
        for put in LINKS {
            put(&other, &path).unwrap();
            assert_eq!(open(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
            fs::remove_file(&path).unwrap();
        }
        symlink(dir.join("missing"), &path).unwrap();
        assert_eq!(open(&path).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert!(!dir.join("missing").exists());
        fs::remove_file(&path).unwrap();
        open(&path).unwrap().write_all(b"mine").unwrap();
        drop(open(&path).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"mine");
        fs::remove_dir_all(dir).unwrap();
    }
}
