//! Listening sockets that exec leaves open for this process (`LISTEN_FDS`): by the predecessor's
//! fork, by a supervisor, or by systemd.
#![expect(unsafe_code, reason = "descriptors that exec left open have to be adopted by number")]

use std::ffi::CString;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::socket::{getsockopt, sockopt};

use super::worker_link::WorkerLink;
use crate::net::socket::local_address;

/// The first descriptor that `LISTEN_FDS` counts (sd_listen_fds(3)).
pub const FIRST_FD: RawFd = 3;

/// The name in `LISTEN_FDNAMES` of the socket on which a predecessor hands over.
pub const HANDOVER_NAME: &str = "stickd-handover";

/// What the names begin with of the sockets on which older processes, which drain, still tell
/// something; their generation follows.
pub const OLDER_NAME: &str = "stickd-older-";

/// The name of the socket on which a worker tells its supervisor that it serves.
pub const SUPERVISOR_NAME: &str = "stickd-supervisor";

/// The name of the socket on which a worker asks the one before it for its listening sockets.
pub const TAKEOVER_NAME: &str = "stickd-takeover";

/// Sockets that another process left to this one.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Listening sockets with the names they were given.
    pub listeners: Vec<InheritedListener>,
    /// The socket on which the predecessor hands over, when there is one.
    pub handover: Option<UnixStream>,
    /// The way to the supervisor, when there is one.
    pub supervisor: Option<WorkerLink>,
    /// The socket where the worker before this one hands its listening sockets over.
    pub takeover: Option<UnixStream>,
}

impl Inherited {
    /// The sockets of older processes that still tell something, with their generations.
    pub fn take_older(&mut self) -> Vec<(u32, UnixStream)> {
        let mut older = Vec::new();
        for listener in std::mem::take(&mut self.listeners) {
            match listener.name.strip_prefix(OLDER_NAME).and_then(|number| number.parse().ok()) {
                Some(generation) => older.push((generation, UnixStream::from(listener.fd))),
                None => self.listeners.push(listener),
            }
        }
        older
    }

    /// The socket that was given under `name`, or else the one that listens on the address that
    /// the name spells: systemd has names of its own.
    pub fn take(&mut self, name: &str) -> Option<OwnedFd> {
        let named = |listener: &InheritedListener| listener.name == name;
        let bound = |listener: &InheritedListener| {
            local_address(listener.fd.as_fd()).is_ok_and(|a| listen_name(&a.to_string()) == name)
        };
        let listeners = &mut self.listeners;
        let at = listeners.iter().position(named).or_else(|| listeners.iter().position(bound))?;
        Some(listeners.swap_remove(at).fd)
    }
}

/// One inherited listening socket.
#[derive(Debug)]
pub struct InheritedListener {
    /// The name its giver knows it by.
    pub name: String,
    /// The socket; close-on-exec.
    pub fd: OwnedFd,
}

/// Why `LISTEN_FDS` could not be followed.
#[derive(Debug)]
pub enum InheritError {
    /// The count is not a number, or not a sensible one.
    BadCount(String),
    /// A descriptor is not open.
    NotOpen(RawFd, io::Error),
    /// A descriptor is open but does not listen.
    NotListening(RawFd),
}

impl fmt::Display for InheritError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadCount(text) => write!(f, "LISTEN_FDS: '{text}' is not a count of descriptors"),
            Self::NotOpen(fd, error) => write!(f, "LISTEN_FDS: descriptor {fd}: {error}"),
            Self::NotListening(fd) => {
                write!(f, "LISTEN_FDS: descriptor {fd} is not a listening socket")
            }
        }
    }
}

impl std::error::Error for InheritError {}

/// The variables of sd_listen_fds(3), as this process found them.
#[derive(Debug, Default, Clone)]
pub struct ListenVariables {
    /// `LISTEN_PID`.
    pub pid: Option<String>,
    /// `LISTEN_FDS`.
    pub fds: Option<String>,
    /// `LISTEN_FDNAMES`.
    pub names: Option<String>,
}

impl ListenVariables {
    /// Those of this process.
    pub fn of_process() -> Self {
        let variable = |name| std::env::var(name).ok();
        Self {
            pid: variable("LISTEN_PID"),
            fds: variable("LISTEN_FDS"),
            names: variable("LISTEN_FDNAMES"),
        }
    }
}

/// Adopts what exec left open for this process. To be called once, before any other descriptor
/// is opened.
///
/// # Errors
/// When the variables are meant for this process and do not describe open listening sockets.
pub fn from_exec(variables: &ListenVariables) -> Result<Inherited, InheritError> {
    let mut inherited = Inherited::default();
    let (Some(count_text), Some(pid)) = (&variables.fds, &variables.pid) else {
        return Ok(inherited);
    };
    if pid.parse() != Ok(std::process::id()) {
        return Ok(inherited); // meant for a process between the sender and us
    }
    let count: RawFd = count_text
        .parse()
        .ok()
        .filter(|count| (0..=20_000).contains(count))
        .ok_or_else(|| InheritError::BadCount(count_text.clone()))?;
    let mut names = variables.names.as_deref().unwrap_or_default().split(':');
    for number in FIRST_FD..FIRST_FD + count {
        let name = names.next().unwrap_or("unknown");
        let fd = adopt(number)?;
        if name == HANDOVER_NAME {
            inherited.handover = Some(UnixStream::from(fd));
        } else if name == SUPERVISOR_NAME {
            inherited.supervisor = Some(WorkerLink::from(fd));
        } else if name == TAKEOVER_NAME {
            inherited.takeover = Some(UnixStream::from(fd));
        } else if is_listening(&fd) || name.starts_with(OLDER_NAME) {
            inherited.listeners.push(InheritedListener { name: name.to_owned(), fd });
        } else {
            return Err(InheritError::NotListening(number));
        }
    }
    Ok(inherited)
}

/// Takes ownership of descriptor `number` and marks it close-on-exec.
fn adopt(number: RawFd) -> Result<OwnedFd, InheritError> {
    // SAFETY: the borrow lives for this call only; fcntl reports a descriptor that is not open.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    fcntl(borrowed, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))
        .map_err(|errno| InheritError::NotOpen(number, errno.into()))?;
    // SAFETY: fcntl just showed that the descriptor is open, and nothing else in this process
    // owns it: whoever started us left it open for us (LISTEN_PID names this process) and
    // from_exec runs before anything else is opened.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether the descriptor is a socket that listens.
pub(super) fn is_listening(fd: &OwnedFd) -> bool {
    getsockopt(fd, sockopt::AcceptConn).unwrap_or(false)
}

/// A name as `LISTEN_FDNAMES` takes it: printable, without colon, at most 255 bytes.
pub fn listen_name(text: &str) -> String {
    let clean = |c: char| if c.is_ascii_graphic() && c != ':' { c } else { '_' };
    text.chars().map(clean).take(255).collect()
}

/// A string for exec, which ends at a zero byte.
///
/// # Errors
/// `InvalidInput` when the text itself holds a zero byte.
pub fn c_string(text: impl Into<Vec<u8>>) -> io::Result<CString> {
    CString::new(text).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_for_another_process_are_left_alone() {
        let variables =
            ListenVariables { pid: Some("1".to_owned()), fds: Some("2".to_owned()), names: None };
        let inherited = from_exec(&variables).unwrap();
        assert!(inherited.listeners.is_empty() && inherited.handover.is_none());
    }

    #[test]
    fn a_count_that_is_no_number_is_an_error() {
        let variables = ListenVariables {
            pid: Some(std::process::id().to_string()),
            fds: Some("many".to_owned()),
            names: None,
        };
        assert!(matches!(from_exec(&variables), Err(InheritError::BadCount(_))));
    }

    #[test]
    fn names_lose_what_the_variable_cannot_carry() {
        assert_eq!(listen_name("fe web:127.0.0.1"), "fe_web_127.0.0.1");
    }
}
