//! The file of a unix socket: its identity, its owner and its permissions. Links are not followed:
//! a user who may write to the directory could replace the socket by a link.
#![expect(unsafe_code, reason = "fchmodat2(2), which nix lacks")]

use std::fmt;
use std::fs;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{Mode, fstat, umask};
use nix::unistd::{Gid, Uid, fchownat};

/// The identity of a file, independent of its name: its device and its inode number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    number: u64,
}

impl FileId {
    /// The identity of the file at `path`. A link is not followed.
    ///
    /// # Errors
    /// What lstat(2) reports.
    pub fn of(path: &Path) -> io::Result<Self> {
        let found = fs::symlink_metadata(path)?;
        Ok(Self { device: found.dev(), number: found.ino() })
    }
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.device, self.number)
    }
}

impl FromStr for FileId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (device, number) = text.split_once('.').ok_or(())?;
        let number_of = |text: &str| text.parse().map_err(|_| ());
        Ok(Self { device: number_of(device)?, number: number_of(number)? })
    }
}

/// Who may use a socket's file. None leaves the system's default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The mode of the file.
    pub mode: Option<u32>,
    /// The owner of the file.
    pub uid: Option<u32>,
    /// The group of the file.
    pub gid: Option<u32>,
}

impl Permissions {
    /// These permissions, completed with the ones that a new socket at `path` would get. Only root
    /// can give a file away, so the owner and group stay none for other users.
    ///
    /// # Errors
    /// What stat(2) reports about the directory.
    pub fn or_as_made_now(self, path: &Path) -> io::Result<Self> {
        const SET_GROUP_ID: u32 = 0o2000;
        const ALL: u32 = 0o777;
        let mask = umask(Mode::from_bits_truncate(0o077));
        umask(mask);
        let dir = path.parent().filter(|dir| *dir != "").unwrap_or_else(|| Path::new("."));
        let dir = fs::metadata(dir)?;
        let is_root = Uid::effective().is_root();
        let own_group = match dir.mode() & SET_GROUP_ID {
            0 => Gid::effective().as_raw(),
            _ => dir.gid(),
        };
        Ok(Self {
            mode: self.mode.or_else(|| Some(ALL & !mask.bits())),
            uid: self.uid.or_else(|| is_root.then_some(0)),
            gid: self.gid.or_else(|| is_root.then_some(own_group)),
        })
    }

    /// Sets the permissions of the socket's file at `path` where they differ, if the file is still
    /// `file`.
    ///
    /// # Errors
    /// What the system reports. `NotFound` if another file is at `path`.
    pub fn apply(&self, path: &Path, file: FileId) -> io::Result<()> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = open(path, flags, Mode::empty())?;
        let found = fstat(&fd)?;
        if (FileId { device: found.st_dev, number: found.st_ino }) != file {
            return Err(io::ErrorKind::NotFound.into());
        }
        let uid = self.uid.filter(|uid| *uid != found.st_uid).map(Uid::from_raw);
        let gid = self.gid.filter(|gid| *gid != found.st_gid).map(Gid::from_raw);
        if uid.is_some() || gid.is_some() {
            fchownat(fd.as_fd(), "", uid, gid, AtFlags::AT_EMPTY_PATH)?;
        }
        match self.mode.filter(|mode| *mode != found.st_mode & 0o7777) {
            Some(mode) => change_mode(fd.as_fd(), mode),
            None => Ok(()),
        }
    }
}

/// Changes the mode of a file that is open with `O_PATH`, for which fchmod(2) does not work.
fn change_mode(fd: BorrowedFd<'_>, mode: u32) -> io::Result<()> {
    let by_name = PathBuf::from(format!("/proc/self/fd/{}", fd.as_raw_fd()));
    match fs::set_permissions(by_name, fs::Permissions::from_mode(mode)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {} // there is no /proc
        done => return done,
    }
    let (call, number) = (libc::SYS_fchmodat2, fd.as_raw_fd());
    // SAFETY: the path is an empty string that ends in a zero byte, the rest are numbers; the
    // descriptor is open for as long as it is borrowed.
    let done = unsafe { libc::syscall(call, number, c"".as_ptr(), mode, libc::AT_EMPTY_PATH) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Binds a socket to a temporary name beside `path` and renames the file to `path`. So the new
/// socket replaces an older socket at `path` without a moment in which nobody listens. `bind` binds
/// the socket, and `listen` makes it listen.
///
/// # Errors
/// What the system reports. `AlreadyExists` if a file that is not a socket is at `path`.
pub(in crate::net) fn make(
    fd: &OwnedFd,
    path: &Path,
    permissions: &Permissions,
    bind: impl FnOnce(&OwnedFd, &Path) -> io::Result<()>,
    listen: impl FnOnce(BorrowedFd<'_>) -> io::Result<()>,
) -> io::Result<()> {
    if fs::symlink_metadata(path).is_ok_and(|found| !found.file_type().is_socket()) {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "exists and is not a socket"));
    }
    let mut name = path.as_os_str().to_owned();
    // The name is short: the configuration takes only paths that leave nine bytes free
    // (`config/text/address.rs`).
    name.push(format!(".{:x}.t", std::process::id()));
    let temporary = PathBuf::from(name);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    bind(fd, &temporary)?;
    let publish = || {
        permissions.apply(&temporary, FileId::of(&temporary)?)?;
        listen(fd.as_fd())?;
        fs::rename(&temporary, path)
    };
    publish().inspect_err(|_| {
        // The first error is reported, so an error of this call is not.
        let _ = fs::remove_file(&temporary);
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::os::unix::net::UnixListener;

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("stickd-file-{}-{name}", std::process::id()));
        fs::remove_dir_all(&dir).ok();
        fs::create_dir(&dir).unwrap();
        dir
    }

    #[test]
    fn permissions_are_set_at_the_intended_file_only() {
        let dir = directory("meant");
        let path = dir.join("s");
        let _listening = UnixListener::bind(&path).unwrap();
        let file = FileId::of(&path).unwrap();
        let closed = Permissions { mode: Some(0o600), ..Permissions::default() };
        closed.apply(&path, file).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        // Another program puts another file there, or a link to a file.
        let other = dir.join("other");
        fs::write(&other, "").unwrap();
        let before = fs::metadata(&other).unwrap().mode();
        fs::rename(&path, dir.join("away")).unwrap();
        type Place = fn(&Path, &Path) -> io::Result<()>;
        let places: [Place; 2] = [|a, b| symlink(a, b), |a, b| fs::hard_link(a, b)];
        for place in places {
            place(&other, &path).unwrap();
            assert!(closed.apply(&path, file).is_err());
            assert_eq!(fs::metadata(&other).unwrap().mode(), before);
            fs::remove_file(&path).unwrap();
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn missing_permissions_are_those_of_a_new_socket() {
        let dir = directory("new");
        let path = dir.join("s");
        let _listening = UnixListener::bind(&path).unwrap();
        let made = fs::metadata(&path).unwrap();
        let filled = Permissions::default().or_as_made_now(&path).unwrap();
        assert_eq!(filled.mode, Some(made.mode() & 0o7777));
        if Uid::effective().is_root() {
            assert_eq!((filled.uid, filled.gid), (Some(made.uid()), Some(made.gid())));
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn the_identity_of_a_file_is_read_back_from_text() {
        let file = FileId { device: 7, number: u64::MAX };
        assert_eq!(file.to_string().parse(), Ok(file));
        assert_eq!("7".parse::<FileId>(), Err(()));
        assert_eq!("7.x".parse::<FileId>(), Err(()));
    }
}
