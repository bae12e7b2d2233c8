//! Starts the program anew as a child process. The child inherits the listening sockets and a
//! socket of the handover. That socket and waitpid(2) tell what becomes of the child.
#![expect(unsafe_code, reason = "fork(2): descriptors and LISTEN_PID must be set in the child")]

use std::ffi::{CString, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, dup2_raw, execve, fork};

use super::failure::Failure;
use super::inherit::{FIRST_FD, HANDOVER_NAME, NAMES_NAME, c_string};
use super::message::Message;
use crate::net::confine::capabilities;
use crate::net::memory::file_with;

/// The longest list of names that the environment carries, in bytes.
const NAMES_LEN_MAX: usize = 64 * 1024;

/// The variable of the environment that holds the state of a supervisor.
pub(super) const SUPERVISOR_STATE: &str = "STICKD_SUPERVISOR";

/// How this process was started. Its successor is started in the same way.
#[derive(Debug, Clone)]
pub struct Command {
    /// The path of the binary, absolute.
    pub program: PathBuf,
    /// Its arguments, the name first, without `-sf` and `-st`.
    pub arguments: Vec<OsString>,
    /// The environment this process was started with.
    pub environment: Vec<(OsString, OsString)>,
    /// The directory that it was started in, where relative names begin; none if it was gone.
    pub directory: Option<PathBuf>,
}

impl Command {
    /// How this process was started, without the options that name predecessors.
    ///
    /// # Errors
    /// What readlink(2) or getcwd(2) report when the path of the binary is looked for.
    pub fn of_process() -> io::Result<Self> {
        Ok(Self {
            program: own_program()?,
            arguments: without_predecessors(std::env::args_os()),
            environment: std::env::vars_os().filter(|(name, _)| name != SUPERVISOR_STATE).collect(),
            directory: std::env::current_dir().ok(),
        })
    }

    /// The name that the program was started by, without its directory. A link may give it any
    /// name.
    pub fn name(&self) -> Option<String> {
        let name = Path::new(self.arguments.first()?).file_name()?;
        Some(name.to_string_lossy().into_owned())
    }
}

/// The absolute path that this program was started by. It may be a link that points to another
/// version by now, which is meant then. If the shell has found the program by its name alone, this
/// is the path of the file.
fn own_program() -> io::Result<PathBuf> {
    let file = |path: &Path| fs::metadata(path).map(|found| (found.dev(), found.ino()));
    let running = file(Path::new("/proc/self/exe"));
    let named = std::env::args_os().next().map(PathBuf::from).unwrap_or_default();
    if named.components().count() > 1 && file(&named).ok() == running.ok() {
        return std::path::absolute(named);
    }
    std::env::current_exe()
}

/// Leaves out `-sf`, `-st` and the process ids behind them.
fn without_predecessors(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut kept = Vec::new();
    let mut skipping = false;
    for word in words {
        let is_option = word.as_encoded_bytes().starts_with(b"-");
        skipping = word == "-sf" || word == "-st" || (skipping && !is_option);
        if !skipping {
            kept.push(word);
        }
    }
    kept
}

/// A child process.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    exited: Option<WaitStatus>,
}

impl Child {
    /// Starts `command` as the successor, with `listeners` (names and descriptors) and its end of
    /// the socket of the handover.
    ///
    /// # Errors
    /// What fork(2) reports. `InvalidInput` for an argument that exec cannot pass on. A binary that
    /// cannot be run is no error here: the child says so on the socket of the handover, and exits.
    pub fn start(
        command: &Command,
        listeners: &[(String, RawFd)],
        handover: &UnixStream,
    ) -> io::Result<Self> {
        let tell = |mut socket: &UnixStream, failure: &Failure| {
            socket.write_all(&Message::Failed(failure.clone()).write_framed())
        };
        Self::start_with(command, listeners, &[(HANDOVER_NAME, handover)], tell)
    }

    /// The same with named sockets of other purposes. A child that cannot run the binary tells the
    /// reason on the first of them.
    ///
    /// # Errors
    /// As for [`Child::start`].
    pub fn start_with(
        command: &Command,
        listeners: &[(String, RawFd)],
        sockets: &[(&str, &UnixStream)],
        tell: impl FnOnce(&UnixStream, &Failure) -> io::Result<()>,
    ) -> io::Result<Self> {
        let program = c_string(command.program.clone().into_os_string().into_vec())?;
        let arguments: Vec<CString> = command
            .arguments
            .iter()
            .map(|argument| c_string(argument.clone().into_vec()))
            .collect::<io::Result<_>>()?;
        let mut names: Vec<&str> = listeners.iter().map(|(name, _)| name.as_str()).collect();
        let mut fds: Vec<RawFd> = listeners.iter().map(|(_, fd)| *fd).collect();
        for (name, socket) in sockets {
            names.push(name);
            fds.push(socket.as_raw_fd());
        }
        // A string of the environment has a limit of its own (MAX_ARG_STRLEN): what is longer goes
        // into a file without a name.
        let mut names = names.join(":");
        let mut _file = None;
        if names.len() > NAMES_LEN_MAX {
            let file = file_with(NAMES_NAME, names.as_bytes())?;
            NAMES_NAME.clone_into(&mut names);
            fds.insert(0, _file.insert(file).as_raw_fd());
        }
        let environment = environment(command, fds.len(), &names)?;
        // SAFETY: this process has one thread, so the child may do everything that it could do
        // itself, allocation included.
        match unsafe { fork() }? {
            ForkResult::Parent { child } => Ok(Self { pid: child, exited: None }),
            ForkResult::Child => {
                if let Some(directory) = &command.directory {
                    // Only relative names need it; if it is gone, they will be reported.
                    let _ = std::env::set_current_dir(directory);
                }
                // Where this fails, the program has what its file or root gives it.
                let _ = capabilities::pass_on();
                // The descriptors are about to be replaced, those of the log too.
                let told = sockets.first().and_then(|(_, socket)| above(socket, fds.len()).ok());
                let error = execute(&program, &arguments, environment, &fds);
                let failure = Failure::new(&format!("{}: {error}", command.program.display()));
                if let Some(socket) = told {
                    // If it cannot be told, the exit status has to do.
                    let _ = tell(&socket, &failure);
                }
                // SAFETY: _exit takes any status and does not return; it runs no destructor
                // that belongs to the parent.
                unsafe { libc::_exit(1) }
            }
        }
    }

    /// A child of this process that was started elsewhere.
    pub fn of_child(pid: i32) -> Self {
        Self { pid: Pid::from_raw(pid), exited: None }
    }

    /// Notes the status that waitpid(2) has reported of this child.
    pub fn note_exit(&mut self, status: WaitStatus) {
        self.exited = Some(status);
    }

    /// The child's process id.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// How the child has ended, in words. `None` while it lives.
    pub fn poll_exit(&mut self) -> Option<String> {
        if self.exited.is_none() {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(_) => {}
                Ok(status) => self.exited = Some(status),
            }
        }
        match self.exited? {
            WaitStatus::Exited(_, status) => Some(format!("it exited with status {status}")),
            WaitStatus::Signaled(_, signal, _) => Some(format!("it was ended by {signal}")),
            other => Some(format!("it changed state: {other:?}")),
        }
    }

    /// The exit status of this process that corresponds to the end of the child. A signal counts as
    /// shells count it.
    pub fn status(&self) -> u8 {
        match self.exited {
            Some(WaitStatus::Exited(_, status)) => u8::try_from(status & 0xff).unwrap_or(1),
            Some(WaitStatus::Signaled(_, signal, _)) => {
                u8::try_from(128 + signal as i32).unwrap_or(1)
            }
            _ => 0,
        }
    }

    /// Sends a signal, unless the child has ended.
    pub fn signal(&self, signal: Signal) {
        if self.exited.is_none()
            && let Err(errno) = kill(self.pid, signal)
        {
            log::warn!("send {signal} to process {}: {errno}", self.pid);
        }
    }

    /// Kills the child. [`Self::poll_exit`] reaps it later.
    pub fn kill(&self) {
        if self.exited.is_none()
            && let Err(errno) = kill(self.pid, Signal::SIGKILL)
        {
            log::warn!("reload: end process {}: {errno}", self.pid);
        }
    }
}

/// The child's environment: that of the parent, with the variables of sd_listen_fds(3) except
/// `LISTEN_PID`.
fn environment(command: &Command, count: usize, names: &str) -> io::Result<Vec<CString>> {
    let mut variables = Vec::with_capacity(command.environment.len() + 3);
    for (name, value) in &command.environment {
        if !name.to_string_lossy().starts_with("LISTEN_") {
            let mut line = name.clone();
            line.push("=");
            line.push(value);
            variables.push(c_string(line.into_vec())?);
        }
    }
    variables.push(c_string(format!("LISTEN_FDS={count}"))?);
    variables.push(c_string(format!("LISTEN_FDNAMES={names}"))?);
    Ok(variables)
}

/// Runs in the child: places the descriptors and executes the program. Returns only on failure.
fn execute(
    program: &CString,
    arguments: &[CString],
    mut environment: Vec<CString>,
    fds: &[RawFd],
) -> io::Error {
    let mut place = || -> io::Result<()> {
        place_descriptors(fds)?;
        environment.push(c_string(format!("LISTEN_PID={}", std::process::id()))?);
        let Err(errno) = execve(program, arguments, &environment);
        Err(errno.into())
    };
    match place() {
        Err(error) => error,
        Ok(()) => io::ErrorKind::Other.into(),
    }
}

/// Closes every descriptor that a child by fork(2) has of its parent, but the standard streams and
/// `kept`. The listening sockets matter most: as long as they are open in any process, clients can
/// connect to them. To be called in the child, which uses none of the values that own the others.
pub(super) fn close_all_but(kept: &[BorrowedFd<'_>]) {
    let mut kept: Vec<u32> = kept.iter().map(|fd| fd.as_raw_fd().unsigned_abs()).collect();
    kept.sort_unstable();
    let mut from = FIRST_FD.unsigned_abs();
    for (to, next) in kept.into_iter().map(|fd| (fd, fd + 1)).chain([(u32::MAX, 0)]) {
        if from < to {
            let (from, to) = (libc::c_ulong::from(from), libc::c_ulong::from(to - 1));
            // SAFETY: the values that own these descriptors are the parent's; the child never uses
            // them, and runs none of their destructors.
            unsafe { libc::syscall(libc::SYS_close_range, from, to, 0) };
        }
        from = from.max(next);
    }
}

/// A copy of a socket above the range of the descriptors that [`place_descriptors`] places.
fn above(socket: &UnixStream, placed: usize) -> io::Result<UnixStream> {
    let above = RawFd::try_from(placed).map_err(|_| io::ErrorKind::InvalidInput)? + FIRST_FD;
    let fd = fcntl(socket, FcntlArg::F_DUPFD_CLOEXEC(above))?;
    // SAFETY: fcntl(2) has just made this descriptor, and nobody else has it.
    Ok(unsafe { UnixStream::from_raw_fd(fd) })
}

/// Copies `fds` to `FIRST_FD` and up, open across exec. They are all copied above that range first,
/// as one of them may stand where another has to go.
fn place_descriptors(fds: &[RawFd]) -> io::Result<()> {
    let count = RawFd::try_from(fds.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let above = FIRST_FD + count;
    let mut copies = Vec::with_capacity(fds.len());
    for fd in fds {
        // SAFETY: the caller's listeners and socket are open, and stay so: the child only execs.
        let fd = unsafe { BorrowedFd::borrow_raw(*fd) };
        copies.push(fcntl(fd, FcntlArg::F_DUPFD_CLOEXEC(above))?);
    }
    for (copy, target) in copies.iter().zip(FIRST_FD..above) {
        // SAFETY: `copy` is open, made just above.
        let from = unsafe { BorrowedFd::borrow_raw(*copy) };
        // SAFETY: `target` may be a descriptor that some value of the parent owns; the child
        // never runs those values' destructors.
        let to = unsafe { dup2_raw(from, target) }?;
        std::mem::forget(to); // stays open for the new program
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_is_not_told_of_predecessors() {
        let line = "stickd -f a.cfg -sf 12 34 -p pid -st 5 -L a";
        let kept = without_predecessors(line.split(' ').map(OsString::from));
        assert_eq!(kept.join(&OsString::from(" ")), "stickd -f a.cfg -p pid -L a");
    }
}
