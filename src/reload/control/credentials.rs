//! The process at the other end of a unix socket. The process id that the kernel keeps with a
//! socket proves nothing by itself: that process may have ended, and another may use its socket
//! now.
#![expect(unsafe_code, reason = "pidfd_open(2), which nix lacks")]

use std::fs;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{getsockopt, sockopt};
use nix::unistd::Uid;

/// The process that connected to a socket, or that listened where one connected to.
#[derive(Debug)]
pub struct OtherEnd {
    /// Its process id, as this process sees it.
    pub pid: i32,
    /// Its user, when it connected or began to listen.
    pub uid: Uid,
}

impl OtherEnd {
    /// The process at the other end of `stream`.
    ///
    /// # Errors
    /// What getsockopt(2) reports; `PermissionDenied`, with words, when that process has ended,
    /// or lives in another process namespace, where ids mean something else.
    pub fn of(stream: &UnixStream) -> io::Result<Self> {
        let credentials = getsockopt(stream, sockopt::PeerCredentials)?;
        let (pid, uid) = (credentials.pid(), Uid::from_raw(credentials.uid()));
        // The kernel reports 0 for a process that has no id in this namespace.
        if pid <= 0 || is_elsewhere(pid) {
            return Err(refused("it lives in another process namespace"));
        }
        if has_ended(stream, pid)? {
            return Err(refused("it has ended, and left its socket to somebody"));
        }
        Ok(Self { pid, uid })
    }
}

fn refused(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

/// Whether the process that made the socket has ended. A descriptor of the process tells, as its id
/// may belong to another process by now.
fn has_ended(stream: &UnixStream, pid: i32) -> io::Result<bool> {
    let process = match getsockopt(stream, sockopt::PeerPidfd) {
        Ok(process) => process,
        // Before Linux 6.5 there is only the id: a process with this id has to exist at least.
        Err(Errno::ENOPROTOOPT) => match pidfd_open(pid) {
            Ok(process) => process,
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => return Ok(true),
            Err(error) => return Err(error),
        },
        // The errors for a process that was already waited for.
        Err(Errno::ESRCH | Errno::EINVAL | Errno::ENODATA) => return Ok(true),
        Err(errno) => return Err(errno.into()),
    };
    Ok(has_exited(&process)?)
}

/// Whether the process behind this descriptor has ended.
///
/// # Errors
/// What poll(2) reports.
pub fn has_exited(process: &OwnedFd) -> nix::Result<bool> {
    exits_until(process, PollTimeout::ZERO)
}

/// Whether process `pid` has ended or ends within `limit_ms` milliseconds. False if that cannot be
/// found out.
pub fn ends_within(pid: i32, limit_ms: u16) -> bool {
    match pidfd_open(pid) {
        Ok(process) => exits_until(&process, PollTimeout::from(limit_ms)).unwrap_or(false),
        Err(error) => error.raw_os_error() == Some(libc::ESRCH),
    }
}

fn exits_until(process: &OwnedFd, limit: PollTimeout) -> nix::Result<bool> {
    let mut polled = [PollFd::new(process.as_fd(), PollFlags::POLLIN)];
    Ok(poll(&mut polled, limit)? > 0)
}

/// A descriptor of a process. It never means another process, even if the id is used again.
///
/// # Errors
/// What pidfd_open(2) reports.
pub fn pidfd_open(pid: i32) -> io::Result<OwnedFd> {
    // SAFETY: the call takes two numbers, and no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let fd = i32::try_from(fd).map_err(|_| io::ErrorKind::InvalidData)?;
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just created this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether the process lives in another namespace of process ids, for example in a container. False
/// if /proc is missing, for example after `chroot`.
fn is_elsewhere(pid: i32) -> bool {
    let depth = |process: &str| {
        let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
        let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
        Some(ids.split_whitespace().count())
    };
    match (depth(&pid.to_string()), depth("self")) {
        (Some(theirs), Some(ours)) => theirs != ours,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_other_end_of_a_pair_is_this_process() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let other = OtherEnd::of(&ours).unwrap();
        assert_eq!(u32::try_from(other.pid), Ok(std::process::id()));
        assert_eq!(other.uid, Uid::effective());
    }

    #[test]
    fn the_first_process_lives_here() {
        assert!(!is_elsewhere(1));
    }
}
