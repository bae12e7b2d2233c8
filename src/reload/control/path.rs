//! The path where a process meets one that is started with `-sf <its pid>`. Both find it from the
//! process id and the configuration. It lies in a directory where nobody else may write.
//!
//! The name is `stickd-<pid>.sock`, mode 600, in the first of these directories that is safe:
//!
//! 1. for root `/run/stickd`; for other users `stickd` in `$XDG_RUNTIME_DIR`, then in
//!    `/run/user/<uid>`. A missing directory is made with mode 700;
//! 2. the directories of the pid file and of each `stats socket`;
//! 3. `/tmp/stickd-<uid>`, which is made with mode 700, too.
//!
//! A directory is safe if it and all directories above it belong to root or to this user, are no
//! symbolic links, and cannot be written to by others. Directories above it may be writable for
//! others if they have the sticky bit, as /tmp has.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, Uid};

use crate::net::address::Address;
use crate::net::socket;

/// The most files in a directory that one start looks at for leftovers.
const LEFTOVERS_MAX: usize = 1024;

/// The directories where a control socket may be, the best one first.
#[derive(Clone, Debug, Default)]
pub struct MeetingPlaces {
    /// Directories that are made if they are missing.
    own: Vec<PathBuf>,
    /// Directories of files that the configuration names.
    configured: Vec<PathBuf>,
    /// The directory to use if no other can be used.
    last: PathBuf,
}

impl MeetingPlaces {
    /// The places of this user. `files` are the pid file and the paths of the `stats socket`s.
    pub fn new<'a>(files: impl Iterator<Item = &'a Path>) -> Self {
        let uid = Uid::effective();
        let own = if uid.is_root() {
            vec![PathBuf::from("/run/stickd")]
        } else {
            let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
            let usual = PathBuf::from(format!("/run/user/{uid}"));
            runtime.into_iter().chain([usual]).map(|dir| dir.join("stickd")).collect()
        };
        let absolute = |file: &Path| std::path::absolute(file).ok()?.parent().map(Path::to_owned);
        let mut configured: Vec<PathBuf> = files.filter_map(absolute).collect();
        configured.dedup();
        Self { own, configured, last: PathBuf::from(format!("/tmp/stickd-{uid}")) }
    }

    /// Only this directory.
    #[cfg(test)]
    pub(crate) fn only(dir: &Path) -> Self {
        Self { own: vec![dir.to_owned()], ..Self::default() }
    }

    /// Where the socket of process `pid` may be found, in safe directories.
    pub fn find(&self, pid: u32) -> impl Iterator<Item = PathBuf> {
        let all = self.own.iter().chain(&self.configured).chain([&self.last]);
        all.filter(|dir| check(dir).is_ok()).map(move |dir| dir.join(name_of(pid)))
    }

    /// Where process `pid` may put its socket. Missing directories are made, and sockets of ended
    /// processes are removed.
    pub fn prepare(&self, pid: u32) -> impl Iterator<Item = io::Result<PathBuf>> {
        let own = self.own.iter().map(|dir| (dir, true));
        let configured = self.configured.iter().map(|dir| (dir, false));
        own.chain(configured).chain([(&self.last, true)]).map(move |(dir, is_ours)| {
            if is_ours {
                make(dir)?;
            }
            check(dir)?;
            remove_leftovers(dir);
            Ok(dir.join(name_of(pid)))
        })
    }
}

fn name_of(pid: u32) -> String {
    format!("stickd-{pid}.sock")
}

fn pid_of(name: &OsStr) -> Option<i32> {
    name.to_str()?.strip_prefix("stickd-")?.strip_suffix(".sock")?.parse().ok()
}

fn make(dir: &Path) -> io::Result<()> {
    dir.ancestors().skip(1).try_for_each(|above| check_one(above, true))?;
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(named(dir, &error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Refuses a directory whose contents others than this user and root could replace.
fn check(dir: &Path) -> io::Result<()> {
    check_one(dir, false)?;
    dir.ancestors().skip(1).try_for_each(|above| check_one(above, true))
}

fn check_one(dir: &Path, is_above: bool) -> io::Result<()> {
    let found = fs::symlink_metadata(dir).map_err(|error| named(dir, &error))?;
    let refused = |why| Err(named(dir, &io::Error::other(why)));
    if !found.is_dir() {
        return refused("is not a directory");
    }
    if found.uid() != 0 && found.uid() != Uid::effective().as_raw() {
        return refused("belongs to another user");
    }
    if !is_closed(&found, is_above) {
        return refused("can be written to by others");
    }
    Ok(())
}

fn is_closed(dir: &Metadata, is_above: bool) -> bool {
    const OTHERS_MAY_WRITE: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    dir.mode() & OTHERS_MAY_WRITE == 0 || (is_above && dir.mode() & STICKY != 0)
}

fn named(dir: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", dir.display()))
}

/// Removes the sockets of processes that were killed or could not remove them after `chroot`.
fn remove_leftovers(dir: &Path) {
    let Ok(entries) = fs::read_dir(dir) else { return };
    for entry in entries.take(LEFTOVERS_MAX).flatten() {
        let Some(pid) = pid_of(&entry.file_name()) else { continue };
        // A process of another namespace has no id here, but its socket accepts connections.
        let is_gone = kill(Pid::from_raw(pid), None) == Err(Errno::ESRCH)
            && socket::connect(&Address::Unix(entry.path()), &socket::ConnectOptions::default())
                .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
        if is_gone && let Err(error) = fs::remove_file(entry.path()) {
            log::debug!("reload: remove {}: {error}", entry.path().display());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn directory(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("stickd-place-{}-{name}", std::process::id()));
        fs::remove_dir_all(&dir).ok();
        dir
    }

    #[test]
    fn what_is_missing_is_made_for_its_owner_alone() {
        let dir = directory("made");
        let path = MeetingPlaces::only(&dir).prepare(7).next().unwrap().unwrap();
        assert_eq!(path, dir.join("stickd-7.sock"));
        assert_eq!(fs::metadata(&dir).unwrap().mode() & 0o777, 0o700);
        assert_eq!(MeetingPlaces::only(&dir).find(7).next(), Some(path));
        fs::remove_dir(dir).unwrap();
    }

    #[test]
    fn a_directory_where_others_may_write_is_not_used() {
        let dir = directory("open");
        fs::create_dir(&dir).unwrap();
        for mode in [0o770, 0o707, 0o1777] {
            fs::set_permissions(&dir, Permissions::from_mode(mode)).unwrap();
            let error = MeetingPlaces::only(&dir).prepare(7).next().unwrap().unwrap_err();
            assert!(error.to_string().ends_with("can be written to by others"), "{error}");
            assert_eq!(MeetingPlaces::only(&dir).find(7).count(), 0);
            // Nor is one below it, unless the sticky bit keeps others from replacing that.
            let below = dir.join("below");
            let is_usable = MeetingPlaces::only(&below).prepare(7).next().unwrap().is_ok();
            assert_eq!(is_usable, mode == 0o1777, "{mode:o}");
        }
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn a_symbolic_link_is_not_followed() {
        let (dir, link) = (directory("real"), directory("link"));
        fs::create_dir(&dir).unwrap();
        fs::remove_file(&link).ok();
        symlink(&dir, &link).unwrap();
        for place in [link.clone(), link.join("below")] {
            let error = MeetingPlaces::only(&place).prepare(7).next().unwrap().unwrap_err();
            assert!(error.to_string().ends_with("is not a directory"), "{error}");
        }
        fs::remove_file(link).unwrap();
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn leftovers_go_and_nothing_else() {
        let dir = directory("left");
        fs::create_dir(&dir).unwrap();
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        let beyond_all = i32::MAX; // more than the kernel's largest process id
        for name in [name_of(own.unsigned_abs()), name_of(beyond_all.unsigned_abs())] {
            drop(UnixListener::bind(dir.join(name)).unwrap());
        }
        fs::write(dir.join("stickd-x.sock"), "").unwrap();
        let alive = dir.join(name_of(beyond_all.unsigned_abs() - 1));
        let _listening = UnixListener::bind(&alive).unwrap();
        MeetingPlaces::only(&dir).prepare(7).next().unwrap().unwrap();
        assert!(!dir.join(name_of(beyond_all.unsigned_abs())).exists());
        assert!(alive.exists() && dir.join("stickd-x.sock").exists());
        assert!(dir.join(name_of(own.unsigned_abs())).exists());
        fs::remove_dir_all(dir).unwrap();
    }
}
