//! A program that runs beside this process, in a process group of its own. The end of the program
//! raises SIGCHLD, which wakes the loop. And the end of this process by a signal.
#![expect(unsafe_code, reason = "close_range(2), which nix lacks, and actions of signals")]

use std::io;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command};

use nix::sys::signal::{SigHandler, Signal, killpg, raise, signal};
use nix::unistd::Pid;

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With this status.
    Exited(u8),
    /// By a signal.
    Killed,
}

/// A program that was started.
#[derive(Debug)]
pub struct Program {
    child: Child,
    end: Option<End>,
}

impl Program {
    /// Starts a program with these arguments and with no variables but these. A name without `/`
    /// is looked for in the directories of the variable `PATH`. The program has nothing to read,
    /// and writes where this process does.
    ///
    /// # Errors
    /// What pipe(2), fork(2) and exec(2) report.
    pub fn start(
        program: &str,
        arguments: &[String],
        variables: &[(&str, String)],
    ) -> io::Result<Self> {
        keep_descriptors();
        let mut command = Command::new(program);
        // There may be no /dev/null after chroot(2), but an empty pipe.
        let (nothing, _) = io::pipe()?;
        command.args(arguments).env_clear().stdin(nothing).process_group(0);
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        Ok(Self { child: command.spawn()?, end: None })
    }

    /// How the program has ended; none while it runs.
    pub fn poll(&mut self) -> Option<End> {
        if self.end.is_none() {
            self.end = match self.child.try_wait() {
                Ok(None) => None,
                Ok(Some(status)) => Some(match (status.code(), status.signal()) {
                    (Some(code), None) => End::Exited(u8::try_from(code).unwrap_or(u8::MAX)),
                    _ => End::Killed,
                }),
                // Nobody else waits for the child, so this does not happen.
                Err(_) => Some(End::Killed),
            };
        }
        self.end
    }

    /// Kills the program, and what it has started in its group. [`Program::poll`] tells when it has
    /// ended.
    pub fn kill(&mut self) {
        if self.poll().is_some() {
            return; // the number may belong to another process by now
        }
        if let Ok(pid) = i32::try_from(self.child.id()) {
            // It fails only if the group has ended.
            let _ = killpg(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Lets no child inherit any descriptor but the first three. This process opens none that a child
/// would inherit, but it may have been started with some.
fn keep_descriptors() {
    const FIRST: libc::c_uint = 3;
    // SAFETY: the call changes a flag of descriptors, which only exec(2) looks at. Where the system
    // lacks the call, it changes nothing. musl has no function for the call, so its number is used.
    unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC.cast_signed(),
        );
    }
}

/// Ends this process by a signal that it does not block. Returns where the system does not let the
/// signal end it, as in the first process of a container.
pub fn end_this_by(ending: Signal) {
    // Who started the process may have had it ignore the signal, as shells do with programs in the
    // background.
    // SAFETY: the default action calls no code of this program.
    if unsafe { signal(ending, SigHandler::SigDfl) }.is_ok() {
        raise(ending).ok();
    }
}

/// A program that nobody waits for any more is killed.
impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}
