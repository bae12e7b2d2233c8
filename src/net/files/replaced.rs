//! A file that is replaced whole: readers find the old one or the new one, also when the machine
//! stops in between. Its directory is opened beforehand, so that neither another root directory nor
//! another user is in the way later.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::sys::stat::{Mode, fstatat};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// How long another process may take to replace a file in the same directory.
const LOCK_TRIES: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// How much of the old file decides whether it is replaced.
const BEGIN_LEN: usize = 4096;

/// A file that is replaced from time to time.
#[derive(Debug)]
pub struct Replaced {
    directory: File,
    name: OsString,
}

impl Replaced {
    /// The file at `path`, which need not exist. Its directory must.
    ///
    /// # Errors
    /// What the system reports of the directory. `InvalidInput` if the path names no file.
    pub fn new(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        Ok(Self { directory: File::open(directory_of(path))?, name })
    }

    /// The directory.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Replaces the file by what `write` writes to a new one, if `may_replace` agrees: it is given
    /// the beginning of the old file, or nothing if there is none. Both files are on the disk
    /// before the names change. While `may_replace` decides, no other process that does the same
    /// replaces a file of this directory.
    ///
    /// # Errors
    /// What the system reports, or the two functions. The old file stays then.
    pub fn replace<T>(
        &self,
        may_replace: impl FnOnce(&[u8]) -> io::Result<()>,
        write: impl FnOnce(&File) -> io::Result<T>,
    ) -> io::Result<T> {
        let temporary = self.temporary_name();
        match unlinkat(&self.directory, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno.into()),
        }
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        let file = File::from(openat(&self.directory, temporary.as_os_str(), flags, mode)?);
        let done = || {
            // Others see that the file is in use. Without locks, leftovers stay.
            let _ = file.try_lock();
            let written = write(&file)?;
            file.sync_all()?;
            self.publish(&file, &temporary, may_replace)?;
            Ok(written)
        };
        done().inspect_err(|_| {
            // The first error is the one to report.
            let _ = unlinkat(&self.directory, temporary.as_os_str(), UnlinkatFlags::NoRemoveDir);
        })
    }

    fn publish(
        &self,
        file: &File,
        temporary: &OsStr,
        may_replace: impl FnOnce(&[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        self.lock()?;
        let published = || {
            may_replace(&self.begin()?)?;
            // Another process of the same number, in a container beside this one, may have another
            // file by this name.
            let named = fstatat(&self.directory, temporary, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            let own = file.metadata()?;
            if (named.st_dev, named.st_ino) != (own.dev(), own.ino()) {
                return Err(io::Error::other("another process has the temporary file"));
            }
            renameat(&self.directory, temporary, &self.directory, self.name.as_os_str())?;
            Ok(())
        };
        let result = published();
        // It is open as long as this process lives.
        let _ = self.directory.unlock();
        result?;
        self.directory.sync_all()
    }

    /// Waits for other processes that replace a file of this directory. A file system without locks
    /// is used without them.
    fn lock(&self) -> io::Result<()> {
        for _ in 0..LOCK_TRIES {
            match self.directory.try_lock() {
                Err(TryLockError::WouldBlock) => sleep(LOCK_PAUSE),
                Ok(()) | Err(TryLockError::Error(_)) => return Ok(()),
            }
        }
        let why = "another process has locked the directory";
        Err(io::Error::new(io::ErrorKind::WouldBlock, why))
    }

    /// The beginning of the file; nothing if there is no file.
    fn begin(&self) -> io::Result<Vec<u8>> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let strange = || io::Error::new(io::ErrorKind::InvalidData, "a link, or no ordinary file");
        let found = match openat(&self.directory, self.name.as_os_str(), flags, Mode::empty()) {
            Ok(found) => File::from(found),
            Err(Errno::ENOENT) => return Ok(Vec::new()),
            Err(Errno::ELOOP | Errno::ENXIO) => return Err(strange()),
            Err(errno) => {
                let why = format!("look at the old file: {errno}");
                return Err(io::Error::new(io::Error::from(errno).kind(), why));
            }
        };
        if !found.metadata()?.is_file() {
            return Err(strange());
        }
        let mut begin = vec![0; BEGIN_LEN];
        let mut len = 0;
        while let Some(rest) = begin.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match found.read_at(rest, len as u64)? {
                0 => break,
                read => len += read,
            }
        }
        begin.truncate(len);
        Ok(begin)
    }

    fn temporary_name(&self) -> OsString {
        let mut name = self.name.clone();
        name.push(format!(".{}.tmp", std::process::id()));
        name
    }
}

/// Removes the temporary files that processes have left which ended while they replaced the file at
/// `path`.
pub fn remove_leftovers(path: &Path) {
    let Some(name) = path.file_name() else { return };
    let Ok(entries) = fs::read_dir(directory_of(path)) else { return };
    for entry in entries.flatten() {
        if is_temporary(&entry.file_name(), name) {
            let path = entry.path();
            let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
            let file = OpenOptions::new().read(true).custom_flags(flags).open(&path);
            if file.is_ok_and(|file| file.try_lock().is_ok()) {
                // What cannot be removed stays.
                let _ = fs::remove_file(&path);
            }
        }
    }
}

fn is_temporary(found: &OsStr, name: &OsStr) -> bool {
    let number = found
        .as_encoded_bytes()
        .strip_prefix(name.as_encoded_bytes())
        .and_then(|rest| rest.strip_prefix(b"."))
        .and_then(|rest| rest.strip_suffix(b".tmp"));
    number.is_some_and(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

fn directory_of(path: &Path) -> PathBuf {
    path.parent().filter(|parent| *parent != "").unwrap_or_else(|| Path::new(".")).to_owned()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let name = format!("stickd-replaced-{}-{name}", std::process::id());
        let dir = std::env::temp_dir().join(name);
        fs::remove_dir_all(&dir).ok();
        fs::create_dir(&dir).unwrap();
        dir
    }

    fn write(text: &str) -> impl FnOnce(&File) -> io::Result<()> {
        |mut file| file.write_all(text.as_bytes())
    }

    fn names(dir: &Path) -> Vec<OsString> {
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect()
    }

    #[test]
    fn the_file_is_replaced_whole_or_stays() {
        let dir = directory("whole");
        let path = dir.join("t");
        let replaced = Replaced::new(&path).unwrap();
        let is_new = |old: &[u8]| if old.is_empty() { Ok(()) } else { Err(io::Error::other("no")) };
        replaced.replace(is_new, write("one")).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(replaced.replace(is_new, write("two")).is_err());
        let fails = |_: &File| Err::<(), _>(io::Error::other("full"));
        assert!(replaced.replace(|_| Ok(()), fails).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        assert_eq!(names(&dir), ["t"]);
        let mut seen = Vec::new();
        let note = |old: &[u8]| {
            seen.extend_from_slice(old);
            Ok(())
        };
        replaced.replace(note, write("two")).unwrap();
        assert_eq!(
            (seen.as_slice(), fs::read_to_string(&path).unwrap().as_str()),
            (&b"one"[..], "two")
        );
        assert_eq!(names(&dir), ["t"]);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn no_link_is_followed_and_nothing_but_a_file_is_replaced() {
        let dir = directory("links");
        let (path, other) = (dir.join("t"), dir.join("other"));
        fs::write(&other, "keep me").unwrap();
        let replaced = Replaced::new(&path).unwrap();
        symlink(&other, &path).unwrap();
        assert!(replaced.replace(|_| Ok(()), write("mine")).is_err());
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert!(replaced.replace(|_| Ok(()), write("mine")).is_err());
        fs::remove_dir(&path).unwrap();
        // At the temporary name, a link is removed.
        symlink(&other, dir.join(replaced.temporary_name())).unwrap();
        replaced.replace(|_| Ok(()), write("mine")).unwrap();
        assert_eq!(fs::read_to_string(&other).unwrap(), "keep me");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_files_of_processes_that_have_ended_are_removed() {
        let dir = directory("leftovers");
        let path = dir.join("t");
        for name in ["t.123.tmp", "t.x.tmp", "t..tmp", "t.tmp", "u.123.tmp", "t.456.tmp"] {
            fs::write(dir.join(name), "").unwrap();
        }
        let used = File::open(dir.join("t.456.tmp")).unwrap();
        used.lock().unwrap();
        remove_leftovers(&path);
        let mut left = names(&dir);
        left.sort();
        assert_eq!(left, ["t..tmp", "t.456.tmp", "t.tmp", "t.x.tmp", "u.123.tmp"]);
        drop(used);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_directory_that_stays_locked_is_an_error() {
        let dir = directory("locked");
        let replaced = Replaced::new(&dir.join("t")).unwrap();
        let other = File::open(&dir).unwrap();
        other.lock().unwrap();
        let error = replaced.replace(|_| Ok(()), write("mine")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
        assert!(names(&dir).is_empty());
        fs::remove_dir_all(dir).unwrap();
    }
}
